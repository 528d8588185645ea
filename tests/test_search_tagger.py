"""Automatic tags: what is scored, what is given, and that a collection has them whatever happens to it."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from indexer.collection import Collection
from indexer.config import Settings
from indexer.encoders import load_encoder
from indexer.errors import EncoderError
from search.engine import Engine
from search.knowledge.everyday import Everyday
from search.knowledge.graph import Concept, ConceptGraph
from search.tags import edit
from search.tags import tagger as tagger_module
from search.tags.anchors import anchors_of
from search.tags.choice import CLOSE, KINDS, MOST, Choice
from search.tags.names import find_tags
from search.tags.naming import make_scorer
from search.tags.rows import tag_ids
from search.tags.scorer import CLEARLY
from search.tags.tag_model import read_tag_model
from search.tags.tagger import Tagger
from search.tags.truth import closed, named_concepts
from search.tags.upkeep import refresh_tags
from search.tags.vocabulary import Vocabulary, everyday_vocabulary
from tests.homes import toy_load
from tests.toys import ToyEncoder, any_toy

GRAPH = Everyday()
COLOURS = "red\norange\nyellow\ngreen\nblue\nnavy\nteal\nblack\nwhite\n"


def given_tags(collection: Collection) -> dict[int, dict[str, float]]:
    """Picture -> tags of source `model`."""
    query = "SELECT picture_id, name, probability FROM picture_tag JOIN tag ON tag.id = tag_id WHERE source = 'model'"
    found: dict[int, dict[str, float]] = {}
    with collection.catalog.database.read() as connection:
        for id, name, probability in connection.execute(text(query)):
            found.setdefault(id, {})[name] = probability
    return found


@pytest.fixture
def colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A vocabulary that the toy knows; of ImageNet's classes, several are of these colours too and compete."""
    monkeypatch.setattr(tagger_module, "THRESHOLD", 0.01)
    file = tmp_path / "colours.txt"
    file.write_text(COLOURS)
    return file


def test_every_picture_is_tagged_by_the_users_names(any_collection: Collection, photos, colours: Path) -> None:
    any_collection.index([photos("red", "green", "blue-1", "blue-2")])
    tagger = Tagger(any_collection)
    tagger.use_vocabulary(colours)
    assert tagger.refresh() == 4
    tags = given_tags(any_collection)
    best = {id: max(names, key=names.__getitem__) for id, names in tags.items()}
    paths = any_collection.catalog.paths(list(best))
    assert {Path(paths[id]).stem.split("-")[0]: name for id, name in best.items()} == {
        "red": "red",
        "green": "green",
        "blue": "blue",
    }
    assert len(best) == 4
    assert all(0.01 <= p <= 1 for names in tags.values() for p in names.values())
    assert tagger.refresh() == 0
    any_collection.index([photos("navy")])
    assert tagger.refresh() == 1
    assert Tagger(any_collection).refresh() == 0  # another process finds nothing to do


def test_another_vocabulary_takes_the_place_of_the_first(collection: Collection, photos, tmp_path, colours) -> None:
    collection.index([photos("red", "green")])
    tagger = Tagger(collection)
    tagger.use_vocabulary(colours)
    tagger.refresh()
    (tmp_path / "other.txt").write_text("green\n")
    assert len(tagger.use_vocabulary(tmp_path / "other.txt")) == 1
    assert tagger.refresh() == 2
    assert {name for names in given_tags(collection).values() for name in names} == {"green"}
    assert len(tagger.use_vocabulary(None)) == len(everyday_vocabulary(GRAPH))
    assert tagger.refresh() == 2


def test_a_run_that_is_stopped_goes_on(collection: Collection, photos, colours: Path, monkeypatch) -> None:
    monkeypatch.setattr(tagger_module, "BLOCK", 2)
    collection.index([photos(*(f"red-{n}" for n in range(7)))])
    tagger, looks = Tagger(collection), iter([False, False, True])
    tagger.use_vocabulary(colours)
    assert tagger.refresh(should_stop=lambda: next(looks)) == 4
    assert len(given_tags(collection)) == 4
    shown = []
    assert Tagger(collection).refresh(on_progress=lambda progress: shown.append(progress.stage)) == 3
    assert len(given_tags(collection)) == 7
    assert "tag" in shown


def test_one_that_was_killed_between_blocks_leaves_whole_ones(collection, photos, colours, monkeypatch) -> None:
    monkeypatch.setattr(tagger_module, "BLOCK", 2)
    collection.index([photos(*(f"red-{n}" for n in range(6)))])
    tagger, written = Tagger(collection), Tagger._write
    tagger.use_vocabulary(colours)

    def dies(self, recipe, rows, *rest):
        if rows[0] == 2:
            raise KeyboardInterrupt
        return written(self, recipe, rows, *rest)

    monkeypatch.setattr(Tagger, "_write", dies)
    with pytest.raises(KeyboardInterrupt):
        tagger.refresh()
    monkeypatch.setattr(Tagger, "_write", written)
    assert len(given_tags(collection)) == 2
    assert Tagger(collection).refresh() == 4
    assert len(given_tags(collection)) == 6


def test_two_at_once_do_it_once(collection: Collection, photos, colours: Path, monkeypatch) -> None:
    collection.index([photos("red", "green")])
    first, second = Tagger(collection), Tagger(collection)
    first.use_vocabulary(colours)
    scored = Tagger._scored

    def overtaken(self, *args):
        if self is first:
            second.refresh()
        return scored(self, *args)

    monkeypatch.setattr(Tagger, "_scored", overtaken)
    assert first.refresh() == 0
    assert len(given_tags(collection)) == 2


def test_thresholds_of_the_users_own(collection: Collection, photos, colours: Path) -> None:
    collection.index([photos("red", "green")])
    tagger = Tagger(collection)
    tagger.use_vocabulary(colours)
    tagger.refresh()
    with collection.catalog.database.write() as connection:
        tag_ids(connection, [("red", None)])
        connection.execute(text("UPDATE tag SET threshold = 1.01 WHERE key = 'red'"))
    assert tagger.refresh() == 2
    assert "red" not in {name for names in given_tags(collection).values() for name in names}


def test_a_change_of_model_tags_anew(settings: Settings, photos, colours: Path) -> None:
    with Collection(settings.model_copy(update={"encoder": "head:A"}), any_toy) as collection:
        collection.index([photos("red", "green")])
        tagger = Tagger(collection)
        tagger.use_vocabulary(colours)
        tagger.refresh()
        collection.index(encoder="head:B")
        assert tagger.refresh() == 2
        assert len(given_tags(collection)) == 2


def test_tags_wait_where_the_encoder_cannot_be_had(settings: Settings, photos) -> None:
    with Collection(settings, toy_load) as collection:
        collection.index([photos("red")])

    def gone(_name: str, _settings: Settings):
        raise EncoderError("The model is gone: fetch it.")

    with Collection(settings, gone) as collection:
        told = refresh_tags(Tagger(collection), Engine(collection))
        assert told is not None and "The model is gone" in told


def tree(*names: tuple[str, str | None]) -> Vocabulary:
    concepts = [Concept(name, (name,), (parent,) if parent else ()) for name, parent in names]
    return Vocabulary(tuple(concepts), ConceptGraph(concepts))


FISH = tree(("animal", None), ("fish", "animal"), ("cod", "fish"), ("tuna", "fish"), ("shirt", None))


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((0.1, 0.1, 0.9, 0.1, 0.1), {"cod"}),  # a kind says all that it is a kind of
        ((0.1, 0.6, 0.3, 0.3, 0.1), {"fish"}),  # the kind in doubt: what it is one of
        ((0.1, 0.1, 0.9, 0.9 - CLOSE / 2, 0.1), {"cod", "tuna"}),  # two kinds that can't be told apart
        ((0.1, 0.1, 0.9, 0.9 - CLOSE * 1.1, 0.1), {"cod"}),  # kinds exclude each other
        ((0.7, 0.1, 0.1, 0.1, 0.8), {"animal", "shirt"}),
        ((0.1, 0.1, 0.1, 0.1, 0.1), set()),
    ],
)
def test_fewer_tags_rather_than_wrong_ones(probabilities: tuple[float, ...], expected: set[str]) -> None:
    choice = Choice(FISH, np.full(5, 0.5, np.float32), np.ones(5, bool))
    (tags,) = choice(np.array([probabilities], np.float32))
    assert {FISH.concepts[place].names[0] for place, _ in tags} == expected


def test_of_many_kinds_only_the_best_are_given() -> None:
    vocabulary = tree(("fish", None), *((f"fish {n}", "fish") for n in range(9)))
    choice = Choice(vocabulary, np.full(10, 0.5, np.float32), np.ones(10, bool))
    (tags,) = choice(np.array([[0.1, *(0.8 + n / 100 for n in range(9))]], np.float32))
    assert [place for place, _ in tags] == [9, 8, 7] and KINDS == 3


def test_names_with_probes_may_go_together() -> None:
    choice = Choice(FISH, np.full(5, 0.5, np.float32), np.zeros(5, bool))
    (tags,) = choice(np.array([[0.1, 0.1, 0.9, 0.8, 0.1]], np.float32))
    assert [(FISH.concepts[place].names[0], round(p, 1)) for place, p in tags] == [("cod", 0.9), ("tuna", 0.8)]


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 9), min_size=10, max_size=10))
def test_what_is_given_against_its_rules(seed: int, parents: list[int]) -> None:
    """Any forest and probabilities: nothing below its threshold, no ancestor of another, best first, not too many."""
    above = [parent if parent < n else None for n, parent in enumerate(parents)]
    vocabulary = tree(*((str(n), None if parent is None else str(parent)) for n, parent in enumerate(above)))
    random = np.random.default_rng(seed)
    probabilities = random.random((5, 10)).astype(np.float32)
    raised = Choice(vocabulary, np.full(10, 0.5, np.float32), np.ones(10, bool)).raised(probabilities.copy())
    chosen = Choice(vocabulary, np.full(10, 0.5, np.float32), np.ones(10, bool))(probabilities.copy())
    for row, tags in enumerate(chosen):
        names = {str(place) for place, _ in tags}
        assert all(p >= 0.5 and p == raised[row, place] for place, p in tags)
        assert not any(set(vocabulary.graph.ancestors(name)) & names for name in names)
        assert [p for _, p in tags] == sorted((p for _, p in tags), reverse=True)
        assert len(tags) <= MOST
        assert bool(tags) == bool((raised[row] >= 0.5).any())


def test_classes_speak_for_concepts() -> None:
    dog, poodle, tree_ = (GRAPH.named(name)[0] for name in ("dog", "poodle", "tree"))
    custom = Concept("own:1", ("my breed",), (dog.id,))
    graph = ConceptGraph([*GRAPH, custom])
    anchors = anchors_of([dog, poodle, custom, tree_], graph, GRAPH)
    below = {id for id in GRAPH.classes if dog.id in GRAPH.ancestors(id)}
    assert len(below) > 60  # too wide to say anything of its kinds
    assert anchors.of[0] != anchors.of[1]
    column = anchors.matrix[:, anchors.of[1]]
    assert {GRAPH.classes[n] for n in np.flatnonzero(column)} == {
        id for id in GRAPH.classes if GRAPH.is_a(id, poodle.id)
    }
    assert anchors.own[1]
    assert not anchors.own[2]
    assert ((anchors.of == -1) <= ~anchors.own).all()


def test_truth_is_closed_upwards() -> None:
    columns = {one.id: n for n, one in enumerate(GRAPH)}
    shown = np.zeros((2, len(GRAPH)), bool)
    dog = GRAPH.named("dog")[0].id
    shown[0, columns[dog]] = True
    full = closed(shown, GRAPH)
    assert set(np.flatnonzero(full[0])) == {columns[id] for id in (dog, *GRAPH.ancestors(dog))}
    assert not full[1].any()
    assert set(named_concepts(["dog", "dogs", "dog_house and a cat", "qwerty"], GRAPH)) == {"dog"}


def test_the_shipped_model_is_of_the_shipped_encoder(embedded_models: Path) -> None:
    encoder = load_encoder("embedded", Settings(home=embedded_models.parent))
    model = read_tag_model()
    assert model.fingerprint == encoder.fingerprint
    vocabulary = everyday_vocabulary(GRAPH)
    assert model.concepts == tuple(one.id for one in vocabulary.concepts)
    assert set(model.probed) <= set(model.concepts)
    scorer = make_scorer(encoder, vocabulary, GRAPH)
    assert scorer.model is not None
    names = [vocabulary.concepts[n].names[0] for n in (3, 500, 2000)]
    assert (scorer.names[[3, 500, 2000]] * encoder.encode_texts(names)).sum(axis=1).min() > 0.99  # 8 bits lose little


def test_probabilities_against_their_formula(embedded_models: Path) -> None:
    """The scorer's few matrix products against the regression written out for each pair."""
    encoder = load_encoder("embedded", Settings(home=embedded_models.parent))
    scorer, model = make_scorer(encoder, everyday_vocabulary(GRAPH), GRAPH), read_tag_model()
    random = np.random.default_rng(0)
    features = np.maximum(random.standard_normal((3, encoder.tower.dimension)), 0).astype(np.float32)
    vectors = encoder.tower.project(features)
    told, weights = scorer.evidence(vectors, features), model.coefficients
    got = scorer.probabilities(vectors, features)
    for name in [*random.choice(len(scorer.vocabulary), 40, replace=False), *np.flatnonzero(~scorer.unprobed)[:5]]:
        id, gap = scorer.vocabulary.concepts[name].id, told.gaps[:, name]
        if id in model.probed:
            place = model.probed.index(id)
            logit = model.probe[0] * (vectors @ model.probes[place] + model.bias[place])
            logit += model.probe[1] * gap + model.probe[2]
        else:
            logit = weights.gap * gap + weights.bias + weights.confidence * told.confidence
            if scorer.anchors.own[name]:
                logit += (
                    weights.own + weights.own_mass * told.masses[:, name] + weights.own_confidence * told.confidence
                )
            elif scorer.anchors.of[name] >= 0:
                logit += weights.inherited + weights.inherited_mass * told.masses[:, name]
                logit += weights.siblings * np.log(scorer.anchors.siblings[name])
        np.testing.assert_allclose(got[:, name], 1 / (1 + np.exp(-logit)), atol=2e-4)
    bare = scorer.probabilities(vectors)
    assert bare.shape == got.shape and np.isfinite(bare).all()


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="damaged"):
        read_tag_model(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"fingerprint": ""}))
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(EncoderError, match="damaged"):
        read_tag_model(tmp_path)


def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    model = read_tag_model()
    model.save(tmp_path)
    again = read_tag_model(tmp_path)
    np.testing.assert_allclose(again.probes, model.probes, atol=1e-6)
    assert (again.concepts, again.coefficients, again.probe) == (model.concepts, model.coefficients, model.probe)


def test_features_that_are_kept_are_used(settings: Settings, photos, embedded_models: Path) -> None:
    """Over the embedded towers, tags are by the shipped model whatever heads the index has."""
    (settings.home / "models").parent.mkdir(parents=True, exist_ok=True)
    (settings.home / "models").symlink_to(embedded_models)
    with Collection(settings.model_copy(update={"encoder": "embedded"})) as collection:
        collection.index([photos("red", "green")])
        tagger = Tagger(collection)
        assert tagger.refresh() == 2
        index = collection.catalog.state().index
        scorer = tagger._scorer(index, tagger.vocabulary(), None)
        ids, got, _ = tagger._scored(index, scorer, 0, 2)
        assert scorer.model is not None and len(ids) == 2
        has, features = tagger._features(scorer.encoder, np.array(ids))
        assert has.all()
        np.testing.assert_allclose(
            got, scorer.probabilities(scorer.encoder.tower.project(features), features), atol=1e-3
        )


def test_rows_are_those_of_the_index(collection: Collection, photos, colours: Path) -> None:
    """A picture that is gone keeps its row and does no harm."""
    folder = photos("red", "green", "blue")
    collection.index([folder])
    (folder / "green.png").unlink()
    collection.index([folder])
    tagger = Tagger(collection)
    tagger.use_vocabulary(colours)
    assert tagger.refresh() == 3
    with collection.catalog.database.read() as connection:
        assert connection.scalar(select(text("rows")).select_from(text("tagging"))) == 3


def test_a_renamed_tag_keeps_its_threshold(collection: Collection, photos, colours: Path) -> None:
    collection.index([photos("red")])
    tagger = Tagger(collection)
    tagger.use_vocabulary(colours)
    tagger.refresh()
    with collection.catalog.database.write() as connection:
        edit.rename(connection, "red", "rouge")
        edit.set_threshold(connection, "rouge", 1.0)
    assert tagger.refresh() == 1
    assert not {"red", "rouge"} & {name for names in given_tags(collection).values() for name in names}


def test_a_vocabularys_languages_are_names_of_its_tags(collection: Collection, photos, tmp_path: Path) -> None:
    collection.index([photos("red")])
    (tmp_path / "names.csv").write_text("name,de\nred,Rot\nteal,Blaugruen\n")
    Tagger(collection).use_vocabulary(tmp_path / "names.csv")
    with collection.catalog.database.write() as connection:
        assert [tag.name for tag in find_tags(connection, "rot")] == ["red"]
        edit.translate(connection, "red", "de", "Feuerrot")
    Tagger(collection).use_vocabulary(tmp_path / "names.csv")  # again: what somebody has said stays
    with collection.catalog.database.read() as connection:
        assert [tag.name for tag in find_tags(connection, "feuerrot")] == ["red"]
        assert [tag.name for tag in find_tags(connection, "blaugruen")] == ["teal"]


def test_names_that_were_embedded_are_kept(tmp_path: Path) -> None:
    class Counting(ToyEncoder):
        asked = 0

        def encode_texts(self, texts):
            self.asked += len(texts)
            return super().encode_texts(texts)

    encoder, vocabulary = Counting(), everyday_vocabulary(GRAPH)
    first = make_scorer(encoder, vocabulary, GRAPH, tmp_path)
    assert encoder.asked >= len(vocabulary)
    encoder.asked = 0
    next(iter((tmp_path / "names").iterdir())).write_bytes(b"damaged")
    again = make_scorer(encoder, vocabulary, GRAPH, tmp_path)
    assert 0 < encoder.asked <= 256
    np.testing.assert_array_equal(again.names, first.names)


def test_a_kind_is_doubted_where_a_class_says_it_better(embedded_models: Path) -> None:
    encoder = load_encoder("embedded", Settings(home=embedded_models.parent))
    scorer = make_scorer(encoder, everyday_vocabulary(GRAPH), GRAPH)
    rests = np.flatnonzero(scorer.unprobed & ~scorer.anchors.own & (scorer.anchors.of >= 0))
    clear = 0
    for name in rests[::50]:
        class_ = int(np.flatnonzero(scorer.anchors.matrix[:, scorer.anchors.of[name]])[0])
        vectors = np.stack([scorer.classes[class_], scorer.names[name]])  # pictures of the class, and of the thing
        doubtful = scorer.doubtful(vectors)[:, name]
        below = scorer.anchors.matrix[:, scorer.anchors.of[name]] > 0
        best = (vectors @ scorer.classes[below].T).max(axis=1)
        assert doubtful.tolist() == (vectors @ scorer.names[name] < best - CLEARLY).tolist()
        assert not doubtful[1]
        clear += int(doubtful[0])
    assert clear > len(rests[::50]) / 2
    doubtful = scorer.doubtful(scorer.classes[::100])
    assert not doubtful[:, ~(scorer.unprobed & ~scorer.anchors.own & (scorer.anchors.of >= 0))].any()
