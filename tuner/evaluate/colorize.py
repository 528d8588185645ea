"""Colours for grey photographs beside the truth: the truths' lightness is given, their colours are to be found."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from indexer.errors import UsageError
from indexer.types import Floats
from tuner.evaluate.comparison import OURS, Case, Measure, Row, Truth, compare
from tuner.evaluate.measures import ciede2000, colourfulness
from tuner.raster import Raster
from tuner.repair.colorize import OPERATION, ColorizeParameters
from tuner.repair.examples import COLOURLESS, greyed
from tuner.repair.lab import coloured, mean_chroma, to_lab
from tuner.work import Pictures, Work

_GREY = 1.0
"""Colourfulness below which a ratio to it says nothing."""
_SIDE = 320
_LOOKED_THROUGH = 20


def evaluate(truths: Sequence[Truth], work: Work) -> Iterator[Row]:
    """A row for each method; the collection of `work` must not hold the truths. UsageError without a collection.

    `ciede2000` is to be compared with that of leaving it grey; `colourfulness` with that of the truths (of means:
    `colourfulness` / `truth`; of each picture: `ratio`); `nearer` is the share of pictures that came nearer to the
    truth, by CIEDE2000, than by palette transfer, and `nearer_matched` than by matched lightness.
    """
    if work.pictures is None:
        raise UsageError("Colours come from a collection: name a home folder that has one, without these pictures.")
    cases = [Case(truth, Raster(_in_grey(truth.rgb))) for truth in truths]
    palettes = _Palettes(work.pictures)
    yield from compare("colorize", "from the collection", cases, _methods(palettes, work), work, _measures(palettes))


def _in_grey(rgb: Floats) -> Floats:
    return np.repeat(greyed(to_lab(rgb)[..., 0])[..., None], 3, 2)


class _Palettes:
    """The standard methods: colours of the one colour picture that is most similar, found once for each case."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._found: dict[str, Floats] = {}
        self._apart: dict[tuple[str, str], float] = {}

    def transfer(self, case: Case) -> Floats:
        """Reinhard et al. 2001: mean and deviation of a*, b*; a grey picture has no deviation that could be scaled."""
        lightness = to_lab(case.given.rgb)[..., 0]
        mean = self._similar(case)[..., 1:].mean((0, 1))
        return coloured(lightness, np.broadcast_to(mean, (*lightness.shape, 2)))

    def matched(self, case: Case) -> Floats:
        """Welsh et al. 2002, globally: each lightness gets the mean colour of the equal quantile of lightness."""
        lightness, other = to_lab(case.given.rgb)[..., 0], self._similar(case).reshape(-1, 3)
        steps = np.array_split(other[np.argsort(other[:, 0], kind="stable")], 64)
        table = np.stack([step[:, 1:].mean(0) for step in steps if len(step)])
        place = np.argsort(np.argsort(lightness, None, kind="stable"), kind="stable") * len(table) // lightness.size
        return coloured(lightness, table[place].reshape(*lightness.shape, 2))

    def nearer(self, case: Case, made: Floats, method: str) -> float:
        """1 where an outcome is nearer to the truth than that method's, else 0."""
        key = case.truth.name, method
        if key not in self._apart:
            other = self.transfer(case) if method == "transfer" else self.matched(case)
            other = (np.rint(other * 255) / 255).astype(np.float32)  # as `compare` rounds what it measures
            self._apart[key] = ciede2000(case.truth.rgb, other)
        return float(ciede2000(case.truth.rgb, made) < self._apart[key])

    def _similar(self, case: Case) -> Floats:
        name = case.truth.name
        if name not in self._found:
            similar = self._pictures.similar(case.given, _LOOKED_THROUGH)
            opened = (self._pictures.open(f"#{id}", _SIDE).rgb for id in similar)
            self._found[name] = to_lab(next((rgb for rgb in opened if mean_chroma(rgb) > COLOURLESS), case.given.rgb))
        return self._found[name]


def _methods(palettes: _Palettes, work: Work) -> Mapping[str, Callable[[Case], Floats]]:
    def ours(**given: object) -> Callable[[Case], Floats]:
        parameters = ColorizeParameters.model_validate({"force": True, **given})
        return lambda case: OPERATION.apply(case.given, parameters, work).rgb

    methods = {
        "left grey": lambda case: case.given.rgb,
        OURS: ours(),
        "pixloom, neighbours only": ours(method="neighbours"),
        "palette transfer": palettes.transfer,
        "matched lightness": palettes.matched,
    }
    if work.model("ddcolor-tiny") is not None:
        methods["pixloom, ddcolor"] = ours(method="ddcolor")
    return methods


def _measures(palettes: _Palettes) -> Mapping[str, Measure]:
    def ratio(case: Case, made: Floats) -> float:
        return colourfulness(made) / max(_GREY, colourfulness(case.truth.rgb))

    return {
        "ciede2000": lambda case, made: ciede2000(case.truth.rgb, made),
        "colourfulness": lambda case, made: colourfulness(made),
        "truth": lambda case, made: colourfulness(case.truth.rgb),
        "ratio": ratio,
        "nearer": lambda case, made: palettes.nearer(case, made, "transfer"),
        "nearer_matched": lambda case, made: palettes.nearer(case, made, "matched"),
    }
