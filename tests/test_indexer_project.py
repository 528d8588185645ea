"""Features that are kept, and vectors projected from them."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import delete, update

from indexer import project
from indexer.check import check
from indexer.collection import Collection
from indexer.config import Settings
from indexer.indexes import FEATURES, forget_set, stored_sets, vector_file
from indexer.rebuild import rebuild
from indexer.records import IndexInfo
from indexer.tables import EmbeddingRow, IndexRow
from indexer.types import Progress
from tests.test_indexer_pipeline import many
from tests.toys import HeadedToy, ToyEncoder, ToyTower, any_toy, picture


class Blind(HeadedToy):
    """A head whose tower must not be asked."""

    def prepare(self, image: Image.Image) -> Any:
        raise AssertionError("a picture was read")


def blind(name: str, _: Settings) -> ToyEncoder:
    return Blind(name) if name.startswith("head:") else any_toy(name)


def vectors_by_path(collection: Collection) -> dict[str, np.ndarray]:
    """Path -> vector of the index that answers."""
    index = collection.catalog.state().index
    assert index is not None
    file = vector_file(collection.settings, index)
    ids = file.ids(index.rows).tolist()
    paths = collection.catalog.paths(ids)
    assert len(set(ids)) == len(ids), "no picture has two vectors"
    return {paths[id]: np.array(file.vectors(index.rows)[row]) for row, id in enumerate(ids) if id in paths}


def assert_as_if_fresh(collection: Collection, name: str, tmp_path: Path, roots: list[Path]) -> None:
    """The active index holds what an index that is made anew by that encoder holds."""
    home = tmp_path / f"fresh-{time.monotonic_ns()}"
    with Collection(collection.settings.model_copy(update={"home": home, "database_url": None}), any_toy) as fresh:
        fresh.index(roots, encoder=name)
        expected, found = vectors_by_path(fresh), vectors_by_path(collection)
    assert set(expected) == set(found)
    for path, vector in expected.items():
        np.testing.assert_array_equal(found[path], vector)


def sets(collection: Collection) -> list[IndexInfo]:
    with collection.catalog.database.read() as connection:
        return stored_sets(connection)


@pytest.fixture
def opened(settings: Settings, database_url: str | None) -> Any:
    """An empty collection over toys with heads, once on each kind of database."""
    changed = settings.model_copy(update={"database_url": database_url, "encoder": "head:A"})
    with Collection(changed, any_toy) as collection:
        yield collection


def test_changing_heads_reads_no_picture(opened: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", 40)
    assert opened.index([root]).embedded == 40
    assert sorted((one.kind == FEATURES, one.rows, one.dimension) for one in sets(opened)) == [
        (False, 40, 16),
        (True, 40, 16),
    ]
    with Collection(opened.settings, blind) as changing:
        report = changing.index(encoder="head:B")
        assert (report.projected, report.embedded, report.interrupted) == (40, 0, False)
        assert changing.catalog.state().index.encoder == "head:B"
        assert_as_if_fresh(changing, "head:B", tmp_path, [root])
        assert changing.index(encoder="head:A").projected == 0, "the first index is still whole"
        assert check(changing).problems == []


def test_half_a_number_is_kept_of_each_feature(opened: Collection, tmp_path: Path) -> None:
    opened.index([many(tmp_path / "photos", 20)])
    kept = next(one for one in sets(opened) if one.kind == FEATURES)
    file = vector_file(opened.settings, kept)
    assert file.vectors_path.suffix == ".f16"
    assert file.vectors_path.stat().st_size == 20 * 16 * 2
    encoder = HeadedToy("head:A")
    for row, id in enumerate(file.ids(20).tolist()):
        pixels = encoder.prepare(Image.open(opened.catalog.picture(id).path))
        np.testing.assert_array_equal(encoder.tower.features([pixels])[0], file.vectors(20)[row].astype(np.float32))


def test_pictures_that_moved_went_or_came_between_two_heads(opened: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", 30)
    opened.index([root])
    (root / "0001.png").rename(root / "moved.png")
    (root / "0002.png").rename(tmp_path / "away.png")
    opened.catalog.remove(opened.catalog.find(path=root / "0004.png"))
    opened.index()
    picture("teal", (70, 70)).save(root / "new.png")
    (root / "0003.png").rename(root / "moved-unseen.png")
    report = opened.index(encoder="head:B")
    assert (report.embedded, report.projected) == (1, 30)
    (tmp_path / "away.png").rename(root / "back.png")
    with Collection(opened.settings, blind) as later:
        assert later.index().embedded == 0, "a picture that comes back needs not be read either"
        later.index([root / "0004.png"])
        assert_as_if_fresh(later, "head:B", tmp_path, [root])
        assert check(later).problems == []


def test_an_index_of_the_tower_itself_is_the_set_of_features(settings: Settings, tmp_path: Path) -> None:
    class Plain(ToyEncoder):
        name, fingerprint = "plain", ToyTower.fingerprint

    root = many(tmp_path / "photos", 20)
    with Collection(settings, lambda name, _: Plain() if name == "plain" else any_toy(name)) as collection:
        collection.index([root], encoder="plain")
        picture("teal", (70, 70)).save(root / "new.png")
        report = collection.index(encoder="head:B")
        assert (report.projected, report.embedded) == (20, 1)
        assert [(one.encoder, one.rows) for one in sets(collection)] == [("plain", 21), ("head:B", 21)], (
            "no second copy"
        )
        assert_as_if_fresh(collection, "head:B", tmp_path, [root])
        assert collection.index(encoder="plain").embedded == 0, "what came meanwhile is in it already"
        assert check(collection).problems == []


def test_features_never_answer(opened: Collection, tmp_path: Path) -> None:
    class Plain(ToyEncoder):
        name, fingerprint = "plain", ToyTower.fingerprint

    opened.index([many(tmp_path / "photos", 20)])
    with Collection(opened.settings, lambda *_: Plain()) as plain:
        plain.index(encoder="plain")
        active = plain.catalog.state().index
        assert (active.encoder, active.kind, active.rows) == ("plain", "SQfp16", 20)
        assert plain.status()["index"]["vectors"] == 20


def test_interrupted_it_goes_on(opened: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = many(tmp_path / "photos", 40)
    opened.index([root])
    monkeypatch.setattr(project, "BLOCK", 8)
    stages: list[tuple[str, int, int | None]] = []

    def stop(progress: Progress) -> None:
        if progress.stage == "project":
            stages.append((progress.stage, progress.done, progress.total))
            if progress.done == 16:
                raise KeyboardInterrupt

    with Collection(opened.settings, blind) as changing:
        report = changing.index(encoder="head:B", on_progress=stop)
        assert (report.interrupted, report.projected) == (True, 16)
        assert stages == [("project", 8, 40), ("project", 16, 40)]
        assert changing.catalog.state().index.encoder == "head:A"
        assert changing.index(encoder="head:B", should_stop=lambda: True).interrupted
        assert changing.index(encoder="head:B").projected == 24
        assert_as_if_fresh(changing, "head:B", tmp_path, [root])


def test_a_feature_without_vector_and_the_reverse_are_repaired(opened: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", 20)
    opened.index([root])
    active, kept = sorted(sets(opened), key=lambda one: one.kind == FEATURES)
    with opened.catalog.database.write() as connection:  # the last row of each set is lost
        for one in (active, kept):
            connection.execute(delete(EmbeddingRow).where(EmbeddingRow.index_id == one.id, EmbeddingRow.row == 19))
            connection.execute(update(IndexRow).where(IndexRow.id == one.id).values(rows=19))
    picture("pink", (80, 80)).save(root / "new.png")
    assert opened.index().embedded == 2
    with opened.catalog.database.write() as connection:
        forget_set(connection, kept.id)
    vector_file(opened.settings, kept).delete()
    picture("olive", (80, 80)).save(root / "newer.png")
    assert opened.index().embedded == 22, "features that are gone are made again by a run that has the model loaded"
    with opened.catalog.database.write() as connection:
        last = opened.catalog.state().index
        connection.execute(delete(EmbeddingRow).where(EmbeddingRow.index_id == last.id, EmbeddingRow.row >= 20))
        connection.execute(update(IndexRow).where(IndexRow.id == last.id).values(rows=20))
    with Collection(opened.settings, blind) as changing:
        assert changing.index().projected == 2
        assert_as_if_fresh(changing, "head:A", tmp_path, [root])
        assert check(changing).problems == []


def flip(file: Path, place: int) -> None:
    with file.open("r+b") as data:
        data.seek(place)
        byte = data.read(1)
        data.seek(place)
        data.write(bytes([byte[0] ^ 0x41]))


def test_bad_features_are_never_projected_and_rebuild_makes_them_anew(opened: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", 20)
    opened.index([root])
    kept = next(one for one in sets(opened) if one.kind == FEATURES)
    flip(vector_file(opened.settings, kept).vectors_path, 5 * 16 * 2 + 3)
    assert [p for p in check(opened).problems if "1 features" in p and "rows 5)" in p]
    report = opened.index(encoder="head:B")
    assert (report.projected, report.embedded) == (19, 1)
    assert_as_if_fresh(opened, "head:B", tmp_path, [root])
    (root / "0003.png").unlink()
    opened.index()
    assert rebuild(opened).embedded == 1
    assert check(opened).problems == []
    assert sorted((one.encoder, one.kind == FEATURES, one.rows) for one in sets(opened)) == [
        ("head:A", False, 19),
        ("head:A", True, 19),
        ("head:B", False, 19),
    ]
    assert_as_if_fresh(opened, "head:B", tmp_path, [root])
    with Collection(opened.settings, blind) as changing:
        changing.index(encoder="head:A")
        assert_as_if_fresh(changing, "head:A", tmp_path, [root])


def test_features_that_are_cut_off_are_rebuilt(opened: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", 20)
    opened.index([root])
    kept = next(one for one in sets(opened) if one.kind == FEATURES)
    os.truncate(vector_file(opened.settings, kept).vectors_path, 100)
    assert "holds 3 of 20 features" in check(opened).problems[0]
    rebuild(opened)
    assert check(opened).problems == []
    with Collection(opened.settings, blind) as changing:
        assert changing.index(encoder="head:B").projected == 20
        assert_as_if_fresh(changing, "head:B", tmp_path, [root])


def test_projecting_is_by_blocks(opened: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened.index([many(tmp_path / "photos", 40)])
    monkeypatch.setattr(project, "BLOCK", 8)
    sizes: list[int] = []

    class Measured(ToyTower):
        def project(self, features: Any) -> Any:
            sizes.append(len(features))
            return super().project(features)

    def load(name: str, _: Settings) -> ToyEncoder:
        encoder = Blind(name)
        encoder.tower = Measured(encoder.matrix)
        return encoder

    with Collection(opened.settings, load) as changing:
        changing.index(encoder="head:B")
    assert sizes == [8] * 5


RUN = """
import sys
from pathlib import Path
from indexer import project
from indexer.collection import Collection
from indexer.config import Settings
from tests.toys import any_toy
project.BLOCK = 4
with Collection(Settings(home=Path(sys.argv[1]), encoder="head:A", workers=2, batch_size=4), any_toy) as collection:
    print("started", flush=True)
    collection.index([Path(sys.argv[2])], encoder=sys.argv[3])
"""


def test_killed_at_any_moment_features_and_vectors_agree(settings: Settings, tmp_path: Path) -> None:
    root, moments, heads = many(tmp_path / "photos", 60), random.Random(1), ("head:A", "head:B")
    settings, killed, run = settings.model_copy(update={"encoder": "head:A"}), 0, 0
    while killed < 6:
        command = [sys.executable, "-c", RUN, str(settings.home), str(root), heads[run % 2]]
        run += 1
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(moments.uniform(0, 0.25))
            process.kill()
        killed += process.returncode == -signal.SIGKILL
        with Collection(settings, any_toy) as collection:
            assert check(collection).problems == [], "a killed run must leave nothing to repair"
            whole = [one for one in sets(collection) if one.rows == 60]
        if len(whole) == 3:
            shutil.rmtree(settings.home)
    with Collection(settings, any_toy) as collection:
        for head in heads:
            collection.index([root], encoder=head)
            assert_as_if_fresh(collection, head, tmp_path, [root])
        assert check(collection).problems == []


def test_vectors_without_end_are_refused(opened: Collection, photos: Callable[..., Path]) -> None:
    class Broken(HeadedToy):
        def __init__(self, name: str) -> None:
            super().__init__(name)
            self.tower = ToyTower(self.matrix * np.nan)

    root = photos("red", "blue")
    opened.index([root])
    with Collection(opened.settings, lambda name, _: Broken(name)) as broken:
        report = broken.index(encoder="head:B")
    assert report.projected == 0
    assert [reason for _, reason in report.failed] == ["the encoder made no usable vector of it"] * 2
