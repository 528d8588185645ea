"""The table of models, what suits a machine, and what is told to be here."""

import json
import re
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import pytest
from huggingface_hub import constants
from hypothesis import given
from hypothesis import strategies as st

from indexer.config import Settings
from indexer.models import DEFAULT_CLIP, EMBEDDED_NOTICE, ENCODERS, TASKS, find, machine, shelf
from indexer.models.machine import Machine, this_machine
from indexer.models.rank import SPEED_COST, rank
from indexer.models.spec import ModelSpec, in_bytes
from indexer.models.table import TABLE, read_table

GB = 10**9
CPU = Machine(memory=16 * GB, free=12 * GB)
GPU = Machine(memory=16 * GB, free=12 * GB, gpu="A card", gpu_memory=8 * GB)
FIELDS = {field.name for field in fields(ModelSpec)}


def spec(name: str = "toy", **changes: object) -> ModelSpec:
    """A model of modest needs that everyone may use."""
    plain = ModelSpec(name, "upscale", "MIT", 1_000, "fast", "org/toy", "a toy", memory=GB, used_by="tests")
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.mark.parametrize("model", TABLE, ids=lambda model: model.name)
def test_each_model_of_the_table_is_told_of_honestly(model: ModelSpec) -> None:
    assert model.task in TASKS and model.speed in SPEED_COST and model.origin in ("hub", "url", "package", "dependency")
    assert model.name == model.name.strip() and model.note and model.licence and model.size > 0 and model.memory
    assert model.facts and all(re.match(r"[\w ,]+: \S", fact) for fact in model.facts), "each fact says where from"
    told = {name for fact in model.facts for name in re.split(r", | ", fact.partition(":")[0])}
    known = told | set(model.unverified)
    needed = {"licence", "size", "speed", "memory"}
    needed |= {"figure"} if model.figure is not None else set()
    needed |= {"sha256"} if model.sha256 else set()
    needed |= {name for name in ("modes", "steps", "guidance", "side", "restrictions") if getattr(model, name)}
    assert needed <= known, f"nothing says where {needed - known} were read"
    assert set(model.unverified) <= FIELDS
    assert (model.figure is None) == (model.measure == "") and (model.task == "encoder") == bool(model.dimension)


@pytest.mark.parametrize(
    "model", [model for model in TABLE if model.origin in ("url", "package")], ids=lambda m: m.name
)
def test_what_is_one_file_is_pinned_by_its_checksum(model: ModelSpec) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", model.sha256 or "")
    if model.origin == "url":
        assert model.source.startswith("https://")
    else:
        assert re.fullmatch(r"[\w-]+>=[\d.]+,<[\d.]+", model.source) and len(model.files) == 1


def test_names_are_distinct_as_names_and_as_folders() -> None:
    assert len({model.name for model in TABLE}) == len({model.folder for model in TABLE}) == len(TABLE)
    assert not any(re.search(r"[/\\:]|^\.", model.folder) for model in TABLE)


def test_the_names_that_others_import() -> None:
    assert find(DEFAULT_CLIP) in ENCODERS and find("clip:no/such") is None
    embedded = find("embedded")
    assert embedded and embedded.notice == EMBEDDED_NOTICE and DEFAULT_CLIP in EMBEDDED_NOTICE


def test_a_field_that_no_spec_has_is_no_fact(tmp_path: Path) -> None:
    path = tmp_path / "table.toml"
    path.write_text('[[model]]\nname = "x"\ncolour = "red"\n')
    with pytest.raises(TypeError, match="colour"):
        read_table(path)


def names(specs: list[ModelSpec], where: Machine) -> list[str]:
    return [one.spec.name for one in rank(specs, where)]


def test_small_memory_comes_before_quality() -> None:
    large = spec("large", memory=20 * GB, figure=90.0, measure="{} %")
    small = spec("small", memory=2 * GB, figure=60.0, measure="{} %")
    (first, second) = rank([large, small], CPU)
    assert (first.spec, second.spec) == (small, large)
    assert first.fits and first.why == "60.0 %, needs 2.0 GB of 16.0 GB, fast on a CPU"
    assert not second.fits and "needs 20.0 GB of 16.0 GB: doesn't fit" in second.why


def test_on_a_cpu_speed_counts_and_on_a_gpu_it_does_not() -> None:
    best = spec("best", speed="very slow", figure=75.4, measure="{} %")
    quick = spec("quick", speed="medium", figure=75.2, measure="{} %")
    assert names([best, quick], CPU) == ["quick", "best"]
    assert names([quick, best], GPU) == ["best", "quick"]
    assert rank([best], GPU)[0].why == "75.4 %, needs 1.0 GB of 8.0 GB on A card"


def test_what_is_too_large_for_the_gpu_runs_beside_it() -> None:
    (one,) = rank([spec(memory=10 * GB, speed="slow")], GPU)
    assert one.fits and one.device == "cpu"
    assert "needs 10.0 GB of 16.0 GB (more than the 8.0 GB of A card), slow on a CPU" in one.why


def test_half_precision_is_for_gpus() -> None:
    model = spec(memory=8 * GB, half=True)
    assert "needs 8.0 GB of 8.0 GB on A card" in rank([model], GPU)[0].why
    assert rank([model], CPU)[0].why.startswith("no published figure to compare by, needs 16.0 GB of 16.0 GB")
    assert not rank([model], Machine(15 * GB, None))[0].fits


def test_licences_warnings_and_missing_figures_place_a_model_behind() -> None:
    specs = [
        spec("unmeasured"),
        spec("restricted", figure=99.0, measure="{} %", commercial=False, licence="CC-BY-NC-4.0"),
        spec("warned", figure=99.0, measure="{} %", notice="Mind."),
        spec("plain", figure=10.0, measure="{} %"),
    ]
    assert names(specs, CPU) == ["plain", "unmeasured", "warned", "restricted"]
    assert "not free for every use (CC-BY-NC-4.0)" in rank(specs, CPU)[-1].why


def test_estimates_are_told_as_such_and_little_free_memory_is_said() -> None:
    (one,) = rank([spec(memory=None, size=4 * GB, unverified=("speed",), used_by="")], Machine(16 * GB, 2 * GB))
    assert one.why == (
        "no published figure to compare by, needs about 8.0 GB of 16.0 GB, only 2.0 GB free now, probably fast on a "
        "CPU, nothing in Pixloom uses it yet"
    )
    (unknown,) = rank([spec(memory=900 * GB)], Machine(None, None))
    assert unknown.fits and "needs 900 GB," in unknown.why


def test_nothing_fits() -> None:
    assert not any(one.fits for one in rank(ENCODERS, Machine(memory=GB // 10, free=GB // 10)))


def test_the_default_encoder_is_the_best_on_a_usual_machine() -> None:
    assert names(list(ENCODERS), CPU)[0] == DEFAULT_CLIP
    assert names(list(ENCODERS), Machine(2 * GB, GB))[0] == "clip:ViT-B-32/laion2b_s34b_b79k"
    assert names(list(ENCODERS), Machine(GB, GB))[0] == "embedded"


SPECS = st.builds(
    spec,
    memory=st.integers(1, 64).map(lambda gigabytes: gigabytes * GB),
    speed=st.sampled_from(sorted(SPEED_COST)),
    figure=st.none() | st.floats(0, 100),
    commercial=st.booleans(),
)


@given(st.lists(SPECS, max_size=8), st.integers(1, 64), st.integers(0, 64))
def test_a_ranking_loses_nothing_and_puts_what_fits_first(specs: list[ModelSpec], memory: int, gpu: int) -> None:
    where = Machine(memory * GB, None, "A card" if gpu else None, gpu * GB)
    best = rank(specs, where)
    assert sorted(map(repr, specs)) == sorted(repr(one.spec) for one in best)
    for one, after in pairwise(best):
        assert one.fits >= after.fits
        if one.fits == after.fits:
            assert one.spec.commercial >= after.spec.commercial
    assert [one.fits for one in best] == [(one.spec.memory or 0) <= max(memory, gpu) * GB for one in best]


def test_this_machine_is_told_within_its_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = this_machine()
    assert here.memory and here.free and 0 < here.free <= here.memory
    limit = tmp_path / "memory.max"
    limit.write_text("1000000\n")
    monkeypatch.setattr(machine, "_CGROUPS", (str(limit), str(tmp_path / "none")))
    assert (this_machine().memory, this_machine().free) == (1_000_000, 1_000_000)
    limit.write_text("max\n")
    assert this_machine().memory == here.memory


def test_a_gpu_is_asked_for_only_where_it_has_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "gpu", lambda: ("A card", 8 * GB))
    monkeypatch.setattr(machine, "_has_driver", lambda: False)
    assert this_machine().gpu is None
    monkeypatch.setattr(machine, "_has_driver", lambda: True)
    assert (this_machine().gpu, this_machine().gpu_memory) == ("A card", 8 * GB)


def test_a_file_is_here_when_it_has_the_size_it_was_pulled_with(settings: Settings) -> None:
    model = spec(origin="url", source="https://example.org/a/toy.pth")
    path = shelf.target(model, settings)
    assert path == settings.models / "toy" / "toy.pth"
    assert shelf.here(model, settings) == "no"
    path.parent.mkdir(parents=True)
    path.with_name("toy.pth.part").write_bytes(b"ab")
    assert shelf.here(model, settings) == "partly"
    path.write_bytes(b"abcd")
    assert shelf.here(model, settings) == "partly", "nobody has checked it"
    shelf.write_record(model, settings, {"toy.pth": 4}, "0" * 64)
    assert shelf.here(model, settings) == "yes"
    told = json.loads((path.parent / shelf.RECORD).read_text())
    assert told["source"] == model.source and told["sha256"] == "0" * 64 and told["when"].endswith("+00:00")
    path.write_bytes(b"abc")
    assert shelf.here(model, settings) == "damaged"
    (path.parent / shelf.RECORD).write_text("{")
    assert shelf.here(model, settings) == "partly"


def test_a_hub_model_is_here_by_the_hubs_cache(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    encoder, pipeline = spec("e", task="encoder"), spec("p", task="generate", files=("*.json",))
    assert shelf.here(encoder, settings) == shelf.here(pipeline, settings) == "no"
    folder = tmp_path / "hub/models--org--toy"
    for part in ("refs", "snapshots/0123", "blobs"):
        (folder / part).mkdir(parents=True)
    (folder / "refs/main").write_text("0123")
    (folder / "blobs/abc.incomplete").write_bytes(b"x")
    assert shelf.here(encoder, settings) == "partly"
    weights = folder / "snapshots/0123/open_clip_model.safetensors"
    weights.write_bytes(b"1234")
    assert shelf.here(encoder, settings) == "yes"
    assert shelf.here(pipeline, settings) == "partly", "nothing says that it is all of it"
    shelf.write_record(pipeline, settings, {str(weights): 4}, None)
    assert shelf.here(pipeline, settings) == "yes"
    weights.write_bytes(b"123")
    assert shelf.here(pipeline, settings) == "damaged"
    weights.unlink()
    assert shelf.here(pipeline, settings) == "partly"


def test_dependencies_are_here_when_they_are_installed(settings: Settings) -> None:
    assert shelf.here(spec(origin="dependency", source="pytest hypothesis"), settings) == "yes"
    assert shelf.here(spec(origin="dependency", source="pytest no-such-package-here"), settings) == "no"


def test_models_of_this_machine_are_listed_behind_the_table(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = spec("mine", origin="trained", source=str(settings.models / "mine"))
    monkeypatch.setattr(shelf, "trained", lambda _: (own,))
    assert shelf.listed(settings) == (*TABLE, own)
    assert shelf.here(own, settings) == "yes"


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (45_728_932, "45.7 MB"),
        (605e6, "605 MB"),
        (1_535_000_000, "1.5 GB"),
    ],
)
def test_bytes_are_told_in_words(size: float, told: str) -> None:
    assert in_bytes(int(size)) == told
