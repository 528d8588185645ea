"""How well tags are taught: `python bench/teach_quality.py HOME|DATA [SEEDS]`.

HOME is a home folder with labelled pictures; DATA a folder of folders, which is indexed by `embedded` into a temporary
home. Each label is taught, through what the product itself runs, from pictures drawn at random by SEEDS (5) fixed
seeds; the pictures that were not labelled are ranked. `no` are drawn at random from the pictures of other labels, or,
`hard`, are the best-ranked wrong ones by the name alone, as somebody who corrects would click.
"""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sqlalchemy import select

from indexer.collection import Collection
from indexer.config import Settings
from indexer.tables import FileRow, LabelRow
from indexer.vectors import open_store
from search.engine import Engine
from search.metrics import mean_average_precision
from search.snapshot import Snapshot
from search.tags.lesson import learn
from search.tags.names import Tag
from search.tags.teach import name_vector

PROTOCOLS = [(1, 0, ""), (1, 1, ""), (2, 2, ""), (5, 0, ""), (5, 5, ""), (5, 5, "hard"), (8, 8, "hard")]
CLICKS, PER_ROUND = 20, 5


@dataclass(frozen=True)
class Truth:
    snapshot: Snapshot
    names: list[str]
    vectors: list[np.ndarray]
    shows: np.ndarray
    """[pictures, names]."""


def main(path: Path, seeds: int) -> None:
    print("python bench/teach_quality.py", *sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        home = path if (path / "catalog.db").exists() else Path(folder)
        with Collection(Settings(home=home)) as collection:
            if home != path:
                collection.index([path], encoder="embedded")
            truth = read(collection, by_folder=home != path)
    print(f"{len(truth.shows)} pictures, {len(truth.names)} labels, {seeds} seeds")
    precision(truth, seeds)
    clicks(truth, seeds)


def read(collection: Collection, *, by_folder: bool) -> Truth:
    snapshot = Engine(collection).snapshot()
    with collection.catalog.database.read() as connection:
        if by_folder:
            rows = connection.execute(select(FileRow.picture_id, FileRow.path)).all()
            said = [(row.picture_id, Path(row.path).parent.name.replace("_", " ")) for row in rows]
        else:
            said = list(connection.execute(select(LabelRow.picture_id, LabelRow.text)))
    names, place = sorted({name for _, name in said}), {int(id): n for n, id in enumerate(snapshot.ids)}
    shows = np.zeros((len(snapshot.ids), len(names)), bool)
    for id, name in said:
        if id in place:
            shows[place[id], names.index(name)] = True
    return Truth(snapshot, names, [name_vector(collection, snapshot, name) for name in names], shows)


def draws(truth: Truth, yes: int, no: int, hard: str, seeds: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        for n, vector in enumerate(truth.vectors):
            right, wrong = np.flatnonzero(truth.shows[:, n]), np.flatnonzero(~truth.shows[:, n])
            chosen = random.choice(right, yes, replace=False)
            best = wrong[np.argsort(-(truth.snapshot.vectors[wrong] @ vector))[:no]]
            yield n, chosen, best if hard else random.choice(wrong, no, replace=False)


def precision(truth: Truth, seeds: int) -> None:
    print("\nyes  no        AP name alone   AP taught   precision  estimated  mean abs. error   recall")
    for yes, no, hard in PROTOCOLS:
        figures = np.array([lesson(truth, *draw) for draw in draws(truth, yes, no, hard, seeds)])
        name, taught, right, told, recall = np.nanmean(figures, axis=0)
        error = np.nanmean(np.abs(figures[:, 2] - figures[:, 3]))
        given = np.isfinite(figures[:, 2]).mean()
        told_of = f"{name:13.3f} {taught:11.3f} {right:11.3f} {told:10.3f} {error:16.3f} {recall:8.3f}"
        print(f"{yes:3} {no:3} {hard:6} {told_of}   (some picture got it in {given:.0%} of the cases)")


def lesson(truth: Truth, n: int, yes: np.ndarray, no: np.ndarray) -> tuple[float, ...]:
    """AP by the name alone and by the probe, precision and its estimate, recall; labelled pictures aside."""
    ids, shows = truth.snapshot.ids, truth.shows[:, n]
    labels = {int(ids[row]): row in yes for row in (*yes, *no)}
    learned = learn(truth.snapshot, Tag(1, truth.names[n], None, False, None, {}), labels, truth.vectors[n])
    rest = ~np.isin(ids, list(labels))
    vectors = truth.snapshot.vectors[rest]
    given = np.isin(ids[rest], list(learned.tagged))
    right = shows[rest][given].mean() if given.any() else np.nan
    told = np.nan if learned.precision is None else learned.precision
    return (
        ap(vectors @ truth.vectors[n], shows[rest]),
        ap(learned.probe.scores(vectors), shows[rest]),
        right,
        told,
        (given[shows[rest]].mean()),
    )


def clicks(truth: Truth, seeds: int) -> None:
    print("\nAP on a half of the pictures that can't be clicked, after 1 yes and so many clicks on the other half")
    print(" " * 12, end="")
    print(*(f"{n:7}" for n in range(0, CLICKS + 1, PER_ROUND)))
    for way in ("proposed", "likeliest", "at random"):
        curves = [clicked(truth, n, way, seed) for seed in range(seeds) for n in range(len(truth.names))]
        print(f"{way:12}", *(f"{value:7.3f}" for value in np.mean(curves, axis=0)))


def clicked(truth: Truth, n: int, way: str, seed: int) -> list[float]:
    random, shows = np.random.default_rng([seed, n]), truth.shows[:, n]
    right, wrong = (random.permutation(np.flatnonzero(shows == said)) for said in (True, False))
    pool = np.sort(np.concatenate([right[: len(right) // 2], wrong[: len(wrong) // 2]]))
    test = np.setdiff1d(np.arange(len(shows)), pool)
    part, of = half(truth.snapshot, pool), dict(zip(truth.snapshot.ids.tolist(), shows.tolist(), strict=True))
    labels, curve = {int(truth.snapshot.ids[right[0]]): True}, []
    while True:
        learned = learn(part, Tag(1, truth.names[n], None, False, None, {}), labels, truth.vectors[n])
        curve.append(ap(learned.probe.scores(truth.snapshot.vectors[test]), shows[test]))
        if len(labels) > CLICKS:
            return curve
        free = [int(id) for id in part.ids if int(id) not in labels]
        drawn = random.choice(free, PER_ROUND, replace=False).tolist()
        chosen = {"proposed": list(learned.next), "likeliest": [id for id, _ in learned.best], "at random": drawn}[way]
        labels |= {id: of[id] for id in chosen[:PER_ROUND]}


def half(snapshot: Snapshot, rows: np.ndarray) -> Snapshot:
    vectors = np.array(snapshot.vectors[rows])
    store = open_store(snapshot.store.kind, vectors.shape[1]).extended(vectors)
    return replace(snapshot, vectors=vectors, ids=snapshot.ids[rows], store=store, alive=None, sample=vectors)


def ap(scores: np.ndarray, right: np.ndarray) -> float:
    return mean_average_precision(scores[None], right[None])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5)
