"""Files beside a picture that speak of it: captions (`.txt`) and metadata (`.xmp`)."""

import re
from contextlib import suppress
from pathlib import Path, PurePath

from indexer.facts import clean
from indexer.metadata import merge
from indexer.types import Caption, Metadata
from indexer.xmp import MAX_PACKET, read_xmp

_MAX_BYTES = 256 * 2**10
_MAX_CAPTIONS = 500
_MAX_LENGTH = 2000
# A line of a Tux Paint stamp: `pt_BR.utf8=...`, `ca@valencia.utf8=...`.
_TRANSLATION = re.compile(r"([A-Za-z]{2,3}(?:[_@-][A-Za-z]+)*)\.(?:utf-?8)=(.*)", re.IGNORECASE)


def sidecars_of(name: str) -> tuple[str, ...]:
    """Names that companions of a file of this name would have in the same folder.

    For `photo.jpg`: captions in `photo.txt`, metadata in `photo.xmp` and `photo.jpg.xmp`.
    """
    stem = PurePath(name).stem
    return f"{stem}.txt", f"{stem}.xmp", f"{name}.xmp"


def sidecar_time(path: Path) -> int:
    """When the companions of the picture at `path` last changed, in ns, as a scan sees it; 0 where there is none."""
    times = [0]
    for name in sidecars_of(path.name):
        with suppress(OSError):
            times.append(path.with_name(name).stat().st_mtime_ns)
    return max(times)


def read_captions(path: Path) -> tuple[Caption, ...]:
    """Captions of the picture at `path`, one a line of the text file beside it; () where there is none.

    Plain lines are English. The form of Tux Paint's stamps adds other languages, `xx.utf8=caption`;
    their codes are given as language tags: `pt-BR`, `ca-valencia`. What is said twice in one language
    is kept once. Only the first 256 KB and 500 captions are read.
    """
    try:
        with path.with_name(sidecars_of(path.name)[0]).open("rb") as file:
            text = _decode(file.read(_MAX_BYTES))
    except OSError:
        return ()
    captions: dict[tuple[str, str], Caption] = {}
    for line in text.splitlines():
        match = _TRANSLATION.fullmatch(line.strip())
        language = re.sub("[_@]", "-", match[1]) if match else "en"
        caption = clean(match[2] if match else line, _MAX_LENGTH)
        if caption:
            captions.setdefault((language.split("-")[0].lower(), caption), Caption(caption, language))
    return tuple(captions.values())[:_MAX_CAPTIONS]


def with_sidecars(metadata: Metadata, path: Path) -> Metadata:
    """Metadata of the picture at `path` with what its .xmp files say put over it.

    `photo.jpg.xmp` is believed before `photo.xmp`, which may be about `photo.raw` as well.
    """
    for name in sidecars_of(path.name)[1:]:
        try:
            with path.with_name(name).open("rb") as file:
                metadata = merge(metadata, read_xmp(file.read(MAX_PACKET + 1)))
        except OSError:
            continue
    return metadata


def _decode(data: bytes) -> str:
    """Text of any usual encoding; '' for data that is no text at all."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    if b"\0" in data:
        return ""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) == _MAX_BYTES and error.start >= len(data) - 3:  # cut by the limit, within a character
            return data[: error.start].decode("utf-8-sig")
        return data.decode("cp1252", "replace")
