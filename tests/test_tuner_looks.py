"""Looks: what their numbers do, that tables are smooth and monotone, and that a known look is recovered from pairs."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from indexer.config import Settings
from indexer.errors import NotFoundError, TuneError, UsageError
from indexer.limits import Limits
from indexer.types import Floats
from tuner.creative.lut import NODES, grid
from tuner.evaluate.measures import ciede2000
from tuner.guided.looks import COUNT, MOST, Look, apply, moved_lab, nothing, numbers_of, refined, rising
from tuner.guided.pairs import Pair, fit_pairs, mean_distance, pair_of, read_pairs
from tuner.guided.shelf import keep_look, look_file, named_look, read_look, recalled, recorded, rounded
from tuner.guided.sketch import Sketch
from tuner.raster import Raster, from_bytes, reduced, to_bytes
from tuner.repair.lab import to_lab
from tuner.work import Work

NUMBERS = st.lists(st.floats(-MOST, MOST), min_size=COUNT, max_size=COUNT).map(lambda one: np.array(one, np.float32))


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(Settings(home=tmp_path))


def photographs(side: int = 64) -> list[Floats]:
    """Parts of four colour photographs."""
    wholes = [data.astronaut(), data.chelsea(), data.coffee(), data.immunohistochemistry()[::2, ::2]]
    found = []
    for whole in wholes:
        for left in (0, 150):
            found.append(reduced(from_bytes(np.ascontiguousarray(whole[:250, left : left + 250])), side).rgb)
    return found


def film() -> Look:
    return Look(numbers_of(tone_0=-0.3, tone_2=0.3, black=0.4, middle_b=0.3, shadows_b=-0.3, saturation=-0.3))


def test_no_numbers_change_nothing_at_all() -> None:
    assert np.array_equal(Look(nothing()).table(), grid())


@settings(max_examples=15, deadline=None)
@given(NUMBERS)
def test_lightness_rises_along_grey_whatever_the_numbers(numbers: Floats) -> None:
    table = Look(numbers).table()
    assert table.min() >= 0 and table.max() <= 1 and rising(table)


def test_a_table_that_turns_back_is_seen() -> None:
    assert not rising(grid()[::-1, ::-1, ::-1])


@pytest.mark.parametrize(
    ("name", "sign", "of"),
    [
        ("black", 1, lambda lab: lab[..., 0].min()),
        ("white", -1, lambda lab: -lab[..., 0].max()),
        ("saturation", 1, lambda lab: np.hypot(lab[..., 1], lab[..., 2]).mean()),
        ("middle_b", 1, lambda lab: lab[..., 2].mean()),
        ("lights_a", -1, lambda lab: -lab[..., 1].mean()),
    ],
)
def test_a_number_does_what_its_name_says(name: str, sign: int, of: object) -> None:
    lab = to_lab(photographs()[0])
    moved = moved_lab(lab, numbers_of(**{name: sign * 0.5}))
    assert of(moved) > of(lab)  # type: ignore[operator]


def test_saturation_of_minus_one_is_grey_and_keeps_lightness() -> None:
    colours = np.random.default_rng(0).random((500, 3), np.float32)
    moved = moved_lab(to_lab(colours), numbers_of(saturation=-1))
    assert np.abs(moved[:, 1:]).max() < 1e-4
    assert np.allclose(moved[:, 0], to_lab(colours)[:, 0], atol=0.05)


def test_hues_turn_in_their_sector_only() -> None:
    red, blue = np.array([[50, 40, 20]], np.float32), np.array([[40, 0, -50]], np.float32)
    turned = numbers_of(hue_red=1)
    assert np.abs(moved_lab(red, turned) - red).max() > 5
    assert np.abs(moved_lab(blue, turned) - blue).max() < 0.2


def test_strength_is_monotone(work: Work) -> None:
    picture = photographs()[0]
    apart = [
        float(np.abs(apply(film().scaled(strength).table(), picture, 1, work) - picture).mean())
        for strength in (0, 0.25, 0.5, 1, 1.5, 2)
    ]
    assert apart[0] < 1e-6 and apart == sorted(apart) and len(set(apart)) == 6


def test_a_sketch_shows_what_the_table_makes(work: Work) -> None:
    picture = photographs()[2]
    sketch = Sketch(Raster(picture))
    assert np.abs(sketch.under(nothing()).rgb - picture).max() < 1e-5
    table = apply(film().table(), picture, 1, work)
    assert np.abs(sketch.under(film().numbers).rgb - table).mean() < 2 / 255


def test_a_residual_is_linear_between_its_nodes() -> None:
    axis = np.linspace(0, 1, 9, dtype=np.float32)
    linear = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), 3)
    assert np.allclose(refined(linear), grid(), atol=1e-6)


def pairs_under(table: Floats, work: Work, count: int = 6) -> list[Pair]:
    return [
        pair_of(str(place), Raster(one), Raster(apply(table, one, 1, work)))
        for place, one in enumerate(photographs()[:count])
    ]


def test_a_known_look_is_recovered_from_pairs(work: Work) -> None:
    table = film().table()
    learned = fit_pairs(pairs_under(table, work)).table()
    for other in photographs()[6:]:
        truth = apply(table, other, 1, work)
        assert ciede2000(truth, apply(learned, other, 1, work)) < 0.25 * ciede2000(truth, other)


def test_a_matrix_is_learned_though_no_look_has_one(work: Work) -> None:
    matrix = np.array([[0.8, 0.1, 0.05], [0.1, 0.85, 0.1], [0.05, 0.05, 0.7]], np.float32)
    table = np.clip(grid() @ matrix + np.float32(0.03), 0, 1)
    pairs = pairs_under(table, work)
    before = mean_distance(pairs, Look(nothing()), work)
    assert mean_distance(pairs, fit_pairs(pairs), work) < 0.1 * before


def test_pairs_that_are_equal_teach_nothing(work: Work) -> None:
    learned = fit_pairs(pairs_under(grid(), work))
    assert np.abs(learned.numbers).max() < 0.02 and np.abs(learned.table() - grid()).max() < 0.01


def test_a_slight_shift_does_little_harm(work: Work) -> None:
    table = film().table()
    pairs = []
    for place, one in enumerate(photographs(200)[:6]):
        after = np.roll(apply(table, one, 1, work), (2, 1), (0, 1))
        pairs.append(pair_of(str(place), Raster(one), Raster(after)))
    other = photographs()[7]
    truth = apply(table, other, 1, work)
    assert ciede2000(truth, apply(fit_pairs(pairs).table(), other, 1, work)) < 0.4 * ciede2000(truth, other)


def test_few_pairs_are_refused(work: Work) -> None:
    with pytest.raises(UsageError, match="4 pairs are too few"):
        fit_pairs(pairs_under(film().table(), work, 4))


def test_pairs_of_a_folder(tmp_path: Path) -> None:
    for side in ("before", "after"):
        (tmp_path / side).mkdir()
        Image.fromarray(to_bytes(photographs()[0])).save(tmp_path / side / f"one.{'png' if side == 'after' else 'bmp'}")
        Image.new("RGB", (40, 30)).save(tmp_path / f"two.{side}.png")
    Image.new("RGB", (40, 30)).save(tmp_path / "lonely.before.png")
    Image.new("RGB", (40, 30)).save(tmp_path / "cropped.before.png")
    Image.new("RGB", (40, 25)).save(tmp_path / "cropped.after.png")
    Image.new("RGB", (80, 60)).save(tmp_path / "larger.before.png")
    Image.new("RGB", (40, 30)).save(tmp_path / "larger.after.png")
    (tmp_path / "broken.before.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    Image.new("RGB", (40, 30)).save(tmp_path / "broken.after.png")
    found = read_pairs(tmp_path, Limits.of(Settings(home=tmp_path)))
    assert [one.name for one in found.pairs] == ["larger", "one", "two"]
    assert set(found.failed) == {"lonely", "cropped", "broken"}
    assert found.failed["lonely"] == "there is no picture after" and "40x30 and 40x25" in found.failed["cropped"]
    with pytest.raises(NotFoundError):
        read_pairs(tmp_path / "none", Limits.of(Settings(home=tmp_path)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no pairs"):
        read_pairs(tmp_path / "empty", Limits.of(Settings(home=tmp_path)))


def test_a_look_is_kept_by_name_and_for_records(work: Work) -> None:
    settings = work.settings
    plain = rounded(film())
    again = recalled(recorded(plain, settings), settings)
    assert np.array_equal(again.numbers, plain.numbers) and again.residual is None
    whole = Look(plain.numbers, np.random.default_rng(0).normal(0, 0.01, (9, 9, 9, 3)).astype(np.float32))
    named = recorded(whole, settings)
    assert len(named) == 64 and np.array_equal(recalled(named, settings).table(), whole.table())
    keep_look(whole, look_file("look:film", settings), {"pairs": 5})
    assert np.array_equal(named_look("film", settings).table(), whole.table())
    assert recorded(Look(nothing()), settings) == "nothing" and not recalled("nothing", settings).numbers.any()


def test_what_is_no_look_is_refused(work: Work) -> None:
    for wrong in ("black much", "greyness 0.5", "black 7", "black nan"):
        with pytest.raises(UsageError, match="no edit records"):
            recalled(wrong, work.settings)
    with pytest.raises(NotFoundError, match="no longer kept"):
        recalled("0" * 64, work.settings)
    with pytest.raises(NotFoundError, match="there are: none yet"):
        named_look("film", work.settings)
    with pytest.raises(UsageError):
        look_file("../film", work.settings)
    with pytest.raises(TuneError, match="is no look"):
        read_look(b"nonsense", "a file")
    assert NODES % 8 == 1, "the residual's nodes are among the table's"
