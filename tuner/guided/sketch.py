"""A small picture as shares of a colour table's nodes: hundreds of tables are tried on it in a second."""

from typing import Any

import numpy as np

from indexer.types import Floats
from tuner.creative.lut import NODES
from tuner.guided.looks import moved_lab
from tuner.raster import Raster
from tuner.repair.lab import to_lab, to_rgb


class Sketch:
    """One picture, whose colours are trilinear means of the few nodes that are near any of them."""

    def __init__(self, picture: Raster) -> None:
        from scipy.sparse import csr_matrix

        self.shape = picture.rgb.shape
        place = np.clip(picture.rgb.reshape(-1, 3), 0, 1) * np.float32(NODES - 1)
        low = np.minimum(place.astype(np.int64), NODES - 2)
        rest = place - low
        corners = np.array(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij")).reshape(3, 8).T
        shares = np.where(corners, rest[:, None], 1 - rest[:, None]).prod(-1)
        nodes = (low[:, None] + corners) @ np.array([NODES * NODES, NODES, 1])
        used, columns = np.unique(nodes, return_inverse=True)
        rows = np.repeat(np.arange(len(place)), 8)
        self._shares: Any = csr_matrix((shares.reshape(-1), (rows, columns.reshape(-1))), (len(place), len(used)))
        colours = np.stack(np.unravel_index(used, (NODES,) * 3), 1) / np.float32(NODES - 1)
        self._lab = to_lab(colours.astype(np.float32))
        self.weights: Floats = np.asarray(self._shares.sum(0), np.float32).reshape(-1) / np.float32(len(place))

    def under(self, numbers: Floats) -> Raster:
        """The picture as the numbers of a look move it; colours that sRGB lacks are clipped."""
        moved = np.clip(to_rgb(moved_lab(self._lab, numbers)), 0, 1)
        return Raster(np.asarray(self._shares @ moved, np.float32).reshape(self.shape))
