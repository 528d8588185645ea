"""Encoders by name. Importing this is cheap: each loader's libraries are imported when it is called."""

from importlib import import_module

from indexer.config import Settings
from indexer.errors import UsageError
from indexer.models import DEFAULT_CLIP, find
from indexer.types import Encoder

LOADERS = {
    "embedded": "indexer.encoders.embedded:load",
    "clip": "indexer.encoders.clip:load",
    "lit": "indexer.encoders.checkpoint:load",
}
"""What stands before the first colon of a name -> module:function, called with (name, settings)."""

VALID_NAMES = (
    f"auto, embedded, clip:ARCH/WEIGHTS (such as {DEFAULT_CLIP}), clip:hf-hub:ORG/NAME, "
    "clip:/PATH/TO/FOLDER, lit:NAME or lit:/PATH/TO/FOLDER (trained by `pixloom train lit`)"
)

_FALLBACK = (
    "No CLIP weights are here and the model hub can't be reached, so the weaker embedded encoder is used: "
    f"switch later with `pixloom index --encoder {DEFAULT_CLIP} PATH`."
)


def resolve(name: str, settings: Settings) -> tuple[str, str | None]:
    """An encoder's name with `auto` decided, and a notice for the user when that fell back.

    `auto` is DEFAULT_CLIP when its weights are cached or the hub answers within `settings.hub_timeout`
    seconds, otherwise `embedded`. Raises UsageError for names of no known form; loads nothing.
    """
    if name != "auto":
        _loader(name)
        return name, None
    hub = import_module("indexer.encoders.hub")
    spec = find(DEFAULT_CLIP)
    if (spec and hub.cached(spec.source)) or hub.reachable(settings.hub_timeout):
        return DEFAULT_CLIP, None
    return "embedded", _FALLBACK


def load_encoder(name: str, settings: Settings) -> Encoder:
    """The encoder of a name as users write it: `auto`, `embedded`, `clip:...`.

    Raises UsageError for an unknown name, DependencyError when an optional package is missing,
    UnreachableError when weights must be fetched and the hub doesn't answer, EncoderError when they can't
    be loaded.
    """
    name, _ = resolve(name, settings)
    module, function = _loader(name).split(":")
    encoder: Encoder = getattr(import_module(module), function)(name, settings)
    return encoder


def _loader(name: str) -> str:
    kind, _, rest = name.partition(":")
    if kind not in LOADERS or (kind != "embedded") != bool(rest):
        raise UsageError(f"There is no encoder {name!r}. Valid: {VALID_NAMES}.")
    return LOADERS[kind]
