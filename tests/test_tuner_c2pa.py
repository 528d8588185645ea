"""C2PA manifests, with a certificate authority that lives as long as a test."""

import datetime
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.errors import DependencyError, UsageError
from tuner.lineage.c2pa import Credentials, read_manifest, signed
from tuner.lineage.recipe import Recipe

pytest.importorskip("c2pa")
x509 = pytest.importorskip("cryptography.x509")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: E402

RECIPE = Recipe("denoise", {"strength": 0.5, "method": "nlm"}, seed=7, parent="ab" * 32)
MAIL = x509.ExtendedKeyUsageOID.EMAIL_PROTECTION


def name(common: str) -> Any:
    return x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COMMON_NAME, common),
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Test Pictures"),
        ]
    )


def certificate(subject: str, issuer: str, key: Any, signer: Any, authority: bool, usages: Sequence[Any]) -> Any:
    now = datetime.datetime.now(datetime.UTC)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(
            x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if usages:
        made = made.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return made.sign(signer, algorithm)


def written(folder: Path, key: Any, usages: Sequence[Any] = (MAIL,), self_signed: bool = False) -> Credentials:
    authority = ec.generate_private_key(ec.SECP256R1())
    root = certificate("root", "root", authority, authority, True, ())
    signer, issuer = (key, "signer") if self_signed else (authority, "root")
    own = certificate("signer", issuer, key, signer, False, usages)
    chain = [own] if self_signed else [own, root]
    (folder / "chain.pem").write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Credentials(folder / "chain.pem", folder / "key.pem")


def picture(format: str = "JPEG", seed: int = 0) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_manifest_says_what_was_done_to_what(tmp_path: Path, format: str) -> None:
    credentials = written(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    data = signed(picture(format), format, RECIPE, "algorithmicallyEnhanced", credentials, picture(seed=1))
    manifest = read_manifest(data)
    assert manifest is not None
    assert manifest.state == "Valid"
    assert manifest.actions == ("c2pa.opened", "c2pa.edited")
    assert manifest.source_type == "algorithmicallyEnhanced"
    assert manifest.recipe == RECIPE
    assert manifest.signer == "Test Pictures"
    first, second = (np.asarray(Image.open(io.BytesIO(one))) for one in (data, picture(format)))
    assert np.array_equal(first, second)


def test_a_generated_picture_was_created(tmp_path: Path) -> None:
    credentials = written(tmp_path, ec.generate_private_key(ec.SECP384R1()))
    manifest = read_manifest(signed(picture("PNG"), "PNG", Recipe("generate"), "trainedAlgorithmicMedia", credentials))
    assert manifest is not None
    assert (manifest.state, manifest.actions) == ("Valid", ("c2pa.created",))
    assert manifest.source_type == "trainedAlgorithmicMedia"


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_other_keys_sign_too(tmp_path: Path, kind: str) -> None:
    key = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else rsa.generate_private_key(65537, 2048)
    credentials = written(tmp_path, key)
    assert read_manifest(signed(picture(), "JPEG", RECIPE, "compositeCapture", credentials)) is not None


def test_a_chain_of_edits_stays_valid(tmp_path: Path) -> None:
    credentials = written(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    first = signed(picture(), "JPEG", RECIPE, "algorithmicallyEnhanced", credentials, picture(seed=1))
    manifest = read_manifest(signed(picture(), "JPEG", RECIPE, "algorithmicallyEnhanced", credentials, first))
    assert manifest is not None
    assert manifest.state == "Valid"


def test_a_parent_of_a_format_that_holds_no_manifest(tmp_path: Path) -> None:
    credentials = written(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    manifest = read_manifest(
        signed(picture(), "JPEG", RECIPE, "algorithmicallyEnhanced", credentials, picture("BMP", 1))
    )
    assert manifest is not None
    assert manifest.actions == ("c2pa.opened", "c2pa.edited")


def test_a_changed_picture_is_invalid(tmp_path: Path) -> None:
    credentials = written(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    data = bytearray(signed(picture("PNG"), "PNG", RECIPE, "algorithmicallyEnhanced", credentials))
    data[-40] ^= 1
    manifest = read_manifest(bytes(data))
    assert manifest is not None
    assert manifest.state == "Invalid"
    assert "assertion.dataHash.mismatch" in manifest.problems


def test_pictures_without_a_manifest_have_none() -> None:
    assert read_manifest(picture()) is None
    assert read_manifest(picture("BMP")) is None


def test_keys_that_cannot_be_used(tmp_path: Path) -> None:
    def sign(credentials: Credentials) -> None:
        signed(picture(), "JPEG", RECIPE, "algorithmicallyEnhanced", credentials)

    key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(UsageError, match="can't be read"):
        sign(Credentials(tmp_path / "none.pem", tmp_path / "none.pem"))
    good = written(tmp_path, key)
    with pytest.raises(UsageError, match="no private key"):
        sign(Credentials(good.chain, good.chain))
    with pytest.raises(UsageError, match="no chain"):
        sign(Credentials(good.key, good.key))
    (tmp_path / "other").mkdir()
    other = written(tmp_path / "other", ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(UsageError, match="not the key"):
        sign(Credentials(good.chain, other.key))
    with pytest.raises(UsageError, match="doesn't take"):
        sign(written(tmp_path, rsa.generate_private_key(65537, 1024)))


@pytest.mark.parametrize("usages", [(), (x509.ExtendedKeyUsageOID.SERVER_AUTH,)])
def test_certificates_for_other_uses_are_refused(tmp_path: Path, usages: tuple[Any, ...]) -> None:
    credentials = written(tmp_path, ec.generate_private_key(ec.SECP256R1()), usages)
    with pytest.raises(UsageError, match="extended key usage"):
        signed(picture(), "JPEG", RECIPE, "algorithmicallyEnhanced", credentials)


def test_a_certificate_that_signed_itself_is_refused(tmp_path: Path) -> None:
    credentials = written(tmp_path, ec.generate_private_key(ec.SECP256R1()), self_signed=True)
    with pytest.raises(UsageError, match="self-signed"):
        signed(picture(), "JPEG", RECIPE, "algorithmicallyEnhanced", credentials)


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(DependencyError, match=r"pixloom\[c2pa\]"):
        read_manifest(tmp_path / "picture.jpg")
