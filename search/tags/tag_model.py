"""What turns evidence into probabilities of tags: learned once, for the embedded encoder, and shipped.

config.json         coefficients, and the encoder and concepts they are for
model.safetensors   int8 with a scale a row: `names` [n, t], text embeddings of the everyday concepts' names;
                    `probes` [p, d], linear probes of those that captions told of; `bias` [p]
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from indexer.errors import EncoderError
from indexer.types import Floats

FOLDER = Path(__file__).parent / "embedded_tags"
_CONFIG, _WEIGHTS = "config.json", "model.safetensors"


@dataclass(frozen=True)
class Coefficients:
    """Of the logit of a tag, for names without a probe; see `search.tags.scorer`."""

    gap: float
    """Of how far the name's score lies above the 10th best of the 1000 classes' names."""
    own: float
    """For a concept that has classes of the classifier at or below it."""
    own_mass: float
    """Of the logit of their probability."""
    inherited: float
    """For one whose nearest ancestor has."""
    inherited_mass: float
    siblings: float
    """Of the logarithm of how many concepts inherit from that ancestor."""
    confidence: float
    """Of the logit of the picture's most probable class."""
    own_confidence: float
    bias: float


@dataclass(frozen=True)
class TagModel:
    """The shipped numbers, unpacked."""

    fingerprint: str
    """Of the encoder that the vectors are of."""
    concepts: tuple[str, ...]
    """Ids of the everyday concepts that `names` embeds."""
    names: Floats
    """[n, t]."""
    probed: tuple[str, ...]
    """Ids of the concepts that have a probe."""
    probes: Floats
    """[p, d]: with `bias`, a vector's logit."""
    bias: Floats
    """[p]."""
    coefficients: Coefficients
    probe: tuple[float, float, float]
    """For names with a probe: of its logit, of the gap, and the bias."""

    def save(self, folder: Path = FOLDER, facts: Mapping[str, object] | None = None) -> None:
        """Write it; `facts` say how it came about."""
        from safetensors.numpy import save_file

        folder.mkdir(parents=True, exist_ok=True)
        tensors = {"bias": self.bias.astype(np.float32)}
        for name, matrix in (("names", self.names), ("probes", self.probes)):
            tensors[name], tensors[f"{name}.scale"] = _packed(matrix)
        save_file(tensors, folder / _WEIGHTS)
        config = {
            "fingerprint": self.fingerprint,
            "coefficients": asdict(self.coefficients),
            "probe": list(self.probe),
            **(facts or {}),
            "probed": " ".join(self.probed),
            "concepts": " ".join(self.concepts),
        }
        (folder / _CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def read_tag_model(folder: Path = FOLDER) -> TagModel:
    """The model in a folder. Raises EncoderError where it is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
        tensors = load_file(folder / _WEIGHTS)
        return TagModel(
            config["fingerprint"],
            tuple(config["concepts"].split()),
            _unpacked(tensors["names"], tensors["names.scale"]),
            tuple(config["probed"].split()),
            _unpacked(tensors["probes"], tensors["probes.scale"]),
            tensors["bias"],
            Coefficients(**config["coefficients"]),
            (config["probe"][0], config["probe"][1], config["probe"][2]),
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, SafetensorError) as error:
        raise EncoderError(f"The tag model in {folder} is damaged ({error}): install Pixloom again.") from error


def _packed(matrix: Floats) -> tuple[np.ndarray, Floats]:
    scale = np.maximum(np.abs(matrix).max(axis=1), 1e-12) / 127
    # safetensors writes an array's memory as it lies.
    packed = np.ascontiguousarray(np.round(matrix / scale[:, None]).astype(np.int8))
    return packed, np.ascontiguousarray(scale, np.float32)


def _unpacked(packed: np.ndarray, scale: Floats) -> Floats:
    matrix: Floats = packed.astype(np.float32) * scale[:, None]
    return matrix
