"""Looks by taste: what is liked is compared with what is usual, and little is made of few."""

from pathlib import Path

import numpy as np
import pytest

from indexer.config import Settings
from indexer.errors import TuneError, UsageError
from indexer.types import Floats
from tests.shelf import Shelf
from tuner.evaluate.measures import ciede2000
from tuner.guided.looks import Look, apply, numbers_of
from tuner.guided.operation import OPERATION
from tuner.guided.taste import MOVE, Sample, bounded, colours_of, taste_look
from tuner.operations import read_parameters
from tuner.raster import Raster
from tuner.work import Work

FADED = Look(numbers_of(black=0.5, saturation=-0.4, middle_b=0.4, lights_b=0.4))


def scene(seed: int, colour: tuple[float, float, float] | None = None, side: int = 32) -> Floats:
    """A picture of smooth patches about a colour of its own."""
    random = np.random.default_rng(seed)
    middle = random.uniform(0.3, 0.7, 3) if colour is None else np.array(colour)
    patches = middle + 0.2 * random.standard_normal((4, 4, 1)) + 0.07 * random.standard_normal((4, 4, 3))
    return np.clip(np.kron(patches, np.ones((side // 4, side // 4, 1))), 0, 1).astype(np.float32)


SCENES = [scene(seed) for seed in range(24)]


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(Settings(home=tmp_path))


def sample(pictures: list[Floats], vectors: Floats) -> Sample:
    return Sample(colours_of([Raster(one) for one in pictures]), vectors)


def under(look: Look, picture: Floats, work: Work) -> Floats:
    return apply(look.table(), picture, 1, work)


def test_a_taste_for_what_is_usual_changes_nothing() -> None:
    same = sample(SCENES, np.eye(24, dtype=np.float32))
    look = taste_look(np.full(24, 24**-0.5, np.float32), same, same)
    assert np.abs(look.numbers).max() < 0.02


def test_a_look_is_recovered_and_better_from_more(work: Work) -> None:
    contents = np.eye(24, dtype=np.float32)
    usual, truth = sample(SCENES, contents), under(FADED, scene(99), work)
    left = {}
    for count in (5, 20):
        liked = sample([under(FADED, one, work) for one in SCENES[:count]], contents[:count])
        look = taste_look(np.full(24, 24**-0.5, np.float32), liked, usual)
        left[count] = ciede2000(truth, under(look, scene(99), work))
    untouched = ciede2000(truth, scene(99))
    assert left[20] < left[5] < untouched and left[20] < 0.5 * untouched


def test_what_scenes_have_of_their_own_is_not_forced_on_others(work: Work) -> None:
    """All that is liked are lawns, which are as green as lawns are: a face stays as it is."""
    lawns = [scene(seed, (0.25, 0.55, 0.15)) for seed in range(10)]
    kinds = np.repeat(np.eye(2, dtype=np.float32), [10, 24], 0)
    usual = sample([*lawns, *SCENES], kinds)
    liked = sample([scene(seed, (0.25, 0.55, 0.15)) for seed in range(20, 30)], kinds[:10])
    face = scene(50, (0.75, 0.55, 0.45))
    look = taste_look(np.array([0, 1], np.float32), liked, usual)
    assert ciede2000(face, under(look, face, work)) < 2
    pooled = sample(SCENES, np.repeat(kinds[:1], 24, 0))  # were other scenes the measure, it would turn green
    assert ciede2000(face, under(taste_look(kinds[0], liked, pooled), face, work)) > 4


def test_no_picture_is_overdone() -> None:
    wild, picture = Look(numbers_of(saturation=1.5, middle_b=1.5, lights_b=1.5, shadows_b=1.5)), Raster(scene(3))
    lab = colours_of([picture])
    weaker = bounded(wild, picture)
    moved = np.linalg.norm(colours_of([Raster(apply_free(weaker, picture.rgb))]) - lab, axis=-1).mean()
    assert moved <= MOVE + 0.5 and np.abs(weaker.numbers).max() < 1.5
    assert bounded(FADED, picture) is FADED


def apply_free(look: Look, rgb: Floats) -> Floats:
    return apply(look.table(), rgb, 1, Work(Settings()))


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    """Twenty usual pictures (1 to 20), and six under a look (31 to 36)."""
    work = Work(Settings())
    usual = {place + 1: Raster(one) for place, one in enumerate(SCENES[:20])}
    return Shelf(usual | {31 + place: Raster(under(FADED, SCENES[place], work)) for place in range(6)})


def tuned(given: dict[str, object], work: Work) -> Floats:
    return OPERATION.apply(Raster(scene(99)), read_parameters(OPERATION, given), work).rgb


def test_liked_pictures_are_named_or_those_of_a_person(shelf: Shelf, work: Work) -> None:
    work.pictures = shelf
    truth = under(FADED, scene(99), work)
    named = tuned({"like": "31,32,33,34,35,36"}, work)
    assert ciede2000(truth, named) < ciede2000(truth, scene(99))
    by_name = Work(work.settings, pictures=shelf)
    assert np.array_equal(tuned({"taste": "31-32-33-34-35-36"}, by_name), named)
    assert by_name.choices["like"] == ["#31", "#32", "#33", "#34", "#35", "#36"]
    assert by_name.choices["found"] == work.choices["found"]
    alone = Work(work.settings)
    assert np.array_equal(tuned({"taste": "31-32-33-34-35-36", **by_name.choices}, alone), named)


def test_too_few_are_refused_with_what_to_do(shelf: Shelf, work: Work) -> None:
    work.pictures = shelf
    for given in ({"like": "31,32,33,34"}, {"like": ["31", "31", "32", "33", "34"]}):
        with pytest.raises(UsageError, match=r"4 pictures are too few.*name 5 or more"):
            tuned(given, work)
    with pytest.raises(UsageError, match=r"has liked 2 pictures.*pixloom like"):
        tuned({"taste": "31-32"}, work)
    work.pictures = Shelf({id: shelf.pictures[id] for id in (1, 2, 31, 32, 33, 34, 35)})
    with pytest.raises(TuneError, match=r"2 other pictures.*index more"):
        tuned({"like": "31,32,33,34,35"}, work)
    work.pictures = None
    with pytest.raises(UsageError, match="no collection"):
        tuned({"like": "31,32,33,34,35"}, work)
