import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.check import check
from indexer.collection import Collection
from indexer.errors import DamageError
from indexer.indexes import vector_file
from indexer.rebuild import rebuild
from indexer.types import Progress
from tests.homes import toy_load
from tests.toys import ToyEncoder

KILLS = 30
PICTURES = 240


def many(folder: Path, count: int) -> Path:
    """Distinct small pictures; every tenth has a copy, every fifteenth file is broken."""
    folder.mkdir(parents=True, exist_ok=True)
    random_pixels = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"{number:04}.png"
        Image.fromarray(random_pixels.integers(0, 255, (24, 24, 3), np.uint8)).save(path)
        if number % 10 == 0:
            (folder / f"{number:04}-copy.png").write_bytes(path.read_bytes())
        if number % 15 == 0:
            (folder / f"{number:04}-broken.png").write_bytes(b"no picture")
    return folder


def assert_whole(collection: Collection, root: Path) -> None:
    """Nothing is lost, nothing is doubled, and every vector is its picture's."""
    status, checkup = collection.status(), check(collection)
    assert checkup.problems == []
    assert status["pictures"] == status["index"]["vectors"] == PICTURES
    assert status["files"] == PICTURES + PICTURES // 10
    assert len(status["failed"]) == PICTURES // 15
    assert status["pending"] == 0
    index = collection.catalog.state().index
    file = vector_file(collection.settings, index)
    vectors, ids = file.vectors(index.rows), file.ids(index.rows)
    assert len(set(ids.tolist())) == PICTURES
    encoder = ToyEncoder()
    for row in range(0, PICTURES, 17):
        path = collection.catalog.picture(int(ids[row])).path
        expected = encoder.encode_pictures([encoder.prepare(Image.open(path))])[0]
        np.testing.assert_allclose(vectors[row], expected, atol=1e-6)


RUN = """
import sys
from pathlib import Path
from indexer.collection import Collection
from indexer.config import Settings
from tests.homes import toy_load
with Collection(Settings(home=Path(sys.argv[1]), encoder="toy", workers=2, batch_size=4), toy_load) as collection:
    print("started", flush=True)
    collection.index([Path(sys.argv[2])])
"""


def test_killed_at_any_moment_nothing_is_lost_or_doubled(settings, tmp_path: Path) -> None:
    root, moments, killed = many(tmp_path / "photos", PICTURES), random.Random(0), 0
    while killed < KILLS:
        command = [sys.executable, "-c", RUN, str(settings.home), str(root)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(moments.uniform(0, 0.3))
            process.kill()
        killed += process.returncode == -signal.SIGKILL
        with Collection(settings, toy_load) as collection:
            assert check(collection).problems == [], "a killed run must leave nothing to repair"
            complete = collection.status()["pending"] == 0 and collection.status()["files"] > 0
        if complete:  # the next kills hit a collection that is built from nothing again
            with Collection(settings, toy_load) as collection:
                assert_whole(collection, root)
            shutil.rmtree(settings.home)
    with Collection(settings, toy_load) as collection:
        collection.index([root])
        assert_whole(collection, root)


def test_ctrl_c_keeps_what_was_done(collection: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", PICTURES)

    def interrupt(progress: Progress) -> None:
        if progress.stage == "embed" and progress.done == 100:
            raise KeyboardInterrupt

    report = collection.index([root], on_progress=interrupt)
    assert report.interrupted
    assert check(collection).problems == []
    kept = collection.status()["index"]["vectors"]
    assert 0 < kept < PICTURES
    assert collection.index([root]).embedded == PICTURES - kept
    assert_whole(collection, root)


def test_progress_counts_every_file_once(collection: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", 30)
    seen: list[tuple[str, int, int | None]] = []
    collection.index([root], on_progress=lambda p: seen.append((p.stage, p.done, p.total)))
    embedded = [entry for entry in seen if entry[0] == "embed"]
    assert embedded == [("embed", done, 35) for done in range(1, 36)]


def test_a_stop_that_is_asked_for(collection: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", 30)
    assert collection.index([root], should_stop=lambda: True).interrupted
    assert not collection.index([root]).interrupted
    assert collection.status()["pending"] == 0


def test_memory_holds_a_bounded_number_of_pictures(collection: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", 120)
    prepared, embedded, most = [0], [0], [0]

    class Counting(ToyEncoder):
        def prepare(self, image: Image.Image) -> np.ndarray:
            prepared[0] += 1
            most[0] = max(most[0], prepared[0] - embedded[0])
            return super().prepare(image)

        def encode_pictures(self, batch: list[np.ndarray]) -> np.ndarray:
            time.sleep(0.02)  # a slow model: the workers would run far ahead if they could
            embedded[0] += len(batch)
            return super().encode_pictures(batch)

    with Collection(collection.settings, lambda *_: Counting()) as slow:
        slow.index([root])
    settings = collection.settings
    assert most[0] <= 3 * settings.batch_size + 2 * settings.workers


def test_another_encoder_builds_a_second_index_beside_the_first(collection: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", 40)
    collection.index([root])
    first = collection.catalog.state().index

    class Other(ToyEncoder):
        name, fingerprint = "other", "other"

    with Collection(collection.settings, lambda *_: Other()) as switching:
        stopped = switching.index(encoder="other", should_stop=lambda: True)
        assert stopped.interrupted
        assert switching.catalog.state().index == first, "the old index answers until the new one is whole"
        switching.index(encoder="other")
        second = switching.catalog.state().index
        assert (second.encoder, second.rows) == ("other", 40)
        assert second.id != first.id
        assert vector_file(collection.settings, first).stored() == 40, "the old vectors are kept"


def test_damage_is_found_and_repaired(any_collection: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", PICTURES)
    any_collection.index([root])
    file = vector_file(any_collection.settings, any_collection.catalog.state().index)
    with file.vectors_path.open("r+b") as vectors:
        vectors.seek(5 * file.dimension * 4 + 2)
        vectors.write(b"\xff")
    thumbnail = next(any_collection.settings.thumbnails.glob("*/*.webp"))
    thumbnail.unlink()
    problems = check(any_collection).problems
    assert len(problems) == 2
    assert "rows 5)" in problems[0]
    assert rebuild(any_collection).embedded == 1
    assert thumbnail.exists()
    assert_whole(any_collection, root)


@pytest.mark.parametrize("left", [0, 1000])
def test_lost_vectors_are_refused_and_rebuilt(collection: Collection, tmp_path: Path, left: int) -> None:
    root = many(tmp_path / "photos", PICTURES)
    collection.index([root])
    (root / "new.png").write_bytes((root / "0001.png").read_bytes())
    file = vector_file(collection.settings, collection.catalog.state().index)
    os.truncate(file.vectors_path, left)
    assert not check(collection).ok
    with pytest.raises(DamageError, match="pixloom rebuild"):
        collection.index([many(tmp_path / "more", 3)])
    (root / "new.png").unlink()
    rebuild(collection)
    assert check(collection).problems == []


def test_rebuild_drops_the_rows_of_pictures_that_are_gone(collection: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", 40)
    collection.index([root])
    for path in root.glob("000*.png"):
        path.unlink()
    collection.index([root])
    assert collection.status()["index"]["vectors"] == 40
    rebuild(collection)
    status = collection.status()
    assert status["index"]["vectors"] == status["pictures"] == 30
    assert check(collection).problems == []


def test_rebuild_can_be_stopped_and_begun_again(collection: Collection, tmp_path: Path) -> None:
    collection.index([many(tmp_path / "photos", 40)])

    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(collection, on_progress=stop)
    assert check(collection).problems == []
    rebuild(collection)
    assert collection.status()["index"]["vectors"] == 40


SLOW = (
    RUN.replace(
        "from tests.homes import toy_load",
        """
import signal, time
from tests.toys import ToyEncoder
class Slow(ToyEncoder):
    def encode_pictures(self, batch):
        try:
            print("embedding", flush=True)
            time.sleep(0.3)
        except BaseException:
            print("disturbed", flush=True)
        return super().encode_pictures(batch)
toy_load = lambda *_: Slow()
signal.signal(signal.SIGTERM, signal.default_int_handler)
""",
    ).replace("collection.index", "report = collection.index")
    + """
    print("interrupted", report.interrupted, flush=True)
"""
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_never_reaches_into_the_model(settings, tmp_path: Path, number: signal.Signals) -> None:
    root = many(tmp_path / "photos", PICTURES)
    command = [sys.executable, "-c", SLOW, str(settings.home), str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as process:
        assert process.stdout is not None
        while "embedding" not in process.stdout.readline():
            pass
        process.send_signal(number)
        told = process.stdout.read().splitlines()
    assert process.returncode == 0
    assert told[-1] == "interrupted True"
    assert "disturbed" not in told
    with Collection(settings, toy_load) as collection:
        assert check(collection).problems == []
        assert 0 < collection.status()["files"] < PICTURES
