"""Looks by words, by taste and by pairs, measured on photographs with looks that are known here and hidden there.

python -m bench.looks words|encoder|taste|pairs FOLDER --home HOME [--test N] [--examples N...] [--look NAME]

FOLDER holds photographs, and HOME is the home folder of a collection that has them indexed. The hidden looks are
curves, gains and saturation in red, green and blue, none of which Pixloom's own looks are made of.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.collection import Collection
from indexer.config import Settings
from indexer.images import is_picture_name
from indexer.types import Floats
from search.engine import Engine
from tuner.evaluate.measures import ciede2000
from tuner.guided.axes import along
from tuner.guided.liked import fit_taste
from tuner.guided.looks import apply
from tuner.guided.pairs import fit_pairs, pair_of
from tuner.guided.sketch import Sketch
from tuner.guided.words import words_look
from tuner.lineage.opening import open_raster
from tuner.pictures import CollectionPictures
from tuner.raster import Raster, luminance, reduced, to_bytes
from tuner.repair.lab import to_lab, to_rgb
from tuner.work import Work

SIDE = 256


@dataclass(frozen=True)
class Hidden:
    """What somebody does to photographs."""

    gains: tuple[float, float, float] = (1, 1, 1)
    gamma: float = 1
    contrast: float = 1
    black: float = 0
    white: float = 1
    saturation: float = 1

    def applied(self, rgb: Floats, random: np.random.Generator | None = None) -> Floats:
        """Done to [h, w, 3], rounded to 8 bits; with `random`, not quite the same every time."""

        def about(value: float, usual: float = 1.0) -> float:
            return value if random is None else value + 0.15 * (value - usual + 0.02) * random.standard_normal()

        made = rgb * np.array([about(one) for one in self.gains])
        made = np.clip(made, 0, 1) ** about(self.gamma)
        power = about(self.contrast)
        made = made**power / (made**power + (1 - made) ** power)
        grey = luminance(made.astype(np.float32))[..., None]
        made = grey + about(self.saturation) * (made - grey)
        low, high = about(self.black, 0), about(self.white)
        return to_bytes((low + (high - low) * made).astype(np.float32)).astype(np.float32) / np.float32(255)


HIDDEN = {
    "warm faded film": Hidden((1.08, 1.0, 0.86), contrast=0.95, black=0.09, white=0.94, saturation=0.8),
    "cool, contrasty": Hidden((0.92, 1.0, 1.1), contrast=1.45),
    "vivid": Hidden(contrast=1.15, saturation=1.5),
    "soft pastel": Hidden((1.03, 0.98, 1.0), gamma=0.7, black=0.1, white=0.98, saturation=0.65),
    "near monochrome": Hidden((1.03, 1.0, 0.95), contrast=1.25, saturation=0.12),
}


@dataclass(frozen=True)
class Scene:
    """What is measured: looks by name, numbers of examples, photographs to test by and to take examples from."""

    looks: list[str]
    counts: list[int]
    test: list[Floats]
    examples: list[Floats]
    ids: list[int]
    """Of the examples, in the collection."""
    hide: Callable[[list[int]], None]
    """Takes photographs out of what is usual, and puts others back."""


Fit = Callable[[list[tuple[Floats, Floats]], Floats], Floats]
"""(pairs of photographs before and after, another photograph) -> that one as the method makes it."""


def by_deviation(pairs: list[tuple[Floats, Floats]], picture: Floats) -> Floats:
    """Means and deviations in CIELAB carried over from the liked pictures (Reinhard et al. 2001)."""
    liked = np.concatenate([to_lab(after).reshape(-1, 3) for _, after in pairs])
    lab = to_lab(picture)
    own = lab.reshape(-1, 3)
    made = (lab - own.mean(0)) * (liked.std(0) / np.maximum(own.std(0), 1e-3)) + liked.mean(0)
    return np.clip(to_rgb(made), 0, 1)


def by_covariance(pairs: list[tuple[Floats, Floats]], picture: Floats) -> Floats:
    """Means and covariances in red, green and blue carried over by the least move (Pitie and Kokaram 2007)."""
    liked = np.concatenate([after.reshape(-1, 3) for _, after in pairs]).astype(np.float64)
    own = picture.reshape(-1, 3).astype(np.float64)
    wanted, have = np.cov(liked.T), np.cov(own.T) + 1e-6 * np.eye(3)
    root = _root(have)
    back = np.linalg.inv(root)
    matrix = back @ _root(root @ wanted @ root) @ back
    return np.clip((picture - own.mean(0)) @ matrix + liked.mean(0), 0, 1).astype(np.float32)


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def by_matrix(pairs: list[tuple[Floats, Floats]], picture: Floats) -> Floats:
    """A 3x4 matrix by plain least squares."""
    before, after = (np.concatenate([pair[side].reshape(-1, 3) for pair in pairs]) for side in (0, 1))
    matrix = np.linalg.lstsq(np.column_stack([before, np.ones(len(before))]), after, rcond=None)[0]
    return np.clip(np.append(picture, np.ones_like(picture[..., :1]), 2) @ matrix, 0, 1).astype(np.float32)


def small(paths: list[Path]) -> list[Floats]:
    return [reduced(open_raster(path), SIDE).rgb for path in paths]


class Remembering(CollectionPictures):
    """A collection that reads and embeds nothing twice: the same photographs are asked for again and again here."""

    def __init__(self, collection: Collection) -> None:
        super().__init__(collection, Engine(collection), files=True)
        self._vectors: dict[bytes, Floats] = {}
        self._thumbnails: dict[tuple[int, ...], list[Raster]] = {}
        self._hidden: list[int] = []

    def hide(self, ids: list[int]) -> None:
        """Photographs that are examples or tests now don't count as usual ones."""
        self._hidden = ids

    def newest(self, k: int) -> list[int]:
        return [id for id in super().newest(k + len(self._hidden)) if id not in self._hidden][:k]

    def similar(self, picture: Raster, k: int) -> list[int]:
        return [id for id in super().similar(picture, k + len(self._hidden)) if id not in self._hidden][:k]

    def vectors(self, pictures: Sequence[Raster]) -> Floats:
        keys = [to_bytes(one.rgb).tobytes() for one in pictures]
        for key, one in zip(keys, pictures, strict=True):
            if key not in self._vectors:
                self._vectors[key] = super().vectors([one])[0]
        return np.stack([self._vectors[key] for key in keys])

    def thumbnails(self, ids: Sequence[int]) -> list[Raster]:
        key = tuple(ids)
        if key not in self._thumbnails:
            self._thumbnails[key] = [reduced(one, 64) for one in super().thumbnails(ids)]
        return self._thumbnails[key]


@contextmanager
def opened(home: Path) -> Iterator[tuple[Work, Remembering]]:
    settings = Settings(home=home)
    with Collection(settings) as collection:
        pictures = Remembering(collection)
        yield Work(settings, pictures=pictures), pictures


def compared(title: str, others: dict[str, Fit], ours: Fit, scene: Scene) -> None:
    """Mean CIEDE2000 from what the hidden look makes of the test pictures, by number of examples."""
    names = ["untouched", *others, title]
    test, examples = scene.test, scene.examples
    for name in scene.looks:
        hidden = HIDDEN[name]
        truths = [hidden.applied(one) for one in test]
        for count in scene.counts:
            random = np.random.default_rng(count)
            places = random.permutation(len(examples))[:count]
            drawn = [examples[place] for place in places]
            scene.hide([scene.ids[place] for place in places])
            jitter = random if title == "taste" else None
            pairs = [(one, hidden.applied(one, jitter)) for one in drawn]
            fits: list[Fit] = [lambda _pairs, picture: picture, *others.values(), ours]
            apart = [
                np.mean([ciede2000(truth, fit(pairs, one)) for one, truth in zip(test, truths, strict=True)])
                for fit in fits
            ]
            told = "  ".join(f"{label} {value:5.2f}" for label, value in zip(names, apart, strict=True))
            print(f"{name:18} {count:3}  {told}", flush=True)


ATTRIBUTES = ("lightness", "b*", "chroma", "contrast")
WORDS: dict[str, tuple[tuple[str, int], ...]] = {
    "warm": (("b*", 1),),
    "cold": (("b*", -1),),
    "frosty": (("b*", -1),),
    "bright": (("lightness", 1),),
    "luminous": (("lightness", 1),),
    "dark": (("lightness", -1),),
    "vivid": (("chroma", 1),),
    "faded": (("chroma", -1), ("contrast", -1)),
    "seventies": (("chroma", -1), ("b*", 1)),
    "black and white": (("chroma", -1),),
    "high contrast": (("contrast", 1),),
    "less contrast": (("contrast", -1),),
    "sunset": (("b*", 1),),
    "film look": (("contrast", -1),),
    "very warm, slightly dark": (("b*", 1), ("lightness", -1)),
}


def attributes(rgb: Floats) -> dict[str, float]:
    lab = to_lab(rgb)
    chroma = np.hypot(lab[..., 1], lab[..., 2]).mean()
    return dict(zip(ATTRIBUTES, (lab[..., 0].mean(), lab[..., 2].mean(), chroma, lab[..., 0].std()), strict=True))


def words(work: Work, test: list[Floats]) -> None:
    """For each word, the share of pictures whose attributes all went the right way, and the cosine that is left."""
    for word, wanted in WORDS.items():
        right, cosines, moves = [], [], []
        for rgb in test:
            found = words_look(Raster(rgb), word, work)
            before, after = attributes(rgb), attributes(apply(found.look.table(), rgb, 1, work))
            moves.append([after[name] - before[name] for name, _ in wanted])
            right.append(all(sign * (after[name] - before[name]) > 0 for name, sign in wanted))
            cosines.append(found.cosine or np.nan)
        told = ", ".join(f"{name} {move:+.1f}" for (name, _), move in zip(wanted, np.mean(moves, 0), strict=True))
        by = "; ".join(f"{one} = {look}" for one, look in found.reading.known) or "the encoder"
        print(f"{word:26} {np.mean(right):6.0%}  cosine {np.mean(cosines):.3f}  {told:32} by {by}", flush=True)


POINTED = {"warmth": ("warm", "cold"), "brightness": ("bright", "dark"), "saturation": ("vivid", "muted")}


def encoder(work: Work, test: list[Floats]) -> None:
    """What the encoder alone knows: the share of pictures that a step along an axis moves towards its word rather than
    towards the opposite. One half is chance."""
    assert work.pictures is not None
    neutral, *texts = work.pictures.texts(
        ["a photograph", *(f"a {word} photograph" for both in POINTED.values() for word in both)]
    )
    for place, (axis, (word, opposite)) in enumerate(POINTED.items()):
        ways = np.stack(texts[2 * place : 2 * place + 2]) - neutral
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        right = []
        for rgb in test:
            sketch = Sketch(reduced(Raster(rgb), 224))
            more, less = work.pictures.vectors([sketch.under(sign * along(**{axis: 0.8})) for sign in (1, -1)])
            gains = ways @ (more - less)
            right.append((gains[0] > 0, gains[1] < 0))
        for name, share in zip((word, opposite), np.mean(right, 0), strict=True):
            print(f"{name:10} {share:6.0%}", flush=True)


def taste(work: Work, scene: Scene) -> None:
    def ours(pairs: list[tuple[Floats, Floats]], picture: Floats) -> Floats:
        look = fit_taste(Raster(picture), [Raster(after) for _, after in pairs], work)
        return apply(look.table(), picture, 1, work)

    compared("taste", {"mean/deviation": by_deviation, "covariance": by_covariance}, ours, scene)


def pairs_of_looks(work: Work, scene: Scene) -> None:
    last: list[tuple[list[tuple[Floats, Floats]], Floats]] = []  # the pairs of the last call, and their table

    def ours(pairs: list[tuple[Floats, Floats]], picture: Floats) -> Floats:
        if not last or last[0][0] is not pairs:
            last[:] = [(pairs, fit_pairs([pair_of("", Raster(a), Raster(b)) for a, b in pairs]).table())]
        return apply(last[0][1], picture, 1, work)

    compared("pairs", {"3x4 matrix": by_matrix}, ours, scene)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("words", "encoder", "taste", "pairs"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--test", type=int, default=24, help="photographs that are measured")
    parser.add_argument("--examples", type=int, nargs="+", default=[5, 10, 20], help="liked pictures, or pairs")
    parser.add_argument("--look", action="append", choices=[*HIDDEN], help="only this hidden look; may be repeated")
    given = parser.parse_args()
    print("python -m bench.looks", *sys.argv[1:])
    paths = [path for path in sorted(given.folder.iterdir()) if is_picture_name(path.name)]
    held = paths[:: max(1, len(paths) // given.test)][: given.test]
    rest = [path for path in paths if path not in held]
    test = small(held)
    with opened(given.home) as (work, pictures):
        if given.what in ("words", "encoder"):
            (words if given.what == "words" else encoder)(work, test)
        else:
            ids, tested = ([pictures.collection.catalog.find(path=path) or 0 for path in some] for some in (rest, held))
            looks = given.look or [*HIDDEN]
            scene = Scene(looks, given.examples, test, small(rest), ids, lambda now: pictures.hide([*tested, *now]))
            (taste if given.what == "taste" else pairs_of_looks)(work, scene)


if __name__ == "__main__":
    main()
