"""Networks that fill what a mask hides, of any architecture that spandrel knows with a mask."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from indexer.errors import TuneError
from indexer.types import Floats
from tuner.repair.masks import Mask
from tuner.work import Work


def inpaint_with(path: Path, rgb: Floats, hole: Mask, work: Work) -> Floats:
    """[h, w, 3] in 0..1 with the hole [h, w] filled by the network in a file; what is known stays exactly as it is.

    TuneError where the file holds no network for masks.
    """
    import torch

    work.step(0, 1, "filling by a network")
    network = _loaded(path, path.stat().st_mtime_ns)
    values = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None]
    missing = torch.from_numpy(hole.astype(np.float32))[None, None]
    with torch.inference_mode():
        made = network(values, missing)[0].numpy().transpose(1, 2, 0)
    return np.where(hole[..., None], np.clip(made, 0, 1), rgb).astype(np.float32)


@lru_cache(maxsize=1)
def _loaded(path: Path, changed: int) -> Any:
    """The network of a file that was changed at that time, kept for the next picture."""
    from spandrel import MaskedImageModelDescriptor, ModelLoader

    try:
        network = ModelLoader(device="cpu").load_from_file(path)
    except Exception as error:  # spandrel and torch raise many kinds for files that aren't theirs
        raise TuneError(f"{path.name} can't be loaded as a network: {error}.") from error
    if not isinstance(network, MaskedImageModelDescriptor):
        raise TuneError(f"{path.name} holds a network that takes no mask ({network.architecture.name}).")
    return network.eval()
