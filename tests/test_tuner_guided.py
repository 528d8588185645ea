"""Guided and joint training, and what a guide does with pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.config import Settings
from indexer.errors import EncoderError, NotFoundError, PictureError, UsageError
from indexer.limits import DEFAULT_LIMITS
from indexer.types import Floats
from tests.towers import ToyTowers
from tuner.evaluate.measures import psnr as measured
from tuner.guided import guide
from tuner.guided.apply import Tables, apply_tables
from tuner.guided.transform import BAKED, Shape, Transform, adjust, bend, look_up
from tuner.learn.before_after import pairs_in, spoilt
from tuner.learn.degradations import KINDS, degrade, read_kinds
from tuner.learn.guided import Recipe, measure, train
from tuner.learn.losses import Losses, Weights, falls, psnr, roughness
from tuner.learn.omega import learned, restore, unlock
from tuner.learn.seen import Seen
from tuner.work import Work


def noise(height: int, width: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


def work() -> Work:
    return Work(Settings())


def identity(nodes: int = BAKED) -> Floats:
    axis = np.linspace(0, 1, nodes, dtype=np.float32)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")
    return np.stack((red, green, blue), 3)


def test_an_identity_table_changes_nothing_and_strength_goes_evenly() -> None:
    rgb = noise(300, 70)
    assert np.abs(apply_tables(Tables(identity()), rgb, 1.0, work()) - rgb).max() < 1e-5
    swapped = Tables(identity()[..., ::-1].copy())
    whole, half = (apply_tables(swapped, rgb, strength, work()) for strength in (1.0, 0.5))
    assert np.abs(whole - rgb[..., ::-1]).max() < 1e-5
    assert np.abs(half - (rgb + rgb[..., ::-1]) / 2).max() < 1e-5
    assert np.array_equal(apply_tables(swapped, rgb, 0.0, work()), rgb)


def test_strips_of_a_large_picture_are_what_the_transform_does_at_once() -> None:
    torch.manual_seed(0)
    net = Transform(Shape(8)).eval()
    torch.nn.init.normal_(net.curves.weight, std=0.005)
    torch.nn.init.normal_(net.local.grid.weight, std=0.05)
    rgb = noise(600, 40)
    found = guide.made("toy", "t", net, None, {})
    features = np.linspace(-1, 1, 8, dtype=np.float32)
    tables = found.predict(rgb, lambda _: features)
    made = apply_tables(tables, rgb, 1.0, work())
    with torch.no_grad():
        planes = torch.from_numpy(np.moveaxis(rgb, 2, 0).copy())[None]
        whole = found.transform(planes, torch.from_numpy(features)[None])[0].permute(1, 2, 0).numpy()
    # The table of 33 nodes stands for curves of 16 pieces and a table of 9 nodes: close, not equal.
    assert np.abs(made - whole).max() < 2e-2
    assert np.abs(made - whole).mean() < 1e-3
    assert np.abs(made - rgb).mean() > 5e-3


def test_curves_tables_and_grid_do_what_they_say() -> None:
    pictures = torch.rand(2, 3, 5, 7)
    even = torch.linspace(0, 1, 17).expand(2, 3, -1)
    assert torch.allclose(bend(pictures, even), pictures, atol=1e-6)
    assert torch.allclose(bend(pictures, even**2), pictures**2, atol=1e-2)
    table = torch.from_numpy(np.moveaxis(identity(9), 3, 0).copy())[None].expand(2, -1, -1, -1, -1)
    assert torch.allclose(look_up(table, pictures), pictures, atol=1e-5)
    grid = torch.zeros(2, 2, 8, 16, 16)
    assert torch.equal(adjust(pictures, grid), pictures)
    grid[:, 0], grid[:, 1] = 0.5, 0.25
    assert torch.allclose(adjust(pictures, grid), 1.5 * pictures + 0.25, atol=1e-5)


def test_losses_are_nought_where_nothing_is_wrong() -> None:
    even = torch.linspace(0, 1, 17).expand(1, 3, -1)
    flat = torch.zeros(1, 3, 9, 9, 9)
    assert float(falls(even, flat)) == 0
    assert float(falls(1 - even, flat)) > 0
    assert float(roughness(even, flat)) == pytest.approx(0, abs=1e-6)
    steep = flat.clone()
    steep[:, 0] = -2 * torch.linspace(0, 1, 9)  # red falls along red
    assert float(falls(even, steep)) > 0
    truth = torch.full((1, 3, 4, 4), 0.5)
    assert float(psnr(truth + 0.1, truth)) == pytest.approx(20, abs=0.01)


def test_the_critic_learns_and_has_a_say() -> None:
    torch.manual_seed(0)
    net = Transform(Shape(4))
    judge = Losses(Weights(fidelity=0, l1=0, smooth=0, monotone=0, adversarial=1.0), None, 1e-3, "cpu")
    before = [weight.clone() for weight in judge.critic.parameters()]
    made = torch.rand(2, 3, 32, 32, requires_grad=True)
    judge(net, net.encode(torch.rand(2, 4)), made, torch.rand(2, 3, 32, 32)).backward()
    assert made.grad is not None and float(made.grad.abs().sum()) > 0
    assert any(not torch.equal(old, new) for old, new in zip(before, judge.critic.parameters(), strict=True))


def test_what_is_no_number_is_never_a_good_figure() -> None:
    assert np.isnan(measured(noise(4, 4), np.full((4, 4, 3), np.nan, np.float32)))


def test_degradations_go_wrong_alike_for_one_chance() -> None:
    rgb = noise(40, 30)
    for kind in KINDS:
        first, again = (degrade(rgb, (kind,), np.random.default_rng(3)) for _ in range(2))
        assert np.array_equal(first, again)
        assert np.abs(first / 255.0 - rgb).mean() > 0.004, kind
    assert degrade(rgb, ("underexposed",), np.random.default_rng(1)).mean() < 255 * rgb.mean()
    assert degrade(rgb, ("overexposed",), np.random.default_rng(1)).mean() > 255 * rgb.mean()
    assert read_kinds("noise, haze") == ("haze", "noise")
    assert read_kinds("all") == tuple(KINDS)
    with pytest.raises(UsageError, match="Valid: all, haze"):
        read_kinds("fog")


def save(path: Path, pixels: Floats) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((pixels * 255).astype(np.uint8)).save(path)


def test_pairs_are_found_by_folder_and_by_name(tmp_path: Path) -> None:
    for number in range(6):
        save(tmp_path / f"a/before/{number}.png", noise(20, 30, number))
        save(tmp_path / f"a/after/{number}.jpg", noise(10, 15, number))
        save(tmp_path / f"b/{number}.before.png", noise(20, 30, number))
        save(tmp_path / f"b/{number}.after.png", noise(20, 30, number))
    save(tmp_path / "a/before/9.png", noise(4, 4))
    found = pairs_in(tmp_path / "a")
    assert [path.name for path in found.alone] == ["9.png"]
    assert len(found.names) == len(pairs_in(tmp_path / "b").names) == 6
    before, after = found.read(0, 0, None, DEFAULT_LIMITS)
    assert before.shape == after.shape == (10, 15, 3)
    assert found.read(0, 0, 8, DEFAULT_LIMITS)[0].shape == (8, 8, 3)
    save(tmp_path / "b/3.after.jpg", noise(20, 30))
    with pytest.raises(UsageError, match=r"3.after.jpg and .*3.after.png are both the picture after of '3'"):
        pairs_in(tmp_path / "b")
    save(tmp_path / "a/after/0.jpg", noise(30, 15))
    with pytest.raises(PictureError, match="before is 30x20, after is 15x30"):
        found.read(0, 0, None, DEFAULT_LIMITS)
    with pytest.raises(UsageError, match="at least 5"):
        pairs_in(tmp_path)
    with pytest.raises(NotFoundError):
        pairs_in(tmp_path / "none")


RECIPE = Recipe(
    epochs=6, batch=8, sides=(8, 16), looks=(32,), variants=2, holdout=0.2, patience=6, dropout=0.0, seed=1
)  # fmt: skip


def examples(folder: Path, count: int = 40) -> Path:
    """Clean pictures: smooth, of many hues, all of one mean brightness."""
    for number in range(count):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray((255 * rng.random((3, 3, 3))).astype(np.uint8))
        smooth = np.asarray(coarse.resize((48, 48), Image.Resampling.BICUBIC)) / np.float32(255)
        save(folder / f"{number:02}.png", np.clip(smooth - smooth.mean() + 0.5, 0, 1))
    return folder


def seen_of(folder: Path, cache: Path, towers: ToyTowers | None, side: int = 16) -> Seen:
    paths = sorted(folder.glob("*.png"))
    seen = Seen(cache, spoilt(paths, ("underexposed", "overexposed"), "toys", 0), towers, side, 2)  # type: ignore[arg-type]
    assert seen.compute(DEFAULT_LIMITS, None, lambda: False)  # type: ignore[arg-type]
    return seen


@pytest.fixture
def seen(tmp_path: Path) -> Seen:
    return seen_of(examples(tmp_path / "clean"), tmp_path / "cache", ToyTowers())


def run(towers: ToyTowers, seen: Seen, recipe: Recipe, folder: Path, **more: object):  # type: ignore[no-untyped-def]
    folder.mkdir(exist_ok=True)
    return train(towers, seen, recipe, folder, lambda _: None, **more)  # type: ignore[arg-type]


def test_what_was_seen_is_kept_and_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    folder = examples(tmp_path / "clean")
    (folder / "05.png").write_bytes(b"no picture")
    towers = ToyTowers()
    paths = sorted(folder.glob("*.png"))
    stopped = Seen(tmp_path / "cache", spoilt(paths, ("haze",), "toys", 0), towers, 16, 2)
    assert not stopped.compute(DEFAULT_LIMITS, lambda _: None, lambda: True)
    done = Seen(tmp_path / "cache", spoilt(paths, ("haze",), "toys", 0), towers, 16, 2)
    assert done.compute(DEFAULT_LIMITS, lambda _: None, lambda: False)
    whole = Seen(tmp_path / "other", spoilt(paths, ("haze",), "toys", 0), ToyTowers(), 16, 2)
    assert whole.compute(DEFAULT_LIMITS, lambda _: None, lambda: False)
    assert np.array_equal(done.features, whole.features) and np.array_equal(done.befores, whole.befores)
    assert list(done.failed) == [5] == list(whole.failed)
    read = towers.read
    again = Seen(tmp_path / "cache", spoilt(paths, ("haze",), "toys", 0), towers, 16, 2)
    assert again.compute(DEFAULT_LIMITS, lambda _: None, lambda: False) and towers.read == read


def test_features_tell_what_to_do(seen: Seen, tmp_path: Path) -> None:
    """The toy encoder sees mean colours: told of them, the transform can undo exposure, and hardly without."""
    longer = {**vars_of(RECIPE), "epochs": 30, "patience": 30, "lr": 5e-4}
    told = run(ToyTowers(), seen, Recipe(**longer), tmp_path / "a")  # type: ignore[arg-type]
    blind = run(ToyTowers(), seen, Recipe(**{**longer, "features": False}), tmp_path / "b")  # type: ignore[arg-type]
    figures = measure(told, ToyTowers(), seen, Recipe(**longer))  # type: ignore[arg-type]
    assert figures["after"] == pytest.approx(max(told.history), abs=1e-3)
    assert figures["after"] > figures["before"] + 2
    assert figures["after"] > max(blind.history) + 1
    written = guide.made("toy", "t", blind.net, None, {})
    one, other = (written.predict(noise(20, 30), lambda _, v=value: np.full(16, v, np.float32)) for value in (0, 9))
    assert np.array_equal(one.colours, other.colours) and np.isfinite(one.colours).all(), "it heeds no features"


def vars_of(recipe: Recipe) -> dict[str, object]:
    return {name: getattr(recipe, name) for name in recipe.__dataclass_fields__}


def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(seen: Seen, tmp_path: Path) -> None:
    whole = run(ToyTowers(), seen, RECIPE, tmp_path / "a")
    turns = iter(range(10_000))
    stopped = run(ToyTowers(), seen, RECIPE, tmp_path / "b", should_stop=lambda: next(turns) > 9)
    assert stopped is None
    gone_on = run(ToyTowers(), seen, RECIPE, tmp_path / "b")
    assert gone_on.history == whole.history
    for name, weight in whole.net.state_dict().items():
        assert torch.equal(weight, gone_on.net.state_dict()[name]), name


@pytest.mark.parametrize("how", ["adapters", "last", "all"])
def test_the_encoder_learns_along_and_comes_back(how: str, tmp_path: Path) -> None:
    seen = seen_of(examples(tmp_path / "clean"), tmp_path / "cache", None, side=32)
    recipe = Recipe(**{**vars_of(RECIPE), "unlock": how, "epochs": 2, "rank": 2, "encoder_lr": 1e-2})  # type: ignore[arg-type]
    found = run(ToyTowers(), seen, recipe, tmp_path / "run")
    assert found.omega and found.side == 32
    plain = ToyTowers().picture_module()
    changed = restore(ToyTowers().picture_module(), found.omega)
    pictures = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert not torch.allclose(plain(pictures), changed(pictures), atol=1e-5)


def test_adapters_restored_give_what_they_gave_while_they_learned() -> None:
    module = unlock(ToyTowers().picture_module(), "adapters", 2)
    torch.manual_seed(5)
    for weight in module.parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, std=0.3)
    pictures = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        restored = restore(ToyTowers().picture_module(), learned(module))
        assert torch.allclose(module(pictures), restored(pictures), atol=1e-5)
    with pytest.raises(EncoderError, match="another encoder"):
        restore(ToyTowers().picture_module(), {"elsewhere.a": np.zeros((2, 3)), "elsewhere.b": np.zeros((3, 2))})
    with pytest.raises(UsageError, match="Valid: none, adapters"):
        unlock(ToyTowers().picture_module(), "some", 2)  # type: ignore[arg-type]


def test_a_guide_is_written_and_read_back(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = Transform(Shape(8, tables=3, code=16))
    made = guide.made("toy", "t", net, None, {})
    guide.write(made, tmp_path / "g", "# card")
    found = guide.read(tmp_path / "g")
    assert (found.base, found.tower, found.shape, found.digest) == ("toy", "t", net.shape, made.digest)
    features = np.ones(8, np.float32)
    one, other = (each.predict(noise(20, 30), lambda _: features) for each in (made, found))
    assert np.array_equal(one.colours, other.colours)
    (tmp_path / "g/model.safetensors").write_bytes(b"broken")
    (tmp_path / "g/config.json").touch()
    with pytest.raises(EncoderError, match="damaged"):
        guide.read(tmp_path / "g")
    with pytest.raises(NotFoundError):
        guide.read(tmp_path / "none")


def test_only_a_path_that_says_so_leaves_the_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert guide.folder_of("etc/guide", settings) == settings.models / "etc/guide"
    assert guide.folder_of("/etc/guide", settings) == Path("/etc/guide")
