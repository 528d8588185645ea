"""What is made of several pictures: cut-outs, blends, double exposures, collages, mosaics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.config import Settings
from indexer.errors import TuneError, UsageError
from indexer.types import Floats
from tests.shelf import Shelf, plain
from tuner.creative.collage import CollageParameters, _edges, _rows
from tuner.creative.membrane import membrane
from tuner.creative.subject import parse_box, subject_alpha
from tuner.operations import get_operation, read_parameters
from tuner.raster import Raster
from tuner.work import Work


def work(shelf: Shelf | None = None, **changes: object) -> Work:
    return Work(Settings(), pictures=shelf or Shelf({}), **changes)  # type: ignore[arg-type]


def run(name: str, picture: Raster, given: dict[str, object] | None = None, at: Work | None = None) -> Raster:
    operation = get_operation(name)
    return operation.apply(picture, read_parameters(operation, given or {}), at or work())


def disk(size: int = 160, radius: int = 40) -> Floats:
    y, x = np.mgrid[:size, :size] - size / 2
    return (np.hypot(x, y) < radius).astype(np.float32)


def on_grass(inside: Floats) -> Raster:
    """A red thing on a noisy green ground."""
    noise = np.random.default_rng(0).normal(0, 0.05, (*inside.shape, 3))
    ground, thing = np.array([0.25, 0.5, 0.2]), np.array([0.8, 0.15, 0.1])
    return Raster(np.clip(ground + inside[..., None] * (thing - ground) + noise, 0, 1).astype(np.float32))


def overlap(alpha: Floats, inside: Floats) -> float:
    """Intersection over union."""
    found, true = alpha > 0.5, inside > 0.5
    return float((found & true).sum() / (found | true).sum())


@pytest.mark.parametrize("box", [None, "30,30,100,100"])
def test_a_subject_is_cut_from_its_ground(box: str | None) -> None:
    inside = disk()
    picture = on_grass(inside)
    alpha = subject_alpha(picture, parse_box(box, picture.size) if box else None)
    assert overlap(alpha, inside) > 0.95
    assert alpha.min() >= 0 and alpha.max() <= 1


def test_a_pale_thing_on_a_plain_ground_is_found_by_its_outline() -> None:
    inside = disk()
    ring = disk(radius=40) - disk(radius=36)
    picture = Raster(np.repeat((1 - 0.3 * ring - 0.02 * inside)[..., None], 3, axis=2))
    assert overlap(subject_alpha(picture, None), inside) > 0.8


def test_cutting_gives_transparency_or_another_ground() -> None:
    inside = disk()
    picture = on_grass(inside)
    cut = run("cut", picture)
    assert cut.alpha is not None and overlap(cut.alpha, inside) > 0.95
    assert np.array_equal(cut.rgb, picture.rgb)
    white = run("cut", picture, {"background": "white"})
    assert white.alpha is None and np.all(white.rgb[:10, :10] == 1)
    for kind in ("black", "blur", "grey"):
        assert run("cut", picture, {"background": kind}).size == picture.size


def test_where_nothing_stands_out_it_says_so() -> None:
    for picture in (plain((0.5, 0.5, 0.5)), plain((0.2, 0.3, 0.4), (1, 1))):
        with pytest.raises(TuneError, match=r"subject|small"):
            run("cut", picture)


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "0,0,0,5", "-1,0,5,5", "150,0,20,20"])
def test_a_box_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="box"):
        run("cut", on_grass(disk()), {"box": text})


def test_a_membrane_continues_what_is_around_it() -> None:
    y, x = np.mgrid[:60, :80] / 80
    plane = np.stack([0.3 + 0.5 * x - 0.2 * y, x, y], axis=2).astype(np.float32)  # a plane is harmonic
    inside = np.zeros((60, 80), np.float32)
    inside[15:40, 20:60] = 1
    broken = np.where(inside[..., None] > 0, 9, plane).astype(np.float32)
    assert np.abs(membrane(broken, inside) - plane).max() < 1e-4
    assert np.all(membrane(broken, np.ones_like(inside)) == 0)


def test_a_blend_changes_nothing_but_where_the_subject_is() -> None:
    below = Raster(np.random.default_rng(1).random((120, 200, 3)).astype(np.float32) * 0.3)
    shelf = Shelf({7: below})
    outcome = run("blend", on_grass(disk()), {"into": "7", "x": 0.25, "y": 0.5, "size": 0.5}, work(shelf))
    assert outcome.size == below.size
    assert np.array_equal(outcome.rgb[:, 120:], below.rgb[:, 120:])
    assert not np.array_equal(outcome.rgb[40:80, 30:70], below.rgb[40:80, 30:70])


def test_a_fitted_subject_takes_on_the_light_of_the_place() -> None:
    dark = Shelf({7: plain((0.05, 0.05, 0.1), (200, 160))})
    at = {"into": "7", "x": 0.5, "y": 0.5, "size": 0.6}
    pasted = run("blend", on_grass(disk()), {**at, "method": "paste"}, work(dark))
    fitted = run("blend", on_grass(disk()), {**at, "method": "poisson", "fit": 1}, work(dark))
    assert fitted.rgb[60:100, 80:120].mean() < pasted.rgb[60:100, 80:120].mean() - 0.05


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("screen", 1 - 0.4 * 0.75),
        ("multiply", 0.6 * 0.25),
        ("lighten", 0.6),
        ("darken", 0.25),
        ("overlay", 1 - 2 * 0.4 * 0.75),
        ("average", 0.425),
    ],
)
def test_a_double_exposure_follows_its_blend_mode(mode: str, wanted: float) -> None:
    shelf = Shelf({2: plain((0.25, 0.25, 0.25), (300, 100))})
    first = plain((0.6, 0.6, 0.6))
    full = run("double-exposure", first, {"reference": "2", "mode": mode}, work(shelf))
    assert np.allclose(full.rgb, wanted, atol=1e-5)
    half = run("double-exposure", first, {"reference": "2", "mode": mode, "opacity": 0.5}, work(shelf))
    assert np.allclose(half.rgb, (0.6 + wanted) / 2, atol=1e-5)


@pytest.mark.parametrize("name", ["double-exposure", "blend"])
def test_without_a_second_picture_it_says_how_to_name_one(name: str) -> None:
    with pytest.raises(UsageError, match=r"second|into"):
        run(name, on_grass(disk()))


def test_a_collage_shows_every_picture_in_order() -> None:
    colours = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1)]
    shelf = Shelf({place: plain(colour) for place, colour in enumerate(colours)})
    outcome = run(
        "collage",
        shelf.pictures[0],
        {"pictures": ["1", "#2", "3", "4"], "width": 400, "gap": 8, "background": "#808080"},
        work(shelf),
    )
    assert outcome.size[0] == 400
    seen = [tuple(pixel) for pixel in outcome.rgb[::8, ::8].reshape(-1, 3).round(2)]
    found = [seen.index(colour) for colour in colours]
    assert found == sorted(found)
    assert np.allclose(outcome.rgb[:8], 128 / 255, atol=1e-3) and np.allclose(outcome.rgb[:, -8:], 128 / 255, atol=1e-3)


@given(
    st.lists(st.floats(0.2, 5), min_size=1, max_size=40), st.integers(64, 3000), st.integers(0, 50), st.integers(0, 9)
)
def test_rows_hold_every_picture_once_and_end_alike(ratios: list[float], width: int, gap: int, rows: int) -> None:
    laid = _rows(ratios, CollageParameters(width=width, gap=gap, rows=rows))
    assert [place for row in laid for place, _ in row] == list(range(len(ratios)))
    for row in laid:
        edges = _edges([ratio for _, ratio in row], width, gap)
        assert all(left < right for left, right in edges)
        if width >= gap * (len(row) + 1) + 20 * len(row):
            assert edges[0][0] == gap and edges[-1][1] == width - gap


def test_a_mosaic_takes_the_nearest_picture_for_each_place() -> None:
    rng = np.random.default_rng(3)
    tiles = {id: plain(rng.random(3)) for id in range(1, 30)}
    picture = Raster(rng.random((8, 12, 3)).astype(np.float32).repeat(10, 0).repeat(10, 1))
    at = work(Shelf(tiles))
    outcome = run("photomosaic", picture, {"columns": 12, "tile": 8, "tint": 0, "repeat": 0}, at)
    assert outcome.size == (96, 64)
    import cv2

    def lab(colour: Floats) -> Floats:
        return np.asarray(cv2.cvtColor(colour.reshape(1, 1, 3).astype(np.float32), cv2.COLOR_RGB2LAB)).ravel()

    for row in range(8):
        for column in range(12):
            cell = lab(picture.rgb[row * 10 + 5, column * 10 + 5])
            best = min(tiles, key=lambda id: float(np.sum((lab(tiles[id].rgb[0, 0]) - cell) ** 2)))
            assert np.allclose(outcome.rgb[row * 8 + 4, column * 8 + 4], tiles[best].rgb[0, 0], atol=0.01)
    assert set(at.used) <= set(tiles)


def test_a_mosaic_is_made_again_from_what_it_chose() -> None:
    rng = np.random.default_rng(4)
    shelf = Shelf({id: plain(rng.random(3)) for id in range(1, 40)})
    picture = Raster(rng.random((30, 30, 3)).astype(np.float32))
    at = work(shelf, subject="#1")
    first = run("photomosaic", picture, {"columns": 10}, at)
    assert 1 not in at.used
    shelf.pictures |= {id: plain(rng.random(3)) for id in range(40, 80)}
    again = run("photomosaic", picture, {"columns": 10, **at.choices}, work(shelf, subject="#1"))
    assert np.array_equal(first.rgb, again.rgb)


def test_a_used_tile_costs_more() -> None:
    shelf = Shelf({id: plain((0.5 + id / 1000, 0.5, 0.5)) for id in range(1, 60)})
    picture = plain((0.5, 0.5, 0.5))
    often, seldom = work(shelf), work(shelf)
    run("photomosaic", picture, {"columns": 10, "repeat": 0}, often)
    run("photomosaic", picture, {"columns": 10, "repeat": 5}, seldom)
    assert len(set(seldom.used)) > 10 * len(set(often.used))


def test_a_mosaic_needs_some_pictures() -> None:
    with pytest.raises(TuneError, match="at least"):
        run("photomosaic", plain((1, 0, 0)), at=work(Shelf({1: plain((0, 0, 0))})))
