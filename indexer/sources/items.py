"""What a data set says of one picture, whatever its format."""

from dataclasses import dataclass, field
from pathlib import Path

from indexer.types import Caption

Attribute = str | float | bool


@dataclass(frozen=True, slots=True)
class BoxLabel:
    """A named part of a picture: x, y, width, height in pixels of the upright picture."""

    name: str
    box: tuple[float, float, float, float]
    supercategory: str | None = None
    """The wider kind that the name belongs to, as COCO's categories have it."""


@dataclass(frozen=True, slots=True)
class Item:
    """A picture of a data set and its known truth; whatever the format lacks is empty."""

    path: Path
    split: str | None = None
    captions: tuple[Caption, ...] = ()
    labels: tuple[str, ...] = ()
    """Names of what the picture as a whole shows, most usual first."""
    attributes: dict[str, Attribute] = field(default_factory=dict)
    """Named properties: CelebA's 40 as bools, other columns of a table as they are."""
    boxes: tuple[BoxLabel, ...] = ()
    synset: str | None = None
    """WordNet's number of the one class that all labels are names of, as ImageNet has it: `n01440764`."""
