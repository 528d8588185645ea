"""What a model's tokenizers don't take of a prompt."""

import inspect
from typing import Any

from tuner.work import Work

_SHOWN = 200
"""Letters of what was cut that are shown."""


def note_cuts(pipe: Any, prompt: str, negative: str, work: Work) -> None:
    """Tell the user what each text encoder doesn't see of the prompts, by their own tokenizers."""
    tokenizers = {name: part for name, part in pipe.components.items() if "tokenizer" in name and part is not None}
    for text, what in ((prompt, "prompt"), (negative, "negative prompt")):
        cuts = {name: cut for name, part in tokenizers.items() if (cut := cut_off(part, text, _limit(pipe, part)))}
        for cut in dict.fromkeys(cuts.values()):
            ways = [name for name, one in cuts.items() if one == cut]
            by = "the model" if len(ways) == len(tokenizers) else f"its {' and its '.join(ways)} (another reads on)"
            limit = max(_limit(pipe, tokenizers[name]) for name in ways)
            shown = cut if len(cut) <= _SHOWN else f"{cut[:_SHOWN]} ... ({len(cut)} letters in all)"
            work.note(f"The {what} is longer than the {limit} tokens that {by} reads; this was cut off: {shown!r}.")


def cut_off(tokenizer: Any, text: str, limit: int) -> str:
    """The end of a text that is beyond a number of tokens, special ones counted; empty where all of it fits."""
    ids = tokenizer(text, truncation=False, add_special_tokens=False).input_ids
    room = limit - (len(tokenizer("").input_ids) if not _template(tokenizer) else _around(tokenizer))
    return str(tokenizer.decode(ids[room:], skip_special_tokens=True)).strip() if len(ids) > room else ""


def _template(tokenizer: Any) -> bool:
    return getattr(tokenizer, "chat_template", None) is not None


def _around(tokenizer: Any) -> int:
    """Tokens that a chat template puts around a text."""
    empty = [{"role": "user", "content": ""}]
    told = tokenizer.apply_chat_template(empty, tokenize=False, add_generation_prompt=True)
    return len(tokenizer(told, add_special_tokens=False).input_ids)


def _limit(pipe: Any, tokenizer: Any) -> int:
    """Tokens that go in: CLIP's own 77; of language models what the pipeline takes."""
    if type(tokenizer).__name__.startswith("CLIP"):
        return int(tokenizer.model_max_length)
    taken = inspect.signature(pipe.__call__).parameters.get("max_sequence_length")
    return int(tokenizer.model_max_length if taken is None else taken.default)
