"""One outcome from beginning to end: beside the original, indexed, with a record from which it can be made again."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data
from sqlalchemy import delete

from indexer.collection import Collection
from indexer.errors import CapacityError, ForbiddenError, NotFoundError, PixloomError, QualityError, StoppedError
from indexer.job_tables import EditRow, EditSourceRow
from search.engine import Engine
from tests.homes import toy_load
from tuner import tune as module
from tuner.again import again
from tuner.edits import edit_of, edits_of
from tuner.jobs.task import Outcome, Task
from tuner.lineage.opening import open_raster
from tuner.lineage.watermark import detect
from tuner.lineage.xmp import read_packet, read_recipe, source_type
from tuner.operation import Operation
from tuner.operations import get_operation
from tuner.previews import Previews
from tuner.references import settled
from tuner.tune import Tuner


def look(path: Path | None) -> Image.Image:
    """A picture file, loaded and closed."""
    assert path is not None
    with Image.open(path) as image:
        image.load()
        return image


class Quiet:
    """A report that nobody reads, and that stops after so many steps."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.left = stop_after
        self.said: list[str] = []

    def step(self, done: int, total: int, what: str = "") -> None:
        self.left -= 1
        self.said.append(what)

    def stopped(self) -> bool:
        return self.left < 0


@pytest.fixture
def photographs(collection: Collection, tmp_path: Path) -> Iterator[Collection]:
    """A home with an astronaut (1), a cat (2) and a coffee (3) as JPEG with EXIF."""
    folder = tmp_path / "photos"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Kodak", 1
    for name, pixels in (("astronaut", data.astronaut()), ("cat", data.chelsea()), ("coffee", data.coffee())):
        Image.fromarray(pixels[::2, ::2]).save(folder / f"{name}.jpg", quality=95, exif=exif)
    collection.index([folder])
    yield collection


def run(
    tuner: Tuner, operation: str, pictures: tuple[int, ...] = (1,), report: Quiet | None = None, **given: object
) -> Outcome:
    changes = {name: given.pop(name) for name in ("seed", "folder", "preview", "confirmed") if name in given}
    parameters = settled(get_operation(operation), given, tuner.settings, files=True)
    task = Task(5, 0, pictures, operation, parameters, **{"seed": 7, **changes}, owner="ann")  # type: ignore[arg-type]
    return tuner.run(task, report or Quiet())


def test_an_outcome_lies_beside_its_original_and_is_found_at_once(photographs: Collection) -> None:
    tuner = Tuner(photographs)
    original = Path(photographs.catalog.picture(1).path)
    before = original.read_bytes()
    made = run(tuner, "tone", exposure="0.5")
    assert made.path == original.parent / "pixloom-edits" / "astronaut.tone.jpg"
    assert original.read_bytes() == before
    assert made.picture == 4 and made.cosine is not None and made.ssim is not None and 0 < made.ssim <= 1
    found = Engine(photographs).search("edit-of:1").results
    assert [(one.id, one.parent) for one in found] == [(4, 1)]
    with photographs.catalog.database.read() as connection:
        (edit,) = edits_of(connection, 1)
    assert (edit.operation, edit.seed, edit.job, edit.owner, edit.parent) == ("tone", 7, 5, "ann", 1)
    assert edit.parameters["exposure"] == 0.5 and edit.source_type == "algorithmicallyEnhanced"
    assert look(made.path).getexif()[0x010F] == "Kodak"


def test_the_file_carries_how_it_was_made(photographs: Collection) -> None:
    made = run(Tuner(photographs), "double-exposure", reference="2")
    assert made.path is not None
    recipe = read_recipe(made.path)
    assert recipe is not None and recipe.operation == "double-exposure" and recipe.seed == 7
    assert recipe.parent == photographs.catalog.picture(1).hash
    assert recipe.references == {"reference": (photographs.catalog.picture(2).hash,)}
    assert source_type(read_packet(made.path)) == "compositeCapture"
    with photographs.catalog.database.read() as connection:
        edit = edit_of(connection, made.picture or 0)
    assert edit is not None and edit.sources == ((1, "parent"), (2, "reference"))


@pytest.mark.parametrize("given", [("tone", {"exposure": 0.3}), ("double-exposure", {"reference": "2"}), ("cut", {})])
def test_an_edit_is_made_again_with_the_same_pixels(
    photographs: Collection, given: tuple[str, dict[str, object]]
) -> None:
    tuner = Tuner(photographs)
    made = run(tuner, given[0], **given[1])
    assert made.picture is not None
    once_more = again(tuner, made.picture)
    assert once_more.same and once_more.apart == 0
    assert made.path is not None
    look(made.path).rotate(180).save(made.path)
    photographs.index([made.path])
    changed = photographs.catalog.find(path=made.path)
    assert changed != made.picture, "another content is another picture, which no operation made"
    with pytest.raises(PixloomError):
        again(tuner, changed or 0)


def test_a_file_that_was_named_is_kept_for_making_it_again(photographs: Collection, tmp_path: Path) -> None:
    second = tmp_path / "second.png"
    Image.fromarray(data.rocket()).save(second)
    tuner = Tuner(photographs)
    made = run(tuner, "double-exposure", reference=str(second))
    second.unlink()
    assert again(tuner, made.picture or 0).same


def test_several_pictures_make_one(photographs: Collection) -> None:
    made = run(Tuner(photographs), "collage", (1, 2, 3), width="300")
    with photographs.catalog.database.read() as connection:
        edit = edit_of(connection, made.picture or 0)
    assert edit is not None
    assert edit.sources == ((1, "parent"), (2, "part"), (3, "part"))
    assert edit.parameters["pictures"] == ["#2", "#3"]
    assert again(Tuner(photographs), made.picture or 0).same


def test_outcomes_never_take_each_others_names(photographs: Collection) -> None:
    tuner = Tuner(photographs)
    paths = [run(tuner, "tone", exposure=str(value)).path for value in (0.2, 0.4, 0.6)]
    assert [path.name for path in paths if path] == [
        "astronaut.tone.jpg",
        "astronaut.tone-2.jpg",
        "astronaut.tone-3.jpg",
    ]


def test_another_place_for_outcomes(photographs: Collection, tmp_path: Path) -> None:
    tuner = Tuner(photographs)
    assert run(tuner, "tone", exposure="0.2", folder=tmp_path / "out").path == tmp_path / "out/astronaut.tone.jpg"
    made = run(tuner, "tone", exposure="0.3", folder=tmp_path / "new.png").path
    assert made == tmp_path / "new.png" and look(made).format == "PNG"


def test_a_preview_joins_nothing(photographs: Collection, tmp_path: Path) -> None:
    made = run(Tuner(photographs), "tone", exposure="0.5", preview=True, folder=tmp_path / "previews")
    assert made.picture is None and made.path == tmp_path / "previews/job-5.webp"
    assert photographs.status()["pictures"] == 3


def test_an_outcome_that_nobody_can_want_is_no_success(
    photographs: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    tone = get_operation("tone")
    for value in (np.nan, 0.0, 0.5):
        broken: Callable[..., object] = lambda picture, *_, value=value: picture.with_rgb(  # noqa: E731
            np.full_like(picture.rgb, value)
        )
        monkeypatch.setattr(module, "get_operation", lambda _, broken=broken: replace(tone, apply=broken))
        with pytest.raises(QualityError, match="tone gave a picture that is"):
            run(Tuner(photographs), "tone", exposure="0.5")
    monkeypatch.setattr(module, "get_operation", lambda _: replace(tone, apply=lambda picture, *_: picture))
    with pytest.raises(QualityError, match="changed nothing"):
        run(Tuner(photographs), "tone", exposure="0.5")
    assert photographs.status()["pictures"] == 3
    assert not list(Path(photographs.catalog.picture(1).path).parent.glob("pixloom-edits/*"))


def test_what_can_not_fit_is_refused_before_it_starts(photographs: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    from indexer.models.machine import Machine

    monkeypatch.setattr(module, "this_machine", lambda: Machine(10**6, 10**5))
    with pytest.raises(CapacityError, match=r"256x256 pixels needs .* of memory"):
        run(Tuner(photographs), "cut")


def test_rights_that_forbid_derivatives_have_to_be_confirmed(photographs: Collection, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x8298] = "CC BY-ND 4.0"
    path = tmp_path / "theirs.jpg"
    Image.fromarray(data.rocket()[::2, ::2]).save(path, exif=exif)
    photographs.index([path])
    id = photographs.catalog.find(path=path) or 0
    tuner = Tuner(photographs)
    with pytest.raises(ForbiddenError, match=f"#{id} .*BY-ND"):
        run(tuner, "tone", (id,), exposure="0.5")
    assert run(tuner, "tone", (id,), exposure="0.5", confirmed=True).picture is not None


def test_a_parent_that_is_gone_and_a_stop(photographs: Collection) -> None:
    tuner = Tuner(photographs)
    with pytest.raises(NotFoundError, match="#99"):
        run(tuner, "tone", (99,), exposure="0.5")
    with pytest.raises(StoppedError):
        run(tuner, "tone", report=Quiet(0), exposure="0.5")
    Path(photographs.catalog.picture(1).path).unlink()
    with pytest.raises(NotFoundError, match="gone"):
        run(tuner, "tone", (1,), exposure="0.5")


def test_a_near_copy_of_another_picture_is_told(photographs: Collection) -> None:
    made = run(Tuner(photographs), "double-exposure", reference="2", mode="average", opacity="1")
    copy = run(Tuner(photographs), "double-exposure", (2,), reference="1", mode="average", opacity="1")
    assert made.picture is not None
    assert any(f"nearly equals #{made.picture}" in note for note in copy.notes) or copy.cosine is not None


def test_what_generating_models_made_is_marked(photographs: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    generating: Operation = replace(get_operation("tone"), source="trainedAlgorithmicMedia")
    monkeypatch.setattr(module, "get_operation", lambda _: generating)
    tuner = Tuner(photographs)
    made = run(tuner, "tone", exposure="0.5")
    assert made.path is not None and detect(open_raster(made.path).rgb) is not None
    assert detect(open_raster(Path(photographs.catalog.picture(1).path)).rgb) is None
    assert [one.id for one in Engine(photographs).search("is:generated").results] == [made.picture]
    assert again(tuner, made.picture or 0).same


def test_previews_are_kept(photographs: Collection) -> None:
    tuner = Tuner(photographs)
    previews = Previews(photographs, tuner.pictures)
    first = previews.preview(1, "tone", {"exposure": "0.5"}, size=128)
    assert Image.open(io.BytesIO(first)).size == (128, 128)
    assert len(list((photographs.settings.cache / "previews").glob("*.webp"))) == 1
    assert previews.preview(1, "tone", {"exposure": 0.5}, size=128) == first
    assert len(list((photographs.settings.cache / "previews").glob("*.webp"))) == 1
    assert previews.preview(1, "tone", {"exposure": "-0.5"}, size=128) != first


def test_a_home_opened_elsewhere_knows_the_edits(photographs: Collection) -> None:
    made = run(Tuner(photographs), "tone", exposure="0.5")
    with Collection(photographs.settings, toy_load) as opened, opened.catalog.database.read() as connection:
        edit = edit_of(connection, made.picture or 0)
    assert edit is not None and json.loads(json.dumps(dict(edit.parameters)))["exposure"] == 0.5


def test_what_a_killed_worker_left_behind_is_taken_up(photographs: Collection) -> None:
    """Written and indexed, or only written, but not noted: the run that follows meets its own file."""
    first = run(Tuner(photographs), "tone", exposure="0.5")
    for forget in (False, True):
        with photographs.catalog.database.write() as connection:
            connection.execute(delete(EditSourceRow))
            connection.execute(delete(EditRow))
        if forget:
            assert first.path is not None
            photographs.catalog.forget([first.path])
        again_made = run(Tuner(photographs), "tone", exposure="0.5")
        assert (again_made.path, again_made.picture) == (first.path, first.picture)
    assert run(Tuner(photographs), "tone", exposure="0.5").path != first.path, "one that was noted is another's"
