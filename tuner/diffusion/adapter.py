"""Pictures as references: IP-Adapter (Ye et al. 2023), which tells a model in pictures what it is otherwise told in
words."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image
from safetensors import SafetensorError

from indexer.config import Settings
from indexer.errors import TuneError
from tuner.diffusion.ask import Ask
from tuner.diffusion.companions import companion_file, network_file, refusal
from tuner.diffusion.sources import Source
from tuner.raster import to_bytes

_FIRST = ("proj.weight", "proj_in.weight", "proj.0.weight")
"""The first layer of the projection, whose second side is the width of the picture encoder."""


@contextmanager
def referring(pipe: Any, source: Source, ask: Ask, settings: Settings) -> Iterator[dict[str, Any]]:
    """Within it a diffusers pipeline looks at the references too that are asked for; gives the arguments that its call
    takes for that, none where there are no references.

    The adapter is a file of weights (.safetensors), or a folder with one, with the folder of a picture encoder near it.
    UsageError for a model that takes none, or whose adapter isn't here; TuneError for weights that are no IP-Adapter
    or one for another model.
    """
    if not ask.references:
        yield {}
        return
    if not hasattr(pipe, "unet") or not hasattr(pipe, "load_ip_adapter"):
        raise refusal(source, "picture")
    found = network_file(ask.reference_model, settings) if ask.reference_model else None
    weights = _weights_of(found or companion_file(source, "picture", settings))
    state = _state(weights, weights.stat().st_mtime_ns)
    encoder = _encoder(_encoder_of(weights, state))
    had = pipe.feature_extractor
    pipe.disable_attention_slicing()  # it is another kind of layer, which an adapter can't be laid over
    pipe.register_modules(image_encoder=encoder.to(device=pipe.unet.device, dtype=pipe.unet.dtype))
    try:
        pipe.load_ip_adapter(state, subfolder="", weight_name=weights.name)
        pipe.set_ip_adapter_scale(ask.reference_scale)
    except (KeyError, RuntimeError, ValueError) as error:
        pipe.unload_ip_adapter()
        said = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise TuneError(f"{weights.name} isn't an IP-Adapter for {source.name}: {said}") from error
    try:
        yield {"ip_adapter_image": [[Image.fromarray(to_bytes(one.rgb)) for one in ask.references]]}
    finally:
        pipe.unload_ip_adapter()
        pipe.register_modules(feature_extractor=had)


def _weights_of(source: Path) -> Path:
    """The file itself, or the only one of its kind in a folder."""
    if source.is_file():
        return source
    found = [path for path in sorted(source.glob("**/*.safetensors")) if "encoder" not in path.parent.name]
    if len(found) != 1:
        names = ", ".join(path.relative_to(source).as_posix() for path in found)
        raise TuneError(
            f"There are several files of weights in {source}: name one of {names}."
            if found
            else f"There is no IP-Adapter in {source}: it should hold a file of weights that ends in .safetensors."
        )
    return found[0]


@lru_cache(maxsize=1)
def _state(weights: Path, _changed: int) -> dict[str, dict[str, Any]]:
    """The two parts of an adapter's file: the projection of pictures, and the keys and values of attention."""
    from safetensors.torch import load_file

    parts: dict[str, dict[str, Any]] = {"image_proj": {}, "ip_adapter": {}}
    try:
        for name, values in load_file(weights).items():
            part, _, rest = name.partition(".")
            parts.setdefault(part, {})[rest] = values
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise TuneError(f"{weights.name} can't be read as safetensors: {str(error).splitlines()[0][:200]}") from error
    if len(parts) != 2 or not all(parts.values()):
        raise TuneError(f"{weights.name} is no IP-Adapter: it should hold image_proj and ip_adapter.")
    return parts


def _encoder_of(weights: Path, state: dict[str, dict[str, Any]]) -> Path:
    """The folder of the picture encoder that the adapter was trained with: of several that lie near, by its width."""
    near = (weights.parent, weights.parent.parent / "models", weights.parent.parent)
    folders = [one / "image_encoder" for one in near if (one / "image_encoder" / "config.json").is_file()]
    first = next((values for name, values in state["image_proj"].items() if name.endswith(_FIRST)), None)
    for folder in folders:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if first is None or first.shape[1] in (config.get("projection_dim"), config.get("hidden_size")):
            return folder
    raise TuneError(
        f"There is no picture encoder for {weights.name}: a folder image_encoder with the CLIP model that it was "
        f"trained with should lie beside it{', and the one there is another' if folders else ''}."
    )


@lru_cache(maxsize=1)
def _encoder(folder: Path) -> Any:
    import transformers

    transformers.logging.disable_progress_bar()
    try:
        return transformers.CLIPVisionModelWithProjection.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        ).eval()
    except MemoryError:
        raise
    except Exception as error:  # a folder of a stranger: transformers raises whatever its parts raise
        said = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise TuneError(f"{folder} holds no picture encoder that can be loaded: {said}") from error
