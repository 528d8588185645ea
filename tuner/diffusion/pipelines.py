"""Pipelines of diffusers: loaded once, kept for the next picture, and made into what a picture asks for."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import Any, Literal

from indexer.errors import PixloomError, TuneError, UsageError
from indexer.models.table import TABLE
from tuner.diffusion.complete import INDEX, check_complete, is_whole, parts_of, read_index
from tuner.diffusion.sources import Source, snapshot
from tuner.networks.ladder import out_of_memory

Mode = Literal["text", "picture", "mask"]
_MODES = {"text": "make pictures from words", "picture": "work from a picture", "mask": "fill what a mask hides"}
_LOGGERS = ("diffusers", "transformers", "peft")
_CUT = "{} is cut off, or isn't safetensors: get it again from where it came from."
_LCM = "LatentConsistencyModelPipeline"


@dataclass(slots=True)
class Loaded:
    """A pipeline in memory, and the further ones made of its parts."""

    source: Source
    base: Any
    scheduler: Any
    """The one that it came with."""
    _modes: dict[Mode, Any] = field(default_factory=dict)

    def mode(self, mode: Mode) -> Any:
        """The pipeline for that mode, of the same parts. UsageError where the model can't do it."""
        if mode not in self._modes:
            kind = target(type(self.base).__name__, mode, self.source)
            _check_channels(self.base, mode, self.source)
            self._modes[mode] = self.base if type(self.base) is kind else kind(**_components(self.base, kind))
        return self._modes[mode]

    @property
    def multiple(self) -> int:
        """Pixels that both sides of a picture have to be a multiple of."""
        scale = int(getattr(self.base, "vae_scale_factor", 8))
        transformer = self.base.components.get("transformer")
        patch = getattr(transformer.config, "patch_size", 2) if transformer is not None else 1
        return scale * max(1 if transformer is None else 2, patch if isinstance(patch, int) else 2)

    @property
    def side(self) -> int:
        """Pixels of the square that it was made for."""
        if self.source.side is not None:
            return self.source.side
        parts = self.base.components
        network = parts.get("unet") or parts.get("transformer")
        size = getattr(network.config, "sample_size", None) if network is not None else None
        size = max(size) if isinstance(size, list | tuple) else size
        return int(size or 128) * int(getattr(self.base, "vae_scale_factor", 8))


class Holder:
    """The pipeline that was used last. It is let go before another one is loaded: two may not fit."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._key: object = None
        self._loaded: Loaded | None = None

    @contextmanager
    def using(self, source: Source, *, half: bool = False, safety: bool = True) -> Iterator[Loaded]:
        """The pipeline of a source, which nobody else uses meanwhile. Errors as those of `load`."""
        with self._lock:
            key = source.path, source.stamp(), half, safety
            if self._loaded is None or self._key != key:
                self._loaded = None
                self._loaded, self._key = load(source, half=half, safety=safety), key
            yield self._loaded

    def has(self, source: Source) -> bool:
        """Whether it is the one that is kept."""
        return self._loaded is not None and self._loaded.source == source


@lru_cache(maxsize=1)
def holder() -> Holder:
    """The holder of this process."""
    return Holder()


def load(source: Source, *, half: bool = False, safety: bool = True) -> Loaded:
    """A pipeline on the CPU; without its safety checker where that isn't wanted.

    Only tensors are read, never code. TuneError for a model that is incomplete, cut off, pickled, or can't be loaded;
    UsageError for one that makes no pictures.
    """
    import torch

    dtype = torch.float32
    if half:  # bfloat16 has the range of float32: nothing overflows in it
        dtype = torch.bfloat16 if not torch.cuda.is_available() or torch.cuda.is_bf16_supported() else torch.float16
    file = source.path if source.path.is_file() else None
    folder = source.path if file is None else _configuration(source, file)
    index = read_index(source, folder)
    target(index["_class_name"], "text", source, any_mode=True)
    given: dict[str, Any] = {name: None for name, kind in parts_of(index).items() if kind is None}
    if not safety and "safety_checker" in index:
        given |= {"safety_checker": None, "requires_safety_checker": False}
    given |= {"torch_dtype": dtype, "local_files_only": True}
    try:
        with quiet():
            pipe = _from_folder(source, index, given) if file is None else _from_file(file, folder, index, given)
            if type(pipe).__name__ == _LCM:  # the general class does the same, and has modes that this one lacks
                pipe = _general(pipe)
    except (PixloomError, MemoryError):
        raise
    except Exception as error:  # files of a stranger: each library has errors of its own
        if out_of_memory(error):
            raise
        said = (str(error) or type(error).__name__).strip().splitlines()[0][:300]
        raise TuneError(f"The model {source.name} can't be loaded: {said}") from error
    pipe.set_progress_bar_config(disable=True)
    return Loaded(source, pipe, pipe.scheduler)


def target(kind: str, mode: Mode, source: Source, *, any_mode: bool = False) -> Any:
    """The class of pipelines that does what `mode` says with the parts of a `kind` (the name of a class).

    UsageError where there is none; with `any_mode` only where there is none for any mode.
    """
    from diffusers.pipelines import auto_pipeline

    tables: dict[Mode, Any] = {
        "text": auto_pipeline.AUTO_TEXT2IMAGE_PIPELINES_MAPPING,
        "picture": auto_pipeline.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING,
        "mask": auto_pipeline.AUTO_INPAINT_PIPELINES_MAPPING,
    }
    family = next((name for table in tables.values() for name, one in table.items() if one.__name__ == kind), None)
    if family is None:
        raise UsageError(
            f"{source.name} isn't a model for pictures ({kind}): take one of `pixloom models --for generate`."
        )
    found = tables[mode].get(family)
    if found is None and not any_mode:
        can = ", ".join(_MODES[one] for one in tables if family in tables[one])
        raise UsageError(f"{source.name} ({kind}) can't {_MODES[mode]}: it can {can}. Take another model.")
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Within it, diffusers and what it uses keep their warnings to themselves: they speak to programmers."""
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def _from_folder(source: Source, index: dict[str, Any], given: dict[str, Any]) -> Any:
    import diffusers

    variant = check_complete(source, source.path, index)
    kind: Any = getattr(diffusers, index["_class_name"])
    return kind.from_pretrained(source.path, variant=variant, use_safetensors=True, trust_remote_code=False, **given)


def _from_file(file: Path, folder: Path, index: dict[str, Any], given: dict[str, Any]) -> Any:
    import diffusers

    if file.suffix.lower() == ".safetensors" and not is_whole(file):
        raise TuneError(_CUT.format(file.name))
    kind: Any = getattr(diffusers, index["_class_name"])
    if not hasattr(kind, "from_single_file"):
        raise UsageError(f"Models of the kind {kind.__name__} can't be loaded from a single file: take its folder.")
    return kind.from_single_file(str(file), config=str(folder), **given)


def _configuration(source: Source, file: Path) -> Path:
    """The folder with what a single file of weights lacks: the sizes of its parts, and the tokenizers.

    It is a folder of the file's name beside it, its own folder, or a pulled model of the same kind.
    """
    from diffusers.loaders.single_file_utils import fetch_diffusers_config, load_single_file_checkpoint

    for folder in (file.with_suffix(""), file.parent):
        if (folder / INDEX).is_file():
            return folder
    if file.suffix.lower() == ".safetensors" and not is_whole(file):
        raise TuneError(_CUT.format(file.name))
    try:
        with quiet():
            repository = fetch_diffusers_config(load_single_file_checkpoint(str(file)))["pretrained_model_name_or_path"]
    except Exception as error:  # a file of a stranger
        raise TuneError(f"{file.name} isn't weights that can be loaded: {error}.") from error
    found = snapshot(repository)
    if found is not None and (found / INDEX).is_file():
        return found
    spec = next((one.name for one in TABLE if one.source == repository), None)
    pull = f"`pixloom models pull {spec}`" if spec else f"`hf download {repository}`"
    raise TuneError(
        f"{source.name} is weights alone, of the kind {repository}. Its configuration is needed too: {pull}, or put "
        f"{INDEX} and the folders of its parts into a folder {file.stem} beside it."
    )


def _general(pipe: Any) -> Any:
    from diffusers import StableDiffusionPipeline

    made: Any = StableDiffusionPipeline
    return made(**_components(pipe, made))


def _components(pipe: Any, kind: Any) -> dict[str, Any]:
    """Parts and options of a pipeline that another kind takes; parts that are missing are None."""
    expected, options = kind._get_signature_keys(kind)
    parts = {name: pipe.components.get(name) for name in expected}
    return parts | {name: pipe.config[name] for name in options if name in pipe.config}


def _check_channels(pipe: Any, mode: Mode, source: Source) -> None:
    """UsageError for a model that takes a mask beside the picture, and is given none."""
    network, vae = pipe.components.get("unet"), pipe.components.get("vae")
    if mode != "mask" and network is not None and vae is not None:
        takes, has = network.config.in_channels, vae.config.latent_channels
        if takes != has:
            raise UsageError(f"{source.name} is a model for masks ({takes} channels): it is for replace and erase.")
