"""Changing models: built beside, swapped, gone back on, dropped; stopped and killed at any moment."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from indexer import switch as switching
from indexer.check import check
from indexer.collection import Collection
from indexer.config import Settings
from indexer.encoders.kept import KeptEncoders
from indexer.errors import BusyError, EncoderError, NotFoundError, UsageError
from indexer.indexes import coverage, previous_index, stored_sets, vector_file
from indexer.rebuild import rebuild
from indexer.records import IndexInfo
from indexer.scan import scan
from indexer.switch import Switch, building, drop
from indexer.types import Progress, Report
from tests.test_indexer_pipeline import many
from tests.toys import OtherToy, ToyEncoder, any_toy, picture

NAMES = ("toy", "other", "head:A", "head:B")


@pytest.fixture
def opened(settings: Settings, database_url: str | None) -> Iterator[Collection]:
    """An empty collection over several toys, once on each kind of database."""
    with Collection(settings.model_copy(update={"database_url": database_url}), any_toy) as collection:
        yield collection


def change(collection: Collection, name: str | None, **options: object) -> Report:
    """The whole change to a model, or back without a name."""
    with collection.switching():
        begun = Switch.to(collection, name) if name else Switch.back(collection)
        if begun.needed and begun.build(**options):
            begun.swap(**options)
        return begun.report


def active(collection: Collection) -> IndexInfo:
    index = collection.catalog.state().index
    assert index is not None
    return index


def test_there_and_back_and_there_again(opened: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", 20)
    opened.index([root])
    assert opened.status()["previous"] is None
    with pytest.raises(UsageError, match="nothing to go back to"):
        change(opened, None)
    assert change(opened, "other").embedded == 20
    assert (opened.status()["encoder"], opened.status()["previous"]) == ("other", "toy")
    picture("teal", (70, 70)).save(root / "new.png")
    assert opened.index().embedded == 1, "what comes later goes to the one that answers"
    assert opened.status()["encoder"] == "other", "and an index run without an encoder doesn't change it"
    assert change(opened, None).embedded == 1, "what has come since is embedded first"
    assert (opened.status()["encoder"], opened.status()["previous"]) == ("toy", "other")
    assert coverage(opened.catalog, active(opened).id) == (21, 21)
    assert change(opened, None).embedded == 0
    assert (opened.status()["encoder"], opened.status()["previous"]) == ("other", "toy")
    assert check(opened).problems == []


def test_to_the_one_that_answers_there_is_nothing_to_do(opened: Collection, tmp_path: Path) -> None:
    opened.index([many(tmp_path / "photos", 10)])
    before = opened.catalog.state()
    with opened.switching():
        assert not Switch.to(opened, "toy").needed
    assert opened.catalog.state() == before
    assert building(opened.settings) is None


def test_a_model_can_be_chosen_before_there_is_a_picture(opened: Collection, tmp_path: Path) -> None:
    change(opened, "other")
    assert opened.status()["encoder"] == "other"
    assert opened.index([many(tmp_path / "photos", 10)]).embedded == 10
    assert opened.status()["encoder"] == "other"


def test_stopped_it_goes_on_or_is_dropped(opened: Collection, tmp_path: Path) -> None:
    opened.index([many(tmp_path / "photos", 90)])
    seen: list[Progress] = []

    def interrupt(progress: Progress) -> None:
        seen.append(Progress(progress.stage, progress.done, progress.total, progress.rate, progress.eta))
        if progress.stage == "embed" and progress.done == 70:
            raise KeyboardInterrupt

    assert change(opened, "other", on_progress=interrupt).interrupted
    assert seen[-1].total == 99 and seen[-1].eta is not None
    status = opened.status()
    assert (status["encoder"], status["previous"], status["building"]["encoder"]) == ("toy", None, "other")
    done = status["building"]["pictures"]
    assert 0 < done < 90 == status["building"]["of"]
    assert change(opened, "other").embedded == 90 - done
    assert opened.status()["building"] is None
    assert change(opened, "head:A", should_stop=lambda: True).interrupted
    file = vector_file(opened.settings, next(one for one in _sets(opened) if one.encoder == "head:A"))
    assert opened.status()["building"]["encoder"] == "head:A"
    assert drop(opened, "head:A") == 0 or not file.vectors_path.exists()
    assert opened.status()["building"] is None
    assert check(opened).problems == []


def _sets(collection: Collection) -> list[IndexInfo]:
    with collection.catalog.database.read() as connection:
        return stored_sets(connection)


def test_drop_frees_all_but_the_one_that_answers(opened: Collection, tmp_path: Path) -> None:
    opened.index([many(tmp_path / "photos", 20)])
    change(opened, "other")
    toy = previous_index(opened.catalog)
    assert toy is not None
    file = vector_file(opened.settings, toy)
    with pytest.raises(UsageError, match="answers"):
        drop(opened, "other")
    with pytest.raises(NotFoundError, match="there is: toy"):
        drop(opened, "head:A")
    assert drop(opened, "toy") == 20 * (16 * 4 + 8)
    assert not file.vectors_path.exists() and not file.ids_path.exists()
    assert opened.status()["previous"] is None
    with pytest.raises(UsageError, match="nothing to go back to"):
        change(opened, None)
    assert change(opened, "toy").embedded == 20, "dropped, it is built from nothing again"
    assert check(opened).problems == []


def test_one_change_at_a_time(opened: Collection, tmp_path: Path) -> None:
    opened.index([many(tmp_path / "photos", 10)])
    with Collection(opened.settings, any_toy) as second, opened.switching():
        begun = Switch.to(opened, "other")
        for refused in (lambda: change(second, "head:A"), lambda: drop(second, "other"), lambda: rebuild(second)):
            with pytest.raises(BusyError, match="change of models"):
                refused()
        begun.swap()
    assert opened.status()["encoder"] == "other"


def test_others_write_while_an_index_is_built(
    opened: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures that come meanwhile are in the index that answers at once, and in the new one before it answers."""
    root = many(tmp_path / "photos", 200)
    opened.index([root])
    monkeypatch.setattr(OtherToy, "encode_pictures", _slowly(OtherToy.encode_pictures))
    failed: list[BaseException] = []

    def build() -> None:
        try:
            change(opened, "other")
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=build)
    thread.start()
    came = 0
    with Collection(opened.settings, any_toy) as second:
        while thread.is_alive():
            path = root / f"came-{came}.png"
            picture("teal", (70 + came, 70)).save(path)
            report = second.index([path], wait=10)
            came += 1
            id = second.catalog.find(path=path)
            assert report.embedded == 1 and id is not None
            digest = second.catalog.picture(id).hash
            assert second.catalog.has_embedding(active(second).id, digest), "at once"
            time.sleep(0.05)
    thread.join()
    assert failed == []
    assert came > 3
    assert active(opened).encoder == "other"
    assert coverage(opened.catalog, active(opened).id) == (200 + came, 200 + came)
    assert check(opened).problems == []


def _slowly(encode: Callable[..., object]) -> Callable[..., object]:
    def slow(*args: object) -> object:
        time.sleep(0.15)
        return encode(*args)

    return slow


def test_the_swap_waits_until_nothing_is_missing(
    opened: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = many(tmp_path / "photos", 20)
    opened.index([root])
    asked: list[int] = []
    honest = Switch._waiting

    def waiting(self: Switch) -> int:
        if not asked:  # another process has found more than a swap embeds while others wait
            for number in range(10):
                picture("pink", (100 + number, 50)).save(root / f"late-{number}.png")
            scan(opened.catalog, root, home=opened.settings.home, report=Report())
        asked.append(honest(self))
        return asked[-1]

    monkeypatch.setattr(Switch, "_waiting", waiting)
    assert change(opened, "other").embedded == 30
    assert asked == [10, 0]
    assert coverage(opened.catalog, active(opened).id) == (30, 30)


def test_a_build_waits_for_a_writer_and_can_be_stopped_while_it_does(opened: Collection, tmp_path: Path) -> None:
    opened.index([many(tmp_path / "photos", 10)])
    stop = threading.Event()
    with FileLock(opened.settings.home / "write.lock"):
        threading.Timer(0.3, stop.set).start()
        assert change(opened, "other", should_stop=stop.is_set).interrupted
        lasting = threading.Thread(target=change, args=(opened, "other"))
        lasting.start()
        time.sleep(1.2)
        assert lasting.is_alive() and active(opened).encoder == "toy"
    lasting.join(20)
    assert active(opened).encoder == "other"


def test_a_folder_that_is_away_is_not_lost_by_a_change(opened: Collection, tmp_path: Path) -> None:
    opened.index([many(tmp_path / "photos", 10), many(tmp_path / "drive", 12)])
    (tmp_path / "drive").rename(tmp_path / "detached")
    with pytest.raises(UsageError, match="drive isn't there, and 14 of its files"):
        change(opened, "other")
    assert opened.status()["pictures"] == 12, "the two folders hold the same ten, and two more"
    (tmp_path / "detached").rename(tmp_path / "drive")
    change(opened, "head:A")
    (tmp_path / "drive").rename(tmp_path / "detached")
    change(opened, "head:B")  # from features
    assert coverage(opened.catalog, active(opened).id) == (12, 12)
    assert opened.status()["encoder"] == "head:B"


def test_another_version_of_a_model_is_another_index(settings: Settings, tmp_path: Path) -> None:
    version = [1]

    class Trained(ToyEncoder):
        name = "trained"

        def __init__(self) -> None:
            self.fingerprint = f"trained {version[0]}"

    with Collection(settings, lambda *_: Trained()) as collection:
        collection.index([many(tmp_path / "photos", 10)], encoder="trained")
        version[0] = 2
        assert collection.encoder("trained").fingerprint == "trained 1", "it is kept"
        change(collection, "trained")
        assert active(collection).fingerprint == "trained 2"
        assert collection.encoder("trained", "trained 2").fingerprint == "trained 2"
        change(collection, None)
        assert active(collection).fingerprint == "trained 1", "both versions are still in memory"
        change(collection, None)
    with Collection(settings, lambda *_: Trained()) as later, pytest.raises(EncoderError, match="no way back"):
        change(later, None)


def test_dimensions_never_mix(settings: Settings, tmp_path: Path) -> None:
    class Wide(ToyEncoder):
        dimension = 20

    with Collection(settings, any_toy) as collection:
        collection.index([many(tmp_path / "photos", 10)])
    with Collection(settings, lambda *_: Wide()) as wrong:
        picture("teal").save(tmp_path / "photos" / "new.png")
        with pytest.raises(EncoderError, match="20 numbers where its index has 16"):
            wrong.index()
        assert check(wrong).problems == []


def test_two_encoders_are_kept_and_loading_one_does_not_stop_the_other() -> None:
    loaded: list[str] = []
    may_load, loading = threading.Event(), threading.Event()

    def load(name: str) -> ToyEncoder:
        loaded.append(name)
        if name == "head:B":
            loading.set()
            assert may_load.wait(10)
        return any_toy(name)

    kept = KeptEncoders(load)
    kept.get("toy")
    thread = threading.Thread(target=kept.get, args=("head:B",))
    thread.start()
    assert loading.wait(10)
    kept.get("toy")
    kept.get("other")
    may_load.set()
    thread.join()
    assert loaded == ["toy", "head:B", "other"]
    assert kept.kept("toy") is None, "two at most"
    first = kept.get("head:B")
    assert kept.get("head:B") is kept.renewed("head:B") is first, "the same version is not held twice"
    for _ in range(3):
        assert kept.get("head:B", "no such version") is first
    assert loaded == ["toy", "head:B", "other", "head:B", "head:B"], "looked for once, not for every query"


RUN = """
import sys
from pathlib import Path
from indexer.collection import Collection
from indexer.config import Settings
from indexer.switch import Switch
from tests.toys import any_toy
with Collection(Settings(home=Path(sys.argv[1]), workers=2, batch_size=4), any_toy) as collection:
    with collection.switching():
        begun = Switch.to(collection, sys.argv[2])
        print("started", flush=True)
        begun.build() and begun.swap()
"""


def test_killed_at_any_moment_one_index_or_the_other_answers(settings: Settings, tmp_path: Path) -> None:
    moments, run = random.Random(2), 0
    with Collection(settings, any_toy) as collection:
        collection.index([many(tmp_path / "photos", 120)])
        while run < 5:
            name = NAMES[1 + run % 3]
            command = [sys.executable, "-c", RUN, str(settings.home), name]
            with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as process:
                assert process.stdout is not None
                process.stdout.readline()
                time.sleep(moments.uniform(0, 0.25))
                process.kill()
            run += 1
            assert check(collection).problems == []
            assert coverage(collection.catalog, active(collection).id) == (120, 120)
            assert collection.status()["previous"] in (None, *NAMES)
        for name in NAMES:
            change(collection, name)
            assert active(collection).encoder == name and active(collection).rows == 120
        assert check(collection).problems == []


def test_a_note_of_a_switch_that_cannot_be_read_is_none(opened: Collection) -> None:
    for content in ("", "{", "[]", '{"encoder": 1}', '{"index": 99}'):
        (opened.settings.home / "switch.json").write_text(content)
        assert opened.status()["building"] is None


def test_rebuild_keeps_every_index_and_the_way_back(opened: Collection, tmp_path: Path) -> None:
    root = many(tmp_path / "photos", 40)
    opened.index([root])
    change(opened, "other")
    change(opened, "head:A", should_stop=lambda: True)
    (root / "0001.png").unlink()
    opened.index()
    rebuild(opened)
    assert check(opened).problems == []
    status = opened.status()
    assert (status["encoder"], status["previous"], status["building"]["encoder"]) == ("other", "toy", "head:A")
    assert [one.rows for one in _sets(opened) if one.encoder in ("toy", "other")] == [39, 39]
    assert change(opened, None).embedded == 0
    assert switching.drop(opened, "head:A") >= 0
