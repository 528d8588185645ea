"""`clip:` encoders (Radford et al. 2021 and successors) through open_clip, on CPU or CUDA."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from indexer.config import Settings
from indexer.encoders import hub
from indexer.encoders.clip_export import ClipExport, free_memory
from indexer.encoders.heads import unit
from indexer.errors import EncoderError, UnreachableError, UsageError
from indexer.models import find
from indexer.types import Floats

_HUB, _FOLDER = "hf-hub:", "local-dir:"
_MAX_BATCH = 256
_ACTIVATIONS = 200
"""Memory of one picture's activations, as a multiple of the picture's own: generous for ViT and ConvNeXt."""


class ClipEncoder:
    """Any open_clip model with its own preprocessing and tokenizer."""

    notice: str | None = None
    tower = None

    def __init__(
        self, name: str, model: Any, preprocess: Callable[[Image.Image], Any], tokenizer: Any, models: Path | None
    ) -> None:
        """`model` arrives on the CPU in float32; it is put into eval mode and onto the GPU if there is one.
        On a CPU its picture tower may be exported below `models`, where that is given."""
        import torch

        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self.name = name
        self.fingerprint = _fingerprint(model, tokenizer)
        self.network = model.eval().to(self._device)
        self._preprocess, self.tokenizer = preprocess, tokenizer
        blank = self.prepare(Image.new("RGB", (8, 8)))
        self.picture_size = max(blank.shape[1:])
        self._batch = _batch_by_memory(torch, self._device, blank.nbytes)
        self.dimension = self.encode_texts(["a"]).shape[1]
        self._export = None
        if models and self._device == "cpu":
            self._export = ClipExport(models, self.fingerprint, self.network, self._by_torch)

    def prepare(self, image: Image.Image) -> Floats:
        """RGB picture of any size -> float32 [3, side, side] by the model's own preprocessing."""
        array: Floats = self._preprocess(image).numpy()
        return array

    def encode_pictures(self, batch: Sequence[Floats]) -> Floats:
        """n prepared pictures -> unit-norm [n, dimension]. Raises EncoderError when memory doesn't suffice."""
        vectors = self._export.run(batch) if self._export and len(batch) else None
        return self._by_torch(batch) if vectors is None else unit(vectors)

    def _by_torch(self, batch: Sequence[Floats]) -> Floats:
        return self._in_parts(
            lambda part: self.network.encode_image(self._torch.from_numpy(np.stack(part)).to(self._device)), batch
        )

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """n texts -> unit-norm [n, dimension]; what is beyond the model's context is left out."""
        return self._in_parts(lambda part: self.network.encode_text(self.tokenizer(list(part)).to(self._device)), texts)

    def _in_parts(self, encode: Callable[[Sequence[Any]], Any], items: Sequence[Any]) -> Floats:
        """Encode as many at once as memory allows, in half precision on CUDA; half as many when it ran out."""
        parts: list[Floats] = []
        done = 0
        while done < len(items):
            size = self._batch  # texts and pictures may be encoded at once: another thread may halve it
            try:
                with self._torch.inference_mode(), self._torch.autocast(self._device, enabled=self._device == "cuda"):
                    vectors = encode(items[done : done + size])
            except RuntimeError as error:
                if not _out_of_memory(error):
                    raise EncoderError(f"{self.name} failed: {_reason(error)}") from error
                if size == 1:
                    raise EncoderError(f"{self.name} needs more memory than there is: take a smaller model.") from error
                self._batch = size // 2
                continue
            parts.append(unit(vectors.float().cpu().numpy()))
            done += size
        return np.concatenate(parts) if parts else np.zeros((0, self.dimension), np.float32)


def load(name: str, settings: Settings) -> ClipEncoder:
    """The encoder of `clip:ARCH/WEIGHTS`, `clip:hf-hub:ORG/NAME` or `clip:/PATH/TO/FOLDER`.

    Raises UsageError for an unknown model, UnreachableError when weights aren't cached and the hub doesn't
    answer within `settings.hub_timeout` seconds, EncoderError when the model can't be loaded.
    """
    reference = name.removeprefix("clip:")
    if reference.startswith((_FOLDER, "/", ".", "~")) or Path(reference).is_dir():
        return _load_folder(name, Path(reference.removeprefix(_FOLDER)).expanduser(), settings)
    if reference.startswith(_HUB):
        repository = reference.removeprefix(_HUB)
        if repository.count("/") != 1:
            raise UsageError(f"{name!r} names no hub repository: write clip:{_HUB}ORG/NAME.")
        return _load_from_hub(name, repository, "", settings, {"model_name": reference})
    spec = find(name)
    if spec and not hub.cached(spec.source):  # before open_clip's import, which takes seconds
        _require_hub(name, settings)
    architecture, weights, pretrained = _known(reference)
    repository, _, filename = pretrained["hf_hub"].rpartition("/")
    model = {
        "model_name": architecture,
        "pretrained": weights,
        # open_clip only warns where the weights were trained with the other GELU, and then encodes wrongly.
        "force_quick_gelu": pretrained.get("quick_gelu", False),
    }
    return _load_from_hub(name, repository, filename, settings, model)


def _known(reference: str) -> tuple[str, str, dict[str, Any]]:
    """ARCH/WEIGHTS -> architecture, tag, open_clip's facts about the weights."""
    import open_clip

    architecture, _, weights = reference.partition("/")
    pretrained = open_clip.get_pretrained_cfg(architecture, weights) if weights else {}
    if pretrained:
        return architecture, weights, pretrained
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if tags:
        near = get_close_matches(reference, [f"{architecture}/{tag}" for tag in tags], n=5, cutoff=0)
    else:
        every = [f"{arch}/{tag}" for arch, tag in open_clip.list_pretrained()]
        near = get_close_matches(reference, every, n=5, cutoff=0.4)
    closest = ", ".join(f"clip:{match}" for match in near) or "none"
    raise UsageError(
        f"open_clip knows no model clip:{reference}; closest: {closest}. A folder is written clip:/PATH/TO/FOLDER."
    )


def _load_folder(name: str, folder: Path, settings: Settings) -> ClipEncoder:
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder} to load a CLIP model from.")
    try:
        with hub.offline():
            return _create(name, {"model_name": f"{_FOLDER}{folder.absolute()}"}, settings)
    except Exception as error:  # open_clip raises whatever its parts raise
        raise EncoderError(
            f"The CLIP model in {folder} can't be loaded: {_reason(error)}. It needs open_clip_config.json and "
            "weights that fit it, as open_clip saves them."
        ) from error


def _load_from_hub(name: str, repository: str, filename: str, settings: Settings, model: dict[str, Any]) -> ClipEncoder:
    """Load from the cache without asking the hub, and with it where something is missing there."""
    if hub.cached(repository, filename):
        # Whatever is missing beside the weights (the tokenizer, say) is fetched below.
        with suppress(Exception), hub.offline():
            return _create(name, model, settings)
    _require_hub(name, settings)
    try:
        return _create(name, model, settings)
    except Exception as error:
        _require_hub(name, settings)
        raise EncoderError(f"{name} can't be loaded: {_reason(error)}.") from error


def _require_hub(name: str, settings: Settings) -> None:
    if not hub.reachable(settings.hub_timeout):
        raise UnreachableError(
            f"The weights of {name} aren't (all) here and the model hub can't be reached: connect, take a local "
            "folder (clip:/PATH/TO/FOLDER), or use --encoder embedded."
        )


def _create(name: str, model: dict[str, Any], settings: Settings) -> ClipEncoder:
    import open_clip

    network, _, preprocess = open_clip.create_model_and_transforms(**model, require_pretrained=True)
    models = settings.models if settings.clip_export else None
    return ClipEncoder(name, network, preprocess, open_clip.get_tokenizer(model["model_name"]), models)


def _fingerprint(model: Any, tokenizer: Any) -> str:
    """SHA-256 of the weights in float32, the preprocessing and the kind of tokenizer."""
    import open_clip

    digest = hashlib.sha256(json.dumps(open_clip.get_model_preprocess_cfg(model), sort_keys=True).encode())
    digest.update(f"{type(tokenizer).__name__} {tokenizer.context_length}".encode())
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(f"{key} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().contiguous().numpy())
    return digest.hexdigest()


def _batch_by_memory(torch: Any, device: str, picture_bytes: int) -> int:
    """Pictures encoded at once: what half of the free memory holds, 1 to 256."""
    free = int(torch.cuda.mem_get_info()[0]) if device == "cuda" else free_memory()
    return max(1, min(_MAX_BATCH, free // 2 // (_ACTIVATIONS * picture_bytes)))


def _out_of_memory(error: RuntimeError) -> bool:
    return type(error).__name__ == "OutOfMemoryError" or "allocate memory" in str(error)


def _reason(error: BaseException) -> str:
    """The first line of an exception's text, short enough for one sentence."""
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0].strip().rstrip(".")[:300]
