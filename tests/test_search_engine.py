import os
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.collection import Collection
from indexer.errors import EncoderError, NotFoundError, PictureError, UsageError
from indexer.indexes import vector_file
from indexer.rebuild import rebuild
from indexer.records import IndexInfo
from indexer.vectors import open_store
from search.cutoff import Background
from search.engine import MAX_K, Engine
from search.query import PictureBytes, Query, Term, parse
from search.snapshot import Snapshot
from tests.homes import toy_load
from tests.toys import COLOURS, ToyEncoder, picture


@pytest.fixture
def engine(any_collection: Collection, photos) -> Engine:
    any_collection.index([photos("red", "green", "blue", "yellow", "red-2", "white", "sub/black")])
    return Engine(any_collection)


def found(results) -> list[str]:
    return [Path(result.path).stem for result in results.results]


def test_words_find_the_picture(engine: Engine) -> None:
    assert found(engine.search("something yellow"))[0] == "yellow"
    assert set(found(engine.search("red"))[:2]) == {"red", "red-2"}


def test_results_equal_brute_force(engine: Engine) -> None:
    index = engine.collection.catalog.state().index
    file = vector_file(engine.collection.settings, index)
    scores = np.array(file.vectors(index.rows)) @ ToyEncoder().encode_texts(["green"])[0]
    expected = sorted(zip(-scores, file.ids(index.rows).tolist(), strict=True))
    results = engine.search("green", show_all=True).results
    np.testing.assert_allclose([r.score for r in results], [-score for score, _ in expected], atol=1e-5)
    assert results[0].id == expected[0][1]


def test_a_picture_file_an_id_and_bytes_are_the_same_question(engine: Engine, photos) -> None:
    path = photos() / "blue.png"
    id = engine.collection.catalog.find(path=path)
    by_id, by_file = engine.search(f"#{id}"), engine.search(str(path))
    by_bytes = engine.search(Query((Term(PictureBytes(path.read_bytes(), "upload.png")),)))
    assert by_id.results == by_file.results == by_bytes.results
    assert by_id.results[0].id == id


def test_a_picture_from_outside_is_embedded(engine: Engine, tmp_path: Path) -> None:
    picture("blue", (300, 200)).save(tmp_path / "outside.bmp")
    assert found(engine.search(str(tmp_path / "outside.bmp")))[0] == "blue"


def test_similar_leaves_the_picture_itself_out(engine: Engine, photos) -> None:
    path = photos() / "red.png"
    id = engine.collection.catalog.find(path=path)
    by_id, by_path = engine.similar(id, k=3), engine.similar(path, k=3)
    assert found(by_id)[0] == "red-2"
    assert "red" not in found(by_id)
    assert len(by_id.results) == 3
    assert by_id.results == by_path.results


def test_parts_of_pictures(any_collection: Collection, photos, tmp_path: Path) -> None:
    half = Image.new("RGB", (200, 100), COLOURS["green"])
    half.paste(COLOURS["purple"], (100, 0, 200, 100))
    half.save(photos("green", "purple") / "half.png")
    any_collection.index([photos()])
    engine = Engine(any_collection)
    id = any_collection.catalog.find(path=photos() / "half.png")
    assert found(engine.search(f"#{id}[110,0,80,100]"))[0] == "purple"
    assert found(engine.similar(id, box=(0, 0, 90, 100)))[0] == "green"
    with pytest.raises(UsageError, match="200x100"):
        engine.search(f"#{id}[500,0,10,10]")


def test_weights_and_sums(engine: Engine) -> None:
    assert set(found(engine.search("blue + yellow", k=2))) == {"blue", "yellow"}
    assert found(engine.search("3*blue + yellow"))[0] == "blue"


def test_minus_pushes_away_and_keeps_the_rest(engine: Engine) -> None:
    plain = found(engine.search("red + blue", k=3))
    assert set(plain) == {"red", "red-2", "blue"}
    assert found(engine.search("red + blue - red"))[0] == "blue"


def test_k_and_what_is_left_out(engine: Engine) -> None:
    assert len(engine.search("red", k=2).results) == 2
    assert len(engine.search("red", k=MAX_K, show_all=True).results) == 7
    for k in (0, -1, 10**9):
        with pytest.raises(UsageError, match=str(k)):
            engine.search("red", k=k)


def test_deleted_and_removed_pictures_are_never_found(engine: Engine, photos) -> None:
    assert "yellow" in found(engine.search("yellow"))
    (photos() / "yellow.png").unlink()
    engine.collection.catalog.remove(engine.collection.catalog.find(path=photos() / "green.png"))
    engine.collection.index()
    everything = engine.search("yellow", show_all=True)
    assert set(found(everything)) == {"red", "red-2", "blue", "white", "black"}
    assert everything.total == 5


def test_new_pictures_are_found_at_once(engine: Engine, photos) -> None:
    assert "purple" not in found(engine.search("purple"))
    photos("purple")
    engine.collection.index()
    assert found(engine.search("purple"))[0] == "purple"


def test_unknown_pictures(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    for line, error in [
        ("#999", NotFoundError),
        ("./nowhere.png", NotFoundError),
        (f"{tmp_path}/text.png", PictureError),
    ]:
        with pytest.raises(error):
            engine.search(line)
    with pytest.raises(NotFoundError):
        engine.similar(999)


def test_over_the_network_only_files_of_the_collection_can_be_named(engine: Engine, photos, tmp_path: Path) -> None:
    picture("blue").save(tmp_path / "secret.png")
    with pytest.raises(NotFoundError, match="not in the collection"):
        engine.search(f"{tmp_path}/secret.png", local_files=False)
    assert found(engine.search(f"{photos()}/blue.png", local_files=False))[0] == "blue"


def test_nothing_indexed_yet(collection: Collection) -> None:
    engine = Engine(collection)
    results = engine.search("red")
    assert (results.results, results.total, results.encoder) == ((), 0, None)
    with pytest.raises(NotFoundError):
        engine.search("#1")


def test_a_question_asked_before_needs_no_model(engine: Engine) -> None:
    first = engine.search("red + blue")

    def refuse(*_: object) -> None:
        raise AssertionError("a model was loaded")

    with Collection(engine.collection.settings, refuse) as again:
        assert Engine(again).search("red + blue").results == first.results


def test_an_index_of_another_version_of_the_encoder_is_refused(engine: Engine) -> None:
    class Newer(ToyEncoder):
        fingerprint = "newer"

    with Collection(engine.collection.settings, lambda *_: Newer()) as newer:
        with pytest.raises(EncoderError, match="pixloom rebuild"):
            Engine(newer).search("a question not asked before")
        rebuild(newer)
        assert found(Engine(newer).search("a question not asked before red"))[0].startswith("red")


def test_searching_while_indexing(collection: Collection, photos) -> None:
    photos(*COLOURS)
    failures: list[BaseException] = []
    with Collection(collection.settings, toy_load) as collection:
        collection.index([photos()])
        engine = Engine(collection)

        def ask() -> None:
            try:
                for _ in range(40):
                    assert found(engine.search("red", k=1))[0].startswith("red")
            except BaseException as error:
                failures.append(error)

        threads = [Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(10):
            picture("blue", (70 + number, 50)).save(photos() / f"new-{number}.png")
            collection.index()
        for thread in threads:
            thread.join()
    assert failures == []


def test_a_snapshot_is_renewed_only_when_something_changed(collection: Collection, photos) -> None:
    collection.index([photos("red")])
    engine = Engine(collection)
    first = engine.snapshot()
    assert engine.snapshot() is first
    photos("blue")
    collection.index()
    second = engine.snapshot()
    assert (len(first.store), len(second.store)) == (1, 2)
    assert found(engine.search("blue", k=1)) == ["blue"]


def test_percentiles_and_verdicts_are_relative_to_the_collection() -> None:
    scores = np.random.default_rng(0).normal(0.2, 0.05, 2000).astype(np.float32)
    background = Background.of(scores, 2000)
    asked = np.array([0.5, 0.25, 0.1], np.float32)
    assert background.verdicts(asked) == ["strong", "weak", "no match"]
    np.testing.assert_allclose(background.percentile(asked), [(scores <= value).mean() for value in asked])
    assert background.matches() == sum(scores >= scores.mean())
    assert Background.of(scores * 7 + 3, 2000).verdicts(asked * 7 + 3) == background.verdicts(asked)


def test_the_query_comes_back_in_its_canonical_form(engine: Engine) -> None:
    results = engine.search("2*red  - blue")
    assert parse(results.query) == parse("2*red - blue")
    assert results.encoder == "toy"
    assert results.notice is None
    assert set(results.as_dict()) == {"query", "encoder", "notice", "took_ms", "total", "results"}


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 400), st.integers(1, 60), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_a_snapshot_is_exact_however_close_the_scores_are(n: int, k: int, decimals: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    # Rounding makes many rows nearly or wholly the same: half precision alone would mix them up.
    rows = 1 + np.round(random.standard_normal((n, 12)) * 10.0**-decimals, decimals + 1)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    query = rows[0]
    store = open_store("SQfp16", 12).extended(rows[: n - n // 5]).extended(rows[n - n // 5 :])
    dead = random.random(n) < 0.2
    alive = np.flatnonzero(~dead)
    index = IndexInfo(1, "toy", "toy", 12, "SQfp16", n)
    snapshot = Snapshot(1, index, rows, store, np.arange(n), alive, rows)
    hits = snapshot.search(query, k)
    expected = np.sort(rows[alive] @ query)[::-1][:k]
    np.testing.assert_allclose(hits.scores, expected, rtol=0, atol=1e-6)
    assert not dead[hits.rows].any()
    assert len(set(hits.rows.tolist())) == len(hits.rows)


def test_special_files_are_refused_as_queries_without_being_read(engine: Engine, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in ("/dev/zero", str(tmp_path / "pipe.png")):
        with pytest.raises(PictureError, match="not a file"):
            engine.search(path)
    small = engine.collection.settings.model_copy(update={"max_bytes": 100})
    (tmp_path / "large.png").write_bytes(bytes(1000))
    with Collection(small, toy_load) as collection, pytest.raises(PictureError, match="PIXLOOM_MAX_BYTES"):
        Engine(collection).search(str(tmp_path / "large.png"))
