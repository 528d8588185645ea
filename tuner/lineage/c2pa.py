"""C2PA manifests (Content Credentials, specification 2.1), signed with a key of the user's, and read back at once.

The certificate chain is a PEM file, the signer's first: not self-signed, with the key usage `digitalSignature` and the
extended key usage `emailProtection` or `documentSigning`; the private key a PEM file without a password. Nothing is
asked of the network: there is no time stamp, and no remote manifest is fetched.
"""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.errors import DependencyError, TuneError, UsageError
from indexer.formats import signature
from tuner.lineage.recipe import Recipe
from tuner.lineage.xmp import SOURCE_TYPES

_MIME = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
    "GIF": "image/gif",
}
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_PARENT = "parent"
_OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
RECIPE = "pixloom.recipe"
"""Label of the assertion that holds the recipe."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files of the user's that manifests are signed with."""

    chain: Path
    """Certificates in PEM, the signer's first, without the root."""
    key: Path
    """Private key in PEM: elliptic curve (P-256, P-384, P-521), Ed25519, or RSA of 2048 bits or more."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a picture's manifest says, as far as it could be verified."""

    state: str
    """`Trusted`, `Valid` (all signatures and hashes fit, the signer isn't on a list of trust), or `Invalid`."""
    signer: str | None
    """Who the certificate was issued to."""
    actions: tuple[str, ...]
    """Such as `c2pa.opened`, `c2pa.edited`, in their order."""
    source_type: str | None
    """Digital source type of the last action that has one, without its URI."""
    recipe: Recipe | None
    problems: tuple[str, ...]
    """Codes of what failed."""


def signed(
    data: bytes,
    format: str,
    recipe: Recipe,
    kind: str,
    credentials: Credentials,
    parent: Path | bytes | None = None,
    title: str = "picture",
) -> bytes:
    """The bytes of an outcome's file with a signed manifest: what it was made from, and how.

    `format` is Pillow's name of it, `kind` the bare name of an IPTC digital source type. What a parent's own manifest
    says is kept within. DependencyError where the package is missing, UsageError for certificates or keys that can't
    be used, TuneError where the manifest can't be read back as valid.
    """
    c2pa = _library()
    outcome = io.BytesIO()
    definition = _definition(recipe, kind, format, title, parent is not None)
    with (
        _reported(c2pa),
        _signer(c2pa, credentials) as signer,
        _context(c2pa) as context,
        c2pa.Builder(definition, context) as builder,
    ):
        if parent is not None:
            _add_parent(builder, parent)
        builder.sign(signer, _MIME[format], io.BytesIO(data), outcome)
    found = read_manifest(outcome.getvalue())
    if found is None or found.state == "Invalid":
        problems = ", ".join(found.problems) if found else "none was found"
        raise TuneError(f"The manifest that was written can't be verified: {problems}. Check the certificates' usages.")
    return outcome.getvalue()


def read_manifest(source: Path | bytes) -> Manifest | None:
    """The active manifest of a picture; None where it has none, or is of a format that holds none.

    DependencyError where the package is missing.
    """
    c2pa = _library()
    data = source if isinstance(source, bytes) else source.read_bytes()
    mime = _MIME.get(signature(data[:4096]) or "")
    if mime is None:
        return None
    with _context(c2pa) as context:
        try:
            reader = c2pa.Reader(mime, io.BytesIO(data), context=context)
        except c2pa.C2paError:
            return None
        with reader:
            return _read(reader)


def _read(reader: Any) -> Manifest:
    active = reader.get_active_manifest() or {}
    results = (reader.get_validation_results() or {}).get("activeManifest", {})
    assertions = {one["label"]: one["data"] for one in active.get("assertions", ())}
    actions: list[dict[str, Any]] = next(
        (data["actions"] for label, data in assertions.items() if label.startswith("c2pa.actions")), []
    )
    kinds = [one["digitalSourceType"] for one in actions if "digitalSourceType" in one]
    recipe = None
    if isinstance(assertions.get(RECIPE), dict):
        try:
            recipe = Recipe.from_dict(assertions[RECIPE])
        except UsageError:
            recipe = None
    return Manifest(
        state=str(reader.get_validation_state() or "Invalid"),
        signer=(active.get("signature_info") or {}).get("issuer"),
        actions=tuple(one["action"] for one in actions),
        source_type=kinds[-1].rpartition("/")[2] if kinds else None,
        recipe=recipe,
        problems=tuple(one["code"] for one in results.get("failure", ())),
    )


def _definition(recipe: Recipe, kind: str, format: str, title: str, has_parent: bool) -> str:
    name, _, version = recipe.software.partition(" ")
    agent = {"name": name, "version": version}
    about = {"softwareAgent": agent, "when": recipe.created_at, "digitalSourceType": SOURCE_TYPES + kind}
    said = {**about, "description": recipe.operation}
    if has_parent:
        opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [_PARENT]}}
        actions: list[dict[str, Any]] = [opened, {"action": "c2pa.edited", **said}]
    else:
        actions = [{"action": "c2pa.created", **said}]
    return json.dumps(
        {
            "claim_generator_info": [agent],
            "title": title,
            "format": _MIME[format],
            "assertions": [
                {"label": "c2pa.actions", "data": {"actions": actions}},
                {"label": RECIPE, "data": recipe.to_dict()},
            ],
        }
    )


def _add_parent(builder: Any, parent: Path | bytes) -> None:
    """The parent as an ingredient: its hash, and whatever its own manifest says."""
    data = parent if isinstance(parent, bytes) else parent.read_bytes()
    about = {
        "title": parent.name if isinstance(parent, Path) else "parent",
        "relationship": "parentOf",
        "label": _PARENT,
    }
    mime = _MIME.get(signature(data[:4096]) or "", "application/octet-stream")
    builder.add_ingredient(json.dumps({**about, "format": mime}), mime, io.BytesIO(data))


def _library() -> Any:
    try:
        import c2pa
    except ImportError as error:
        raise DependencyError("Signed provenance needs an extra: pip install 'pixloom[c2pa]'.") from error
    return c2pa


@contextmanager
def _context(c2pa: Any) -> Iterator[Any]:
    settings = c2pa.Settings.from_dict(_OFFLINE)
    with settings, c2pa.Context(settings) as context:
        yield context


@contextmanager
def _signer(c2pa: Any, credentials: Credentials) -> Iterator[Any]:
    try:
        chain, key = credentials.chain.read_bytes(), credentials.key.read_bytes()
    except OSError as error:
        raise UsageError(f"{error.filename} can't be read: {error.strerror}. Give the C2PA key files anew.") from error
    algorithm = _algorithm(chain, key, credentials)
    with c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, chain, key, None)) as signer:
        yield signer


def _algorithm(chain: bytes, key: bytes, credentials: Credentials) -> str:
    """COSE's name of how such a key signs; UsageError for one that can't, or isn't the certificate's."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    try:
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{credentials.key} is no private key in PEM without a password.") from error
    try:
        own = load_pem_x509_certificates(chain)[0]
    except (ValueError, IndexError) as error:
        raise UsageError(f"{credentials.chain} is no chain of certificates in PEM.") from error
    if own.subject == own.issuer:
        raise UsageError(f"The signer's certificate in {credentials.chain} is self-signed: C2PA wants one of a CA.")
    if own.public_key() != private.public_key():
        raise UsageError(
            f"{credentials.key} is not the key of the first certificate in {credentials.chain}: the signer's own has "
            "to come first."
        )
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in _CURVES:
        return _CURVES[private.curve.name]
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size >= 2048:
        return "ps256"
    raise UsageError(f"{credentials.key} is of a kind that C2PA doesn't take: use P-256, Ed25519, or RSA of 2048 bits.")


@contextmanager
def _reported(c2pa: Any) -> Iterator[None]:
    try:
        yield
    except c2pa.C2paError as error:
        text = str(error).strip() or type(error).__name__
        raise UsageError(
            f"The manifest can't be signed: {text}. The certificate must not be self-signed, and must have the "
            "extended key usage emailProtection or documentSigning."
        ) from error
