"""Which diffusion model makes a picture: the one that was named, or the best that is here; and whether it may."""

from indexer.errors import UsageError
from indexer.models import find
from indexer.models.generators import chosen, generators, recommended
from indexer.models.licence import require_accepted
from indexer.models.machine import this_machine
from indexer.models.shelf import here
from indexer.models.spec import Mode, in_bytes
from indexer.models.table import TABLE
from tuner.work import Work


def chosen_model(model: str, mode: Mode, work: Work, otherwise: str = "") -> str:
    """The model's name, `auto` replaced by the best that is here for that, which is noted in `work.choices`.

    ForbiddenError where its licence has to be accepted first. UsageError where none is here, in one sentence that says
    what to pull and how large it is, and what else can be done: `otherwise`.
    """
    if model == "auto":
        pulled = [spec.name for spec in generators(mode) if here(spec, work.settings) == "yes"]
        spec = chosen(mode, pulled, this_machine())
        if spec is None:
            raise UsageError(_nothing_here(mode, otherwise))
        work.choices["model"] = spec.name
    else:
        spec = find(model) or next((one for one in TABLE if one.modes and one.source == model), None)
    if spec is None:
        return model
    require_accepted(spec, work.settings)
    return spec.name


def native_side(model: str, default: int = 512) -> int:
    """Pixels of the square that a model of the table was made for; `default` for others."""
    spec = find(model)
    return (spec.side if spec else None) or default


def _nothing_here(mode: Mode, otherwise: str) -> str:
    spec = recommended(mode, this_machine())
    what = {"text": "makes pictures from words", "picture": "paints pictures anew", "mask": "fills what a mask hides"}
    licence = " --accept-licence" if spec.asks else ""
    return (
        f"No model is here that {what[mode]}: `pixloom models pull {spec.name}{licence}` fetches one that suits this "
        f"machine ({in_bytes(spec.size)}, {spec.licence}){otherwise}."
    )
