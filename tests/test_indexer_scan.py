import os
import shutil
from pathlib import Path

import pytest

from indexer.collection import Collection
from indexer.errors import BusyError, NotFoundError, UsageError
from indexer.sources.folder import walk
from tests.homes import toy_load


def names(root: Path, **options: object) -> dict[str, str]:
    """Every file that a walk shows, relative to the root, with its state."""
    listings = walk(root, **options)
    return {
        os.path.relpath(f"{listing.folder}/{found.name}", root): found.state
        for listing in listings
        for found in listing.files
    }


def test_pictures_wait_and_others_are_ignored(photos) -> None:
    root = photos("red", "sub/deep/blue")
    (root / "notes.txt").write_text("x")
    (root / "Makefile").write_text("x")
    (root / "README").write_bytes((root / "red.png").read_bytes())  # a picture without an extension
    (root / ".hidden.png").write_bytes(b"x")
    (root / ".git").mkdir()
    (root / ".git" / "red.png").write_bytes(b"x")
    assert names(root) == {
        "red.png": "pending",
        "README": "pending",
        "sub/deep/blue.png": "pending",
        "notes.txt": "ignored",
        "Makefile": "ignored",
    }


def test_ignore_rules_as_in_git(photos) -> None:
    root = photos("red", "raw/red", "raw/keep/blue", "other/red", "@eaDir/red")
    (root / ".pixloomignore").write_text("raw/*\n!raw/keep\n*.bmp\n")
    (root / "a.bmp").write_bytes(b"x")
    (root / "other" / ".pixloomignore").write_text("red.*\n")
    assert names(root) == {
        "red.png": "pending",
        "a.bmp": "ignored",
        "raw/red.png": "ignored",
        "raw/keep/blue.png": "pending",
        "other/red.png": "ignored",
        "@eaDir/red.png": "ignored",
    }


def test_loops_of_links_end(photos) -> None:
    root = photos("red", "sub/blue")
    (root / "sub" / "loop").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    (root / "link.png").symlink_to(root / "red.png")
    (root / "broken.png").symlink_to(root / "nowhere.png")
    found = names(root)
    assert found["red.png"] == found["link.png"] == found["sub/blue.png"] == "pending"
    assert found["broken.png"] == "failed"


def test_pipes_and_the_home_folder_are_not_entered(photos) -> None:
    root = photos("red", "home/thumbnails/blue")
    os.mkfifo(root / "pipe.png")
    assert names(root, without=root / "home") == {"red.png": "pending", "pipe.png": "ignored"}


def test_every_file_is_in_one_state(any_collection: Collection, photos) -> None:
    root = photos("red", "blue", "sub/green", "sub/red-copy")
    shutil.copy(root / "red.png", root / "sub" / "again.png")
    (root / "broken.jpg").write_bytes(b"no picture")
    (root / "empty.png").touch()
    (root / "notes.txt").write_text("x")
    (root / os.fsdecode(b"caf\xe9.png")).write_bytes((root / "red.png").read_bytes())
    report = any_collection.index([root])
    status = any_collection.status()
    assert (status["files"], status["pictures"], status["ignored"], status["pending"]) == (5, 4, 1, 0)
    reasons = {Path(entry["path"]).name: entry["reason"] for entry in status["failed"]}
    assert set(reasons) == {"broken.jpg", "empty.png", "caf\\xe9.png"}
    assert all(reasons.values())
    assert (report.added, report.embedded, len(report.failed)) == (7, 4, 3)


def test_a_second_run_does_nothing_and_loads_no_model(settings, photos) -> None:
    root = photos("red", "blue")
    (root / "broken.jpg").write_bytes(b"no picture")
    with Collection(settings, toy_load) as collection:
        collection.index([root])

    def refuse(*_: object) -> None:
        raise AssertionError("a model was loaded")

    with Collection(settings, refuse) as collection:
        generation = collection.catalog.state().generation
        report = collection.index([root])
        assert collection.index().unchanged == report.unchanged == 3
        assert (report.added, report.changed, report.gone, report.embedded) == (0, 0, 0, 0)
        assert collection.catalog.state().generation == generation


def test_a_moved_file_keeps_its_id(any_collection: Collection, photos) -> None:
    root = photos("red", "blue")
    any_collection.index([root])
    id = any_collection.catalog.find(path=root / "red.png")
    (root / "new").mkdir()
    (root / "red.png").rename(root / "new" / "rouge.png")
    report = any_collection.index([root])
    assert any_collection.catalog.find(path=root / "new" / "rouge.png") == id
    assert any_collection.catalog.find(path=root / "red.png") is None
    assert (report.moved, report.added, report.gone, report.embedded) == (1, 0, 0, 0)


def test_a_changed_file_is_embedded_again(any_collection: Collection, photos) -> None:
    root = photos("red", "blue")
    any_collection.index([root])
    old = any_collection.catalog.find(path=root / "red.png")
    shutil.copy(photos("green") / "green.png", root / "red.png")
    (root / "green.png").unlink()
    report = any_collection.index([root])
    assert (report.changed, report.embedded) == (1, 1)
    assert any_collection.catalog.find(path=root / "red.png") != old
    assert any_collection.status()["pictures"] == 2
    with pytest.raises(NotFoundError):
        any_collection.catalog.picture(old)


def test_a_touched_file_keeps_its_vector(any_collection: Collection, photos) -> None:
    root = photos("red")
    any_collection.index([root])
    os.utime(root / "red.png", (1, 1))
    report = any_collection.index([root])
    assert (report.changed, report.embedded, any_collection.status()["pictures"]) == (1, 0, 1)


def test_what_is_deleted_leaves_and_comes_back(any_collection: Collection, photos, tmp_path: Path) -> None:
    root = photos("red", "sub/blue", "sub/green")
    any_collection.index([root])
    id = any_collection.catalog.find(path=root / "sub" / "blue.png")
    shutil.move(root / "sub", tmp_path / "away")
    assert any_collection.index([root]).gone == 2
    assert any_collection.status()["pictures"] == any_collection.status()["files"] == 1
    shutil.move(tmp_path / "away", root / "sub")
    assert any_collection.index([root]).embedded == 0
    assert any_collection.catalog.find(path=root / "sub" / "blue.png") == id


def test_one_copy_of_two_deleted_keeps_the_picture(any_collection: Collection, photos) -> None:
    root = photos("red")
    shutil.copy(root / "red.png", root / "copy.png")
    any_collection.index([root])
    (root / "red.png").unlink()
    any_collection.index([root])
    assert any_collection.status()["pictures"] == 1
    assert any_collection.catalog.picture(1).paths == (str(root / "copy.png"),)


def test_a_drive_that_is_away_keeps_its_pictures(collection: Collection, photos, tmp_path: Path) -> None:
    root = photos("red", "blue")
    collection.index([root])
    root.rename(tmp_path / "unplugged")
    assert collection.index().gone == 0
    assert collection.status()["pictures"] == 2


def test_a_folder_next_to_it_with_the_same_beginning_is_left_alone(collection: Collection, photos, tmp_path) -> None:
    root = photos("red", "blue")
    other = tmp_path / "photos-2"
    shutil.copytree(root, other)
    collection.index([other])
    collection.index([root])
    assert collection.status()["files"] == 4


def test_a_single_file(collection: Collection, photos) -> None:
    root = photos("red", "blue")
    collection.index([root / "red.png"])
    assert collection.status()["files"] == 1
    collection.index([root])
    collection.index([root / "red.png"])
    assert collection.status()["files"] == 2


def test_a_removed_picture_stays_out_until_it_is_named(any_collection: Collection, photos) -> None:
    root = photos("red", "blue")
    any_collection.index([root])
    id = any_collection.catalog.find(path=root / "red.png")
    any_collection.catalog.remove(id)
    any_collection.index([root])
    assert any_collection.catalog.find(path=root / "red.png") is None
    any_collection.index([root / "red.png"])
    assert any_collection.catalog.find(path=root / "red.png") == id


def test_failed_files_are_tried_again_when_asked_or_changed(collection: Collection, photos) -> None:
    root = photos("red")
    broken = root / "broken.png"
    broken.write_bytes(b"no picture")
    collection.index([root])
    assert collection.index([root]).failed == []
    assert len(collection.index([root], retry=True).failed) == 1
    shutil.copy(root / "red.png", broken)
    collection.index([root])
    assert collection.status()["failed"] == []
    assert collection.status()["files"] == 2


def test_captions_beside_pictures_are_read_and_renewed(collection: Collection, photos) -> None:
    root = photos("red")
    (root / "red.txt").write_text("A red wall.\nfr.utf8=Un mur rouge.\n")
    collection.index([root])
    captions = {c.language: c.text for c in collection.catalog.picture(1).captions}
    assert captions == {"en": "A red wall.", "fr": "Un mur rouge."}
    (root / "red.txt").write_text("A crimson wall.\n")
    os.utime(root / "red.txt", (2, 2))
    assert collection.index([root]).embedded == 0
    assert [c.text for c in collection.catalog.picture(1).captions] == ["A crimson wall."]


def test_a_missing_path_is_refused_before_anything_is_done(collection: Collection, photos) -> None:
    root = photos("red")
    with pytest.raises(NotFoundError, match="nowhere"):
        collection.index([root, root / "nowhere"])
    assert collection.status()["files"] == 0
    assert collection.catalog.roots() == []


def test_a_home_that_another_writes_is_refused(collection: Collection, settings, photos) -> None:
    with Collection(settings, toy_load) as other, other.writing(), pytest.raises(BusyError, match="Another process"):
        collection.index([photos("red")])
    assert collection.status()["files"] == 0


def test_metadata_beside_pictures_is_read_and_renewed(collection: Collection, photos) -> None:
    root = photos("red")
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="{}"/></rdf:RDF></x:xmpmeta>'
    )
    collection.index([root])
    assert collection.catalog.picture(1).rating is None
    for rating in (4, 2):
        (root / "red.xmp").write_text(packet.format(rating))
        os.utime(root / "red.xmp", (rating, rating))
        assert collection.index([root]).embedded == 0
        assert collection.catalog.picture(1).rating == rating


def test_a_root_that_was_renamed_keeps_ids_and_loses_its_old_paths(any_collection: Collection, photos) -> None:
    root = photos("red", "blue")
    any_collection.index([root])
    id = any_collection.catalog.find(path=root / "red.png")
    new = root.rename(root.with_name("renamed"))
    report = any_collection.index([new])
    assert (report.moved, report.added, report.embedded) == (2, 0, 0)
    assert any_collection.catalog.picture(id).paths == (str(new / "red.png"),)


def test_a_missing_root_is_named_and_can_be_forgotten(any_collection: Collection, photos, tmp_path: Path) -> None:
    root = photos("red", "sub/blue")
    beside = tmp_path / "photos-2"
    shutil.copytree(root / "sub", beside)
    any_collection.index([root, beside])
    shutil.rmtree(root)
    assert any_collection.index().missing == [root]
    assert any_collection.status()["folders"] == [str(root), str(beside)]
    assert any_collection.forget(root) == 2
    assert any_collection.catalog.roots() == [beside]
    assert (any_collection.status()["files"], any_collection.status()["pictures"]) == (1, 1)
    with pytest.raises(NotFoundError):
        any_collection.forget(root)


def test_what_is_neither_file_nor_folder_is_refused(collection: Collection, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        collection.index([tmp_path / "pipe.png"])
    assert collection.catalog.roots() == []
