"""Fit what ships in search/tags/embedded_tags: `python bench/train_tags.py HOME`.

HOME was indexed by `embedded` and holds a data set with captions, whose split `train` is learned from, and one with
labels (`pixloom import jsonl ...`, `pixloom import folders ...`). Probes are ridge regressions of what captions and
labels name on the vectors, with logistic calibration on pictures left out; the rest is a logistic regression on both.
Then it prints how well names without a probe do on labels, each scored by a regression that hasn't seen its category.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sqlalchemy import select

from indexer.collection import Collection
from indexer.config import Settings
from indexer.encoders import load_encoder
from indexer.indexes import feature_sets, vector_file
from indexer.tables import CaptionRow, LabelRow, MemberRow
from indexer.types import Floats
from search.evaluate_tags import figures
from search.knowledge.everyday import Everyday
from search.tags.nouns import concepts_named
from search.tags.scorer import Evidence, Scorer
from search.tags.tag_model import Coefficients, TagModel
from search.tags.truth import closed, named_concepts
from search.tags.vocabulary import everyday_vocabulary

FEWEST = 15
"""Pictures that captions must say a concept of for it to have a probe."""
RIDGE, FOLDS, PAIRS = 0.3, 4, 300_000
LABELLED = 3.0
"""Weight of a labelled picture in probes: without these, every picture seems to show a person, as captioned ones do."""
WEIGHT = 3000.0
"""Weight of a labelled picture's classes in the regression of names without a probe."""


class Data:
    """Vectors, features and truth of a home."""

    def __init__(self, home: Path, graph: Everyday) -> None:
        with Collection(Settings(home=home)) as collection:
            index = collection.catalog.state().index
            encoder = load_encoder("embedded", collection.settings)
            assert index is not None and index.fingerprint == encoder.fingerprint
            with collection.catalog.database.read() as connection:
                kept = feature_sets(connection, encoder.tower)[0]
                captions = connection.execute(select(CaptionRow.picture_id, CaptionRow.text)).all()
                labels = connection.execute(select(LabelRow.picture_id, LabelRow.text)).all()
                splits = dict(connection.execute(select(MemberRow.picture_id, MemberRow.split)).all())
            file, features = vector_file(collection.settings, index), vector_file(collection.settings, kept)
            self.vectors, ids = np.array(file.vectors(index.rows)), file.ids(index.rows)
            order = {int(id): row for row, id in enumerate(features.ids(kept.rows))}
            rows = [order[int(id)] for id in ids]
            self.features = np.asarray(features.vectors(kept.rows)[rows, -1280:], np.float32)
        self.encoder, self.place = encoder, {int(id): row for row, id in enumerate(ids)}
        columns = {one.id: column for column, one in enumerate(graph)}
        self.named = np.zeros((len(ids), len(columns)), bool)
        for id, text in captions:
            for one in concepts_named(text, graph):
                self.named[self.place[id], columns[one.id]] = True
        self.named = closed(self.named, graph)
        self.train = np.array([splits.get(int(id)) == "train" for id in ids])
        self.labelled = np.zeros_like(self.named)
        self.classes = []
        for name, concept in named_concepts(sorted({text for _, text in labels}), graph).items():
            self.classes.append(columns[concept.id])
            self.labelled[[self.place[id] for id, text in labels if text == name], columns[concept.id]] = True
        has_label = {id for id, _ in labels}
        self.with_labels = np.array([int(id) in has_label for id in ids])


def main() -> None:
    graph = Everyday()
    data = Data(Path(sys.argv[1]), graph)
    vocabulary = everyday_vocabulary(graph)
    texts = [one.names[0] for one in vocabulary.concepts]
    embeddings = data.encoder.towers.embed(texts)
    names = data.encoder.project_texts(embeddings, texts)
    columns = {one.id: column for column, one in enumerate(vocabulary.concepts)}
    classes = names[[columns[id] for id in graph.classes]]
    scorer = Scorer(data.encoder, vocabulary, graph, names, classes)
    probed, probes, bias, out_of_fold = fit_probes(data, graph)
    evidence = scorer.evidence(data.vectors, data.features)
    train = np.flatnonzero(data.train)
    rows, cols = pairs(train, probed, data.named, 0)
    place = {int(column): n for n, column in enumerate(probed)}
    scores = out_of_fold[np.searchsorted(train, rows), [place[int(column)] for column in cols]]
    x = np.stack([scores, evidence.gaps[rows, cols]], axis=1)
    probe = fitted(x, data.named[rows, cols], weights(rows, cols, data.named, train, probed))
    slopes, offset = fit_names(data, scorer, evidence, probed)
    coefficients = Coefficients(*map(float, slopes), offset)
    check_names(data, scorer, evidence, probed)
    model = TagModel(
        data.encoder.fingerprint,
        tuple(one.id for one in vocabulary.concepts),
        embeddings,
        tuple(vocabulary.concepts[column].id for column in probed),
        probes,
        bias,
        coefficients,
        (float(probe[0][0]), float(probe[0][1]), float(probe[1])),
    )
    model.save(facts={"seed": 0, "ridge": RIDGE, "fewest": FEWEST, "pictures": int(data.train.sum())})
    print(f"{len(probed)} probes, {len(texts)} names; {probe}; {coefficients}")


def fit_probes(data: Data, graph: Everyday) -> tuple[Floats, Floats, Floats, Floats]:
    """Columns, weights [p, d] and biases [p] whose output is a logit, and logits [train, p] of pictures left out."""
    probed = np.flatnonzero(data.named[data.train].sum(axis=0) >= FEWEST)
    shown = closed(data.labelled, graph)[data.with_labels]
    x = np.concatenate([data.vectors[data.train], data.vectors[data.with_labels]])
    y = np.concatenate([data.named[data.train], shown])[:, probed].astype(np.float32)
    counts = np.where(np.arange(len(x)) < data.train.sum(), 1.0, LABELLED).astype(np.float32)
    folds = np.random.default_rng(0).integers(0, FOLDS, len(x))
    scores = np.zeros(y.shape, np.float32)
    for fold in range(FOLDS):
        others = folds != fold
        weight, bias = ridge(x[others], y[others], counts[others])
        scores[~others] = x[~others] @ weight + bias
    weight, bias = ridge(x, y, counts)
    slopes, offsets = np.zeros(len(probed), np.float32), np.zeros(len(probed), np.float32)
    for column in range(len(probed)):
        slope, offset = fitted(scores[:, column, None] * 10, y[:, column] > 0, counts, 10.0)
        slopes[column], offsets[column] = slope[0] * 10, offset
    out_of_fold = scores[: data.train.sum()] * slopes + offsets
    return probed, (weight * slopes).T, bias * slopes + offsets, out_of_fold


def ridge(x: Floats, y: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Weights [d, p] and biases [p] of a regression with pictures weighted by `counts` [n]."""
    share = (counts / counts.sum())[:, None]
    mean, target = (x * share).sum(axis=0), (y * share).sum(axis=0)
    centred = (x - mean) * np.sqrt(share)
    gram = centred.T @ centred
    gram += RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram), dtype=np.float32)
    weight = np.linalg.solve(gram, centred.T @ ((y - target) * np.sqrt(share)))
    return weight, target - mean @ weight


def fit_names(data: Data, scorer: Scorer, evidence: Evidence, probed: Floats, left_out: Sequence[int] = ()):
    """Slopes and bias for names without a probe: on the labels of one data set, without the columns `left_out`, and on
    what captions of the other name but rarely."""
    train = np.flatnonzero(data.train)
    rare = np.setdiff1d(np.flatnonzero(data.named[data.train].any(axis=0)), probed)
    rows, cols = pairs(train, rare, data.named, 1)
    weight = weights(rows, cols, data.named, train, rare)
    classes = np.setdiff1d(data.classes, left_out)
    labelled = np.flatnonzero(data.with_labels & ~data.labelled[:, list(left_out)].any(axis=1))
    more_rows, more_cols = np.repeat(labelled, len(classes)), np.tile(classes, len(labelled))
    y = np.concatenate([data.named[rows, cols], data.labelled[more_rows, more_cols]])
    weight = np.concatenate([weight, np.full(len(more_rows), WEIGHT)])
    rows, cols = np.concatenate([rows, more_rows]), np.concatenate([cols, more_cols])
    return fitted(told(scorer, evidence, rows, cols), y, weight)


def told(scorer: Scorer, evidence: Evidence, rows: Floats, cols: Floats) -> Floats:
    """What the regression sees of (picture, name) pairs, in the order of `Coefficients`."""
    anchors = scorer.anchors
    own = anchors.own[cols].astype(np.float32)
    inherited = ((anchors.of[cols] >= 0) & ~anchors.own[cols]).astype(np.float32)
    mass, confidence = evidence.masses[rows, cols], evidence.confidence[rows]
    x = [evidence.gaps[rows, cols], own, own * mass, inherited, inherited * mass]
    x += [inherited * np.log(anchors.siblings[cols]), confidence, own * confidence]
    return np.stack(x, axis=1)


def check_names(data: Data, scorer: Scorer, evidence: Evidence, probed: Floats) -> None:
    """Print figures on labels, each category by a regression that hasn't seen it."""
    classes = np.random.default_rng(0).permutation(data.classes)
    rows = np.flatnonzero(data.with_labels)
    scores, truth = np.zeros((len(rows), len(classes))), data.labelled[rows][:, classes]
    for part in np.array_split(np.arange(len(classes)), 6):
        slopes, bias = fit_names(data, scorer, evidence, probed, [*classes[part]])
        at, to = np.repeat(rows, len(part)), np.tile(classes[part], len(rows))
        logits = told(scorer, evidence, at, to) @ slopes + bias
        scores[:, part] = (1 / (1 + np.exp(-logits))).reshape(len(rows), -1)
    print("names on labels, cross-fitted:", figures(scores, truth))


def pairs(rows: Floats, cols: Floats, truth: Floats, seed: int) -> tuple[Floats, Floats]:
    """All true pairs and a sample of the others."""
    some = np.random.default_rng(seed).permutation(rows)[:2000]
    at, to = np.repeat(some, len(cols)), np.tile(cols, len(some))
    right = truth[at, to]
    wrong = np.random.default_rng(seed).permutation(np.flatnonzero(~right))[:PAIRS]
    kept = np.concatenate([np.flatnonzero(right), wrong])
    return at[kept], to[kept]


def weights(rows: Floats, cols: Floats, truth: Floats, all_rows: Floats, all_cols: Floats) -> Floats:
    """So that the sampled pairs stand for all."""
    right, some = truth[rows, cols], len(np.unique(rows)) * len(all_cols)
    return np.where(right, 1.0, (some - right.sum()) / max((~right).sum(), 1))


def fitted(x: Floats, y: Floats, weight: Floats | None, c: float = 1e3) -> tuple[Floats, float]:
    model = LogisticRegression(C=c, max_iter=2000).fit(x, y, sample_weight=weight)
    return model.coef_[0], float(model.intercept_[0])


if __name__ == "__main__":
    main()
