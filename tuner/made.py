"""An outcome in memory, and all that is to be said of how it came to be."""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from indexer.records import Record
from search.lineage import GENERATED
from tuner.lineage.watermark import PAYLOAD_BITS, SMALLEST, embed
from tuner.operation import Method, Operation, Parameters, Source
from tuner.raster import Raster
from tuner.work import Work


@dataclass(frozen=True, slots=True)
class Made:
    """An outcome in memory, and all that is to be said of how it came to be."""

    raster: Raster
    source: Raster
    operation: Operation
    parameters: Parameters
    method: Method
    work: Work

    @property
    def kind(self) -> Source:
        """How it came to be, in IPTC's words."""
        return self.method.source or self.operation.source

    def recorded(self) -> dict[str, Any]:
        """Parameters with which it can be made again, whatever the collection holds by then."""
        parameters = self.parameters.model_dump(mode="json") | self.work.choices
        return parameters | ({"method": self.method.name} if "method" in parameters else {})


def watermarked(made: Made, record: Record | None) -> Made:
    """The outcome with a mark that it was generated, if it was: bits of a hash of how, so that making it again gives
    the same. Pictures that are too small for it have none."""
    if made.kind not in GENERATED or min(made.raster.size) < SMALLEST:
        return made
    told = json.dumps([made.operation.name, made.recorded(), made.work.seed, record.hash if record else None])
    payload = int.from_bytes(hashlib.blake2b(told.encode(), digest_size=8).digest(), "big") % 2**PAYLOAD_BITS
    return replace(made, raster=made.raster.with_rgb(embed(made.raster.rgb, payload)))
