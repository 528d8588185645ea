import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import DamageError, UsageError
from indexer.vectors import STORES, faiss_store, open_store
from indexer.vectors.faiss_store import FaissStore
from indexer.vectors.file import VectorFile, row_crcs


def vectors(n: int, dimension: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dimension)).astype(np.float32)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(STORES)), st.integers(0, 300), st.integers(1, 40), st.data())
def test_search_equals_brute_force_within_the_error(kind: str, n: int, k: int, data: st.DataObject) -> None:
    rows, query = vectors(n), vectors(1, seed=1)[0]
    allowed = data.draw(st.none() | st.sets(st.integers(0, n - 1)).map(sorted)) if n else None
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    query /= np.linalg.norm(query)
    store = open_store(kind, 8).extended(rows[: n // 2]).extended(rows[n // 2 :])
    hits = store.search(query[np.newaxis], k, None if allowed is None else np.array(allowed, np.int64))[0]
    candidates = np.arange(n) if allowed is None else np.array(allowed, np.int64)
    expected = np.sort(rows[candidates] @ query)[::-1][:k]
    assert len(hits.rows) == min(k, len(candidates))
    assert set(hits.rows) <= set(candidates)
    np.testing.assert_allclose(hits.scores, expected, rtol=0, atol=store.error)
    np.testing.assert_allclose(rows[hits.rows] @ query, hits.scores, rtol=0, atol=store.error)


def test_the_path_that_gpus_take_gives_the_same() -> None:
    rows, queries = vectors(500), vectors(3, seed=1)
    allowed = np.arange(0, 500, 2)
    store = FaissStore("SQfp16", 8).extended(rows)
    by_selector = store.search(queries, 10, allowed)
    store._on_gpu = True  # a GPU index has no selectors: it gathers
    for one, other in zip(by_selector, store.search(queries, 10, allowed), strict=True):
        assert one.rows.tolist() == other.rows.tolist()


def test_parts_searched_side_by_side_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, queries = vectors(1000), vectors(3, seed=1)
    whole = FaissStore("Flat", 8).extended(rows)
    monkeypatch.setattr(faiss_store, "PART", 64)
    parts = FaissStore("Flat", 8).extended(rows[:700])
    for start in range(700, 1000, 10):
        parts = parts.extended(rows[start : start + 10])
    assert len(parts._parts) > 2
    for allowed in (None, np.arange(0, 1000, 3), np.array([5, 699, 700, 999]), np.array([], np.int64)):
        for one, other in zip(whole.search(queries, 20, allowed), parts.search(queries, 20, allowed), strict=True):
            assert one.rows.tolist() == other.rows.tolist()


def test_a_store_that_is_extended_stays_as_it_was() -> None:
    rows = vectors(100)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    first = FaissStore("SQfp16", 8).extended(rows[:50])
    second = first.extended(rows[50:])
    assert (len(first), len(second)) == (50, 100)
    assert max(first.search(rows[60:61], 50)[0].rows) < 50
    assert second.search(rows[60:61], 1)[0].rows.tolist() == [60]


def test_an_unknown_kind_lists_the_valid_ones() -> None:
    with pytest.raises(UsageError, match="Flat"):
        open_store("HNSW99", 8)


def test_rows_come_back_as_written(tmp_path: Path) -> None:
    file, rows = VectorFile(tmp_path / "v", "1", 8), vectors(10)
    file.append(rows[:6], np.arange(6), 0)
    file.append(rows[6:], np.arange(6, 10), 6)
    np.testing.assert_array_equal(file.vectors(10), rows)
    assert file.ids(10).tolist() == list(range(10))
    assert file.stored() == 10


def test_rows_beyond_the_count_are_written_over(tmp_path: Path) -> None:
    file, rows = VectorFile(tmp_path, "1", 8), vectors(10)
    file.append(rows[:4], np.arange(4), 0)
    file.append(rows[4:], np.arange(100, 106), 4)  # the commit that would count them never came
    file.append(rows[8:], np.array([8, 9]), 4)
    np.testing.assert_array_equal(file.vectors(6), rows[[0, 1, 2, 3, 8, 9]])
    assert file.ids(6).tolist() == [0, 1, 2, 3, 8, 9]


def test_missing_rows_are_damage(tmp_path: Path) -> None:
    file = VectorFile(tmp_path, "1", 8)
    assert file.vectors(0).shape == (0, 8)
    with pytest.raises(DamageError, match="pixloom rebuild"):
        file.vectors(1)
    file.append(vectors(3), np.arange(3), 0)
    with pytest.raises(DamageError):
        file.vectors(4)


def test_checksums_tell_a_flipped_bit() -> None:
    rows = vectors(3)
    before = row_crcs(rows)
    rows.view(np.uint8)[1, 5] ^= 1
    assert [old == new for old, new in zip(before, row_crcs(rows), strict=True)] == [True, False, True]


def test_a_full_disk_is_said_in_a_sentence(tmp_path: Path) -> None:
    # A limit on file sizes fails a write as a full disk does; only this child process has it.
    script = (
        "import resource, signal, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from indexer.errors import DiskFullError\n"
        "from indexer.vectors.file import VectorFile\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "file = VectorFile(Path(sys.argv[1]), '1', 8)\n"
        "file.append(np.ones((10, 8), np.float32), np.arange(10), 0)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    file.append(np.ones((90, 8), np.float32), np.arange(90), 10)\n"
        "except DiskFullError as error:\n"
        "    print(error)\n"
        "print(file.vectors(10).sum())\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    said, kept = done.stdout.splitlines()
    assert said.startswith("No space is left")
    assert float(kept) == 80, "what was committed is still whole"
