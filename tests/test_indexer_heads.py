"""Heads and the encoder made of them, against plain numpy."""

from dataclasses import replace

import numpy as np
import pytest

from indexer.encoders.blend import Blend, brevity
from indexer.encoders.headed import HeadedEncoder
from indexer.encoders.heads import Affine, ConSE, LiT, Shared, Visual, unit
from tests.towers import ToyTowers
from tests.toys import picture


def toy_conse(k: int, temperature: float) -> ConSE:
    rng = np.random.default_rng(1)
    matrix, bias, classes = rng.normal(size=(9, 5)), rng.normal(size=9), rng.normal(size=(9, 4)) + 1
    return ConSE(*(array.astype(np.float32) for array in (matrix, bias, unit(classes))), k, temperature)


@pytest.mark.parametrize("k, temperature", [(1, 1.0), (3, 2.0), (9, 0.5)])
def test_conse_is_the_papers_formula(k: int, temperature: float) -> None:
    head = toy_conse(k, temperature)
    features = np.random.default_rng(2).normal(size=(6, 7)).astype(np.float32)
    mean = head.classes.mean(axis=0)
    for row, vector in zip(features[:, 2:], head.pictures(features), strict=True):  # it reads the last columns
        logits = [
            float(weights @ row + bias) / temperature for weights, bias in zip(head.classifier, head.bias, strict=True)
        ]
        best = sorted(range(9), key=lambda index: -logits[index])[:k]
        total = sum(np.exp(logits[index]) for index in best)
        combined = sum(
            np.exp(logits[index]) / total * (head.classes[index] - mean) / np.linalg.norm(head.classes[index] - mean)
            for index in best
        )
        np.testing.assert_allclose(vector, combined / np.linalg.norm(combined), atol=1e-5)


def test_conse_stays_finite_for_huge_logits() -> None:
    assert np.isfinite(toy_conse(3, 0.1).pictures(np.full((2, 5), 1e4, np.float32))).all()


def test_lit_maps_each_side_and_scales_to_length_one() -> None:
    rng = np.random.default_rng(4)
    maps = [
        Affine(*(rng.normal(size=size).astype(np.float32) for size in ((3, columns), (columns,), (3,))))
        for columns in (5, 4)
    ]
    head = LiT(*maps)
    features, embeddings = rng.normal(size=(6, 5)).astype(np.float32), rng.normal(size=(6, 4)).astype(np.float32)
    for vectors, inputs, affine in (
        (head.pictures(features), features, maps[0]),
        (head.texts(embeddings), embeddings, maps[1]),
    ):
        for vector, row in zip(vectors, inputs, strict=True):
            centred = row - affine.mean
            mapped = np.array([float(w @ centred) + b for w, b in zip(affine.weight, affine.bias, strict=True)])
            np.testing.assert_allclose(vector, mapped / np.sqrt((mapped**2).sum()), atol=1e-5)
    assert head.dimension == 3


def test_blocks_add_up_by_their_shares_and_silent_ones_change_no_ranking() -> None:
    rng = np.random.default_rng(3)
    blend = Blend(
        {"name": 0.2, "said": 0.1, "look": 0.7}, {"name": 9, "said": 1, "look": 1}, {"name": 1, "said": 4, "look": 1}
    )
    blocks = {"name": 4, "said": 5, "look": 6}
    shown = {name: unit(rng.normal(size=(8, d))) for name, d in blocks.items()}
    pictures = blend.join_pictures(shown)
    wanted = sum(blend.pictures[name] * shown[name] @ shown[name].T for name in blocks)
    np.testing.assert_allclose(pictures @ pictures.T, wanted, atol=1e-5)
    meant = {name: unit(rng.normal(size=(3, d))) for name, d in blocks.items()}
    meant["look"] = Visual(np.eye(6, dtype=np.float32)).texts(meant["name"])
    scores = blend.join_texts(meant, ["a dog", "a dog runs", "two dogs run on the beach"]) @ pictures.T
    for row, (name, said) in zip(range(3), [(9, 1), (3, 2), (1, 4)], strict=True):
        wanted = name * meant["name"][row] @ shown["name"].T + said * meant["said"][row] @ shown["said"].T
        np.testing.assert_allclose(
            scores[row] / np.linalg.norm(scores[row]), wanted / np.linalg.norm(wanted), atol=1e-5
        )


@pytest.mark.parametrize(
    "text, expected",
    [
        *[("dog", 1), ("a photo of a dog", 1), ("", 1), ("the of", 1), ("42 dogs", 1), ("狗", 1)],
        *[("red car", 0.5), ("a man on a horse", 0.5)],
        *[("two men play", 0), ("a dog runs on the wet grass", 0), ("ein Hund läuft", 0)],
    ],
)
def test_brevity_counts_words_that_name_something(text: str, expected: float) -> None:
    assert brevity(text) == expected


def test_an_encoder_of_heads_projects_what_its_tower_sees() -> None:
    towers = ToyTowers()
    shared = {"shared": Shared(16), "again": Shared(16)}
    encoder = HeadedEncoder("toy", towers, shared)
    prepared = [encoder.prepare(picture(colour)) for colour in ("red", "olive", "navy")]
    features = encoder.tower.features(prepared)
    assert (features == features.astype(np.float16)).all(), "as they are kept"
    np.testing.assert_array_equal(encoder.encode_pictures(prepared), encoder.tower.project(features))
    assert encoder.tower.fingerprint == towers.fingerprint and encoder.tower.dimension == 16
    for vectors in (encoder.encode_pictures(prepared), encoder.encode_texts(["red", "olive", "navy"])):
        assert vectors.shape == (3, encoder.dimension) == (3, 32) and vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert encoder.encode_texts([]).shape == encoder.encode_pictures([]).shape == (0, 32)
    other = Blend.even([*shared])
    blends = [other, replace(other, word={"shared": 2, "again": 1}), replace(other, sentence={"shared": 2, "again": 1})]
    fingerprints = {
        HeadedEncoder("toy", towers, shared, blend, digest).fingerprint
        for blend in blends
        for digest in ("", "trained")
    }
    assert len(fingerprints) == 6, "shares and what was trained tell encoders apart"
