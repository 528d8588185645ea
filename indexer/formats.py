"""Picture formats: which are read, which are refused and why, and how to tell them apart.

Formats go by Pillow's names ("JPEG", "PNG"); camera RAW is "RAW", vector drawings and the like have
names of their own in `REFUSED`.
"""

import re
from pathlib import PurePath

# Read by Pillow without starting another program. Those of the second group have no signature, so
# they are tried last. Left out on purpose: EPS (starts Ghostscript), WMF, BUFR, GRIB, HDF5 and MPEG
# (stubs without a decoder), IPTC (a wrapper that opens any format, EPS included).
PILLOW_FORMATS = (
    *("JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "BMP", "DIB", "JPEG2000", "PSD", "ICO", "CUR", "ICNS"),
    *("PPM", "QOI", "DDS", "SGI", "SUN", "FLI", "FTEX", "GBR", "BLP", "FITS", "MCIDAS", "MSP", "PIXAR"),
    *("XBM", "XPM", "XVTHUMB", "DCX", "PCX"),
    *("IM", "PCD", "SPIDER", "IMT", "TGA"),
)

REFUSED = {
    "EPS": "PostScript is a program, not a picture: it isn't run; export it as PNG or JPEG",
    "SVG": "a vector drawing (SVG) has no pixels; export it as PNG",
    "WMF": "a vector drawing (Windows metafile) has no pixels; export it as PNG",
    "PDF": "a PDF is a document; export its pages as PNG or JPEG",
    "FPX": "FlashPix isn't supported; convert it to JPEG or TIFF",
    "JXL": "JPEG XL isn't supported yet; convert it to JPEG, PNG or AVIF",
    "JXR": "JPEG XR isn't supported; convert it to JPEG or PNG",
    "EXR": "OpenEXR isn't supported; convert it to TIFF or PNG",
    "HDR": "Radiance HDR isn't supported; convert it to TIFF or PNG",
    "XCF": "a GIMP project isn't supported; export it as PNG",
    "PSB": "a large Photoshop document isn't supported; save it as TIFF or PNG",
}

_EXTENSIONS = {
    "JPEG": "jpg jpeg jpe jfif jif mpo",
    "PNG": "png apng",
    "WEBP": "webp",
    "AVIF": "avif avifs",
    "HEIF": "heic heif hif heics heifs",
    "GIF": "gif",
    "TIFF": "tif tiff btf tf8",
    "BMP": "bmp dib rle",
    "JPEG2000": "jp2 j2k j2c jpc jpf jpx",
    "PSD": "psd",
    "ICO": "ico cur icns",
    "PPM": "ppm pgm pbm pnm pfm",
    "TGA": "tga icb vda vst",
    "RAW": "3fr ari arw bay cap cr2 cr3 crw dcr dng erf fff iiq k25 kdc mef mos mrw nef nrw orf pef ptx raf"
    " raw rw2 rwl sr2 srf srw x3f",
    "QOI": "qoi",
    "SGI": "sgi rgb rgba bw",
    "PCX": "pcx dcx",
    "DDS": "dds",
    "others": "blp fit fits flc fli ftc ftu gbr im imt msp pcd pxr ras spider xbm xpm",
    "EPS": "eps epsf epsi",
    "SVG": "svg svgz",
    "WMF": "wmf emf",
    "FPX": "fpx mic",
    "JXL": "jxl",
    "JXR": "jxr wdp hdp",
    "EXR": "exr",
    "HDR": "hdr",
    "XCF": "xcf",
    "PSB": "psb",
}

EXTENSIONS = {f".{extension}": name for name, line in _EXTENSIONS.items() for extension in line.split()}
"""Extension, lower-case with its dot -> format."""

# Format and what its first bytes look like. RAW comes before TIFF, whose header most of them share.
_SIGNATURES = tuple(
    (name, re.compile(pattern, re.DOTALL))
    for name, pattern in (
        ("JPEG", rb"\xff\xd8\xff"),
        ("PNG", rb"\x89PNG\r\n\x1a\n"),
        ("GIF", rb"GIF8[79]a"),
        ("WEBP", rb"RIFF.{4}WEBP"),
        (
            "RAW",
            rb"II\*\0.{4}CR\x02|IIRO|IIRS|MMOR|IIU\0|FUJIFILMCCD-RAW|\0MRM|FOVb|.{6}HEAPCCDR|.{4}ftypcrx ",
        ),
        ("TIFF", rb"II[*+]\0|MM\0[*+]"),
        ("AVIF", rb".{4}ftypavi[fs]"),
        ("HEIF", rb".{4}ftyp(he[ivx]|mif|msf)"),
        ("BMP", rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"),
        ("JPEG2000", rb"\0\0\0\x0cjP  \r\n|\xff\x4f\xff\x51"),
        ("PSD", rb"8BPS\0\x01"),
        ("ICO", rb"\0\0[\x01\x02]\0[^\0]\0|icns"),
        ("PPM", rb"(P[1-6fFy])\s+[#\d-]"),
        ("XVTHUMB", rb"P7 332"),
        ("QOI", rb"qoif.{8}[\3\4][\0\1]"),
        ("DDS", rb"DDS \x7c\0"),
        ("SGI", rb"\x01\xda[\0\1][\1\2]"),
        ("SUN", rb"\x59\xa6\x6a\x95"),
        ("FLI", rb".{4}[\x11\x12]\xaf"),
        ("PCX", rb"\x0a[\0\2\3\4\5]\x01[\1\2\4\x08]."),
        ("FITS", rb"SIMPLE  ="),
        ("XPM", rb"/\* XPM \*/"),
        ("BLP", rb"BLP[12]"),
        ("MSP", rb"DanM|LinS"),
        ("EPS", rb"%!PS|\xc5\xd0\xd3\xc6"),
        ("WMF", rb"[\x01\x02]\0\x09\0\0[\x01\x03]|\xd7\xcd\xc6\x9a\0\0|\x01\0\0\0.{36} EMF"),
        ("SVG", rb"(\xef\xbb\xbf)?\s*(<\?xml.*|<!--.*|<!DOCTYPE svg.*)?<svg[\s>]"),
        ("FPX", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        ("PDF", rb"%PDF-"),
        ("JXL", rb"\0\0\0\x0cJXL |\xff\x0a"),
        ("JXR", rb"II\xbc\x01"),
        ("EXR", rb"\x76\x2f\x31\x01"),
        ("HDR", rb"#\?RADIANCE"),
        ("XCF", rb"gimp xcf"),
        ("PSB", rb"8BPS\0\x02"),
    )
)


def is_picture_name(name: str) -> bool:
    """Whether a file of this name claims to be a picture, readable here or not (`.eps` does)."""
    return PurePath(name).suffix.lower() in EXTENSIONS


def signature(head: bytes) -> str | None:
    """Format that a file's first bytes tell, or None; some formats have no signature.

    48 bytes are enough for all but SVG, which may begin with pages of comment.
    """
    return next((name for name, pattern in _SIGNATURES if pattern.match(head)), None)


def sniff(head: bytes) -> bool:
    """Whether the first 32 bytes look like a picture's; for files whose name doesn't say.

    A PDF is a document, not a picture; and FlashPix begins like any old office document.
    """
    return signature(head[:32]) not in {None, "PDF", "FPX"}
