"""Simulated people over painted kinds of pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.errors import UsageError
from indexer.sources.datasets import read_items
from search.taste.people import CLICKS, RECOMMENDERS, K, evaluate_people, simulated
from tests.toys import COLOURS, ToyEncoder

NAMES = list(COLOURS)[:7]


def paint(folder: Path, each: int) -> Path:
    """A folder of folders: each colour with specks of the others."""
    random = np.random.default_rng(0)
    palette = np.array([COLOURS[name] for name in COLOURS], np.uint8)
    for place, name in enumerate(NAMES):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            pixels = np.full((16, 16, 3), palette[place], np.uint8)
            specks = random.random((16, 16)) < 0.4
            pixels[specks] = palette[random.integers(0, 16, int(specks.sum()))]
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def test_people_click_as_they_are_said_to() -> None:
    shown = np.eye(8, dtype=np.bool_)[np.arange(400) % 8]
    people = simulated(shown, 200, seed=3)
    assert people == simulated(shown, 200, seed=3) != simulated(shown, 200, seed=4)
    likes = noise = dislikes = 0
    for person in people:
        assert len(person.clicks) == max(CLICKS) == len({picture for picture, _ in person.clicks})
        assert len({*person.likes, person.dislikes}) == 4
        for picture, liked in person.clicks:
            category = int(shown[picture].argmax())
            likes += liked and category in person.likes
            dislikes += not liked
            noise += liked and category not in person.likes
            assert liked or category == person.dislikes
    total = 200 * max(CLICKS)
    # A tenth is noise, of which three in eight happen to be right; a fifth of the rest are dislikes.
    assert dislikes / total == pytest.approx(0.18, abs=0.02) and noise / total == pytest.approx(0.0625, abs=0.015)
    assert likes + dislikes + noise == total


def test_interests_are_covered_where_a_mean_misses_them(tmp_path: Path) -> None:
    data = read_items("auto", paint(tmp_path / "data", 25))
    told = evaluate_people(data, ToyEncoder(), people=12)
    assert told["simulated"] and "simulated" in told["protocol"] and told["people"] == 12 and told["failed"] == []
    assert (told["pictures"], told["categories"]) == (175, 7)
    rows = {(row["recommender"], row["clicks"]): row for row in told["figures"]}
    assert set(rows) == {(name, clicks) for name in RECOMMENDERS for clicks in CLICKS}
    ours, mean, popular = (rows[name, 20] for name in ("pixloom", "mean vector", "popularity"))
    assert ours["coverage"] >= 0.9 > mean["coverage"]
    assert ours["disliked"] <= 0.02 and ours[f"precision@{K}"] > popular[f"precision@{K}"]
    assert ours["possible"] == 1.0 and all(0 <= row[f"precision@{K}"] <= row["possible"] for row in told["figures"])


def test_too_few_categories_are_refused(tmp_path: Path) -> None:
    folder = paint(tmp_path / "data", 4)
    with pytest.raises(UsageError, match="0 categories of at least 5"):
        evaluate_people(read_items("auto", folder), ToyEncoder())
