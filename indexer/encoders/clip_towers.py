"""A CLIP model as towers for heads: its picture vectors are the features, its text vectors the embeddings."""

import copy
from collections.abc import Sequence
from typing import Any

from PIL import Image

from indexer.config import Settings
from indexer.encoders import clip
from indexer.encoders.adapters import Adapters, merge
from indexer.encoders.headed import Tokenize
from indexer.encoders.heads import Head, Shared
from indexer.types import Floats


class ClipTowers:
    """Its features are the vectors of the plain model's own index: where there is one, no picture is read again."""

    any_size, share = False, 1.0

    def __init__(self, encoder: clip.ClipEncoder, digest: str = "") -> None:
        self.encoder, self.name, self.notice = encoder, encoder.name, encoder.notice
        self.fingerprint, self.text_fingerprint = encoder.fingerprint, encoder.fingerprint + digest
        self.dimension = self.text_dimension = encoder.dimension
        self.picture_size = encoder.picture_size
        self.heads: dict[str, Head] = {"shared": Shared(encoder.dimension)}

    def prepare(self, image: Image.Image) -> Any:
        """As the model itself."""
        return self.encoder.prepare(image)

    def features(self, batch: Sequence[Any]) -> Floats:
        """n prepared pictures -> the model's unit-norm vectors [n, dimension]."""
        return self.encoder.encode_pictures(batch)

    def embed(self, texts: Sequence[str]) -> Floats:
        """n texts -> the model's unit-norm vectors [n, dimension]."""
        return self.encoder.encode_texts(texts)

    def tuned(self, adapters: Adapters, digest: str) -> "ClipTowers":
        """The same with adapters merged into the text part of the model, which is changed in place."""
        merge(_text_part(self.encoder.network), adapters)
        return ClipTowers(self.encoder, digest)

    def text_module(self) -> tuple[Any, Tokenize]:
        """The text part of a copy of the model, to be trained."""
        import torch

        network = copy.deepcopy(self.encoder.network).float().cpu()
        network.visual = torch.nn.Identity()  # its matrices are not to be adapted
        return _text_part(network).eval(), lambda texts: (self.encoder.tokenizer(list(texts)),)

    def picture_module(self) -> Any:
        """The picture part of a copy of the model, to be trained."""
        import open_clip

        facts = open_clip.get_model_preprocess_cfg(self.encoder.network)
        return _picture_part(copy.deepcopy(self.encoder.network.visual).float().cpu(), facts["mean"], facts["std"])


def _text_part(network: Any) -> Any:
    """A CLIP model as a module of texts only: tokens [n, context] -> unit-norm [n, dimension]."""
    import torch

    class TextPart(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.normalize(self.network.encode_text(tokens), dim=1)

    return TextPart()


def _picture_part(visual: Any, mean: Sequence[float], spread: Sequence[float]) -> Any:
    """The picture part of a CLIP model: pictures [n, 3, s, s] in 0..1 -> unit-norm [n, dimension]."""
    import torch

    class PicturePart(torch.nn.Module):
        mean: torch.Tensor
        spread: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.visual = visual
            self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
            self.register_buffer("spread", torch.tensor(spread)[:, None, None], persistent=False)

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            found = self.visual((pictures - self.mean) / self.spread)
            return torch.nn.functional.normalize(found, dim=1)

    return PicturePart().eval()


def towers(name: str, settings: Settings) -> ClipTowers:
    """The towers of a `clip:` encoder."""
    return ClipTowers(clip.load(name, settings))
