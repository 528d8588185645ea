"""How dark a picture is for a photograph, and the curve that undoes it: I_E = f(I; theta)."""

from dataclasses import dataclass

import numpy as np

from indexer.types import Floats
from tuner.enhance.light import reduced, to_linear, to_stored
from tuner.raster import luminance

_QUANTILES = np.array([0.01, 0.03, 0.07, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99])
_SIDE = 96
_TERMS = np.array(
    [
        [5.485, -1.601, 0.284, 0.29, -0.054, 0.918, 0.321, 0.056, 0.022, 0.154, -4.208],
        [1.824, -1.048, -0.049, 0.045, -0.006, 0.682, -0.118, -0.954, -0.113, 3.879, 4.004],
        [0.248, 0.083, 0.124, 0.019, 0.03, 0.078, 0.06, -0.019, -0.003, 0.027, 0.067],
        [0.349, -0.17, -0.016, 0.106, -0.003, 0.027, 0.071, 0.038, 0.568, 1.155, 2.219],
    ]
)
"""Fitted on 2,000 well-lit photographs of Flickr8k (none of those that low light is measured on), as they were,
raised to powers of 1.35 to 4.5, and exposed 0.8 to 4 stops less: logistic regression of which of these it was (log
odds of the second and the third against the first), ridge regressions of the logarithm of the power and of the stops.
The odds of something having happened are 4.2 times what they were in the fit, chosen on 126 photographs darkened by
simulation: who asks for light has some reason, and hedging leaves dark pictures too dark.
Columns are the quantiles of luma and a constant.
"""


@dataclass(frozen=True, slots=True)
class Darkness:
    """What may have happened to a picture: nothing, a gamma, or too little exposure, each with its probability."""

    lit: float
    """Probability that it is as bright as it should be."""
    dimmed: float
    """Probability that its stored values have been raised to the power `gamma`."""
    underexposed: float
    """Probability that `stops` of light are missing."""
    gamma: float
    stops: float

    def scaled(self, strength: float) -> "Darkness":
        """The same with a curve that goes further (above 1) or less far (below 1, to 0)."""
        return Darkness(
            self.lit, self.dimmed, self.underexposed, float(self.gamma**strength), float(self.stops * strength)
        )

    def undo(self, rgb: Floats) -> Floats:
        """Values 0..1 of any shape, channel by channel -> the mean of the outcomes, by probability, 0..1.

        That mean is the guess with the least expected square error. Rises everywhere; 0 and 1 stay.
        """
        values = np.clip(rgb, 0, 1)
        bent = np.power(values, np.float32(1 / self.gamma))
        lifted = np.minimum(to_stored(to_linear(values) * np.float32(2**self.stops)), 1)
        mean = np.float32(self.lit) * values + np.float32(self.dimmed) * bent + np.float32(self.underexposed) * lifted
        return mean.astype(np.float32, copy=False)


def find_darkness(rgb: Floats) -> Darkness:
    """The darkness of [h, w, 3] in 0..1, by quantiles of its luma on a reduced copy, where noise is averaged.

    On log(-log(x)) a gamma is a shift, the same for all quantiles. Curves never darken.
    """
    quantiles = np.quantile(luminance(reduced(rgb, _SIDE)), _QUANTILES)
    features = np.append(np.log(-np.log(np.clip(quantiles, 1 / 512, 1 - 1 / 512))), 1)
    dimmed, underexposed, power, stops = _TERMS @ features
    odds = np.exp(np.array([0, dimmed, underexposed]) - max(0, dimmed, underexposed))
    lit, first, second = (float(one) for one in odds / odds.sum())
    return Darkness(lit, first, second, float(np.exp(np.clip(power, 0, 2))), float(np.clip(stops, 0, 6)))
