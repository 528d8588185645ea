"""Prompts enriched by the collection's tags, and pictures as reference."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.config import Settings
from indexer.errors import ForbiddenError, TuneError, UsageError
from indexer.models import find
from indexer.models.licence import accept
from search.knowledge import load_graph
from tests.shelf import Shelf, plain
from tuner.creative.compose import ComposeParameters, compose, quoted
from tuner.diffusion.ask import Ask
from tuner.diffusion.choice import chosen_model, native_side
from tuner.diffusion.enrich import enriched, telling
from tuner.diffusion.generate import OPERATION, GenerateParameters
from tuner.diffusion.like import begun_with, composite
from tuner.diffusion.progressive import REFINED, progressive
from tuner.diffusion.retrieval import enriching, likened
from tuner.raster import Raster
from tuner.work import Work

COLOURS = [(0.9, 0.1, 0.1), (0.1, 0.9, 0.1), (0.1, 0.1, 0.9), (0.9, 0.9, 0.1)]


class Tagged(Shelf):
    """A shelf whose words find all its pictures, and whose pictures have tags."""

    hidden: tuple[int, ...] = ()
    """Those that no words find."""

    def __init__(self, *tags: tuple[str, ...]) -> None:
        super().__init__({number: plain(COLOURS[number % 4]) for number in range(1, len(tags) + 1)})
        self.named = dict(zip(self.pictures, tags, strict=True))

    def find(self, query: str, k: int) -> list[int]:
        return [] if "nothing" in query else [id for id in self.pictures if id not in self.hidden][:k]

    def tags(self, ids: Sequence[int]) -> list[tuple[str, ...]]:
        return [self.named[id] for id in ids]


def work(settings: Settings, shelf: Shelf | None = None, seed: int = 0) -> Work:
    return Work(settings, seed=seed, pictures=shelf)


def test_tags_are_added_that_say_more_than_the_prompt() -> None:
    graph = load_graph()
    retrieved = [("beagle", "dog", "animal", "grass"), ("beagle", "dog", "grass"), ("grass", "sky"), ("sky",)]
    usual = [*retrieved, *[("sky",)] * 20]
    assert telling("a dog", retrieved, usual, graph) == ["grass", "beagle"]
    assert telling("a beagle", retrieved, usual, graph) == ["grass"], "a beagle is a dog, and an animal, anyway"
    assert telling("a beagle on the grass", retrieved, usual, graph) == []
    assert telling("a dog", retrieved, retrieved, graph) == [], "what all pictures have says nothing"


def test_an_enriched_prompt_is_recorded_as_it_became(settings: Settings) -> None:
    shelf = Tagged(("grass",), ("grass",), ("sea",), ("sea",), ("sea",))
    shelf.hidden = (3, 4, 5)
    run = work(settings, shelf)
    told = enriching(GenerateParameters(prompt="a dog", enrich=True), run)
    assert told.prompt == "a dog, grass" == run.choices["prompt"] and run.choices["enrich"] is False
    assert run.notes == ["The prompt became: a dog, grass"]
    again = enriching(told, work(settings, Tagged(("snow",))))
    assert again is told, "made again it needs no collection"
    assert enriched("nothing", Tagged(("grass",))) == "nothing"
    with pytest.raises(UsageError, match="index one first"):
        enriching(GenerateParameters(prompt="a dog", enrich=True), work(settings))


def test_words_of_a_prompt_are_no_query(settings: Settings) -> None:
    assert quoted('a "red" + #12 - tag:car') == '"a  red  + #12 - tag:car" -is:edit'


def test_a_composite_shows_each_picture_and_has_no_seam() -> None:
    left, right = plain(COLOURS[0], (40, 30)), plain(COLOURS[2], (20, 50))
    both = composite([left, right], (64, 32))
    assert both.shape == (32, 64, 3)
    np.testing.assert_allclose(both[:, 0], np.tile(COLOURS[0], (32, 1)), atol=1e-6)
    np.testing.assert_allclose(both[:, -1], np.tile(COLOURS[2], (32, 1)), atol=1e-6)
    assert np.abs(np.diff(both, axis=1)).max() < 0.1, "0.8 apart, over 16 pixels"
    np.testing.assert_allclose(composite([left], (64, 32)), composite([left, left], (64, 32)), atol=1e-6)


def test_likeness_begins_with_the_pictures(settings: Settings, tmp_path: Path) -> None:
    shelf = Shelf({3: plain(COLOURS[0]), 8: plain(COLOURS[1])})
    parameters = GenerateParameters(prompt="a dog", like=["#3", "#8"], like_strength=0.3)
    run = work(settings, shelf)
    ask = likened(parameters, Ask("a dog", width=32), str(tmp_path), run)
    assert ask.picture is not None and ask.picture.size == (32, 32) and ask.strength == pytest.approx(0.7)
    assert run.notes == [f"It was begun with #3, #8 put together, since {tmp_path} takes no pictures as reference."]
    plainly = Ask("a dog")
    assert likened(GenerateParameters(prompt="a dog"), plainly, "a model", run) is plainly
    assert likened(parameters.model_copy(update={"like_strength": 0.0}), plainly, "a model", run) is plainly
    mixed = begun_with(replace(plainly, picture=plain((0, 0, 0))), [plain((1, 1, 1))], 0.5, 64)
    assert mixed.picture is not None and mixed.picture.rgb.max() == mixed.picture.rgb.min() == 0.25


def test_a_small_picture_comes_first(settings: Settings) -> None:
    asked: list[Ask] = []
    steps: list[tuple[int, int, str]] = []

    def paint(model: str, ask: Ask, run: Work) -> Raster:
        asked.append(ask)
        for step in range(1, 3):
            run.step(step, 2, "painting")
        return plain(COLOURS[len(asked)], (ask.width or 0, ask.height or 0))

    run = Work(settings, on_step=lambda *step: steps.append(step))
    outcome = progressive("a model", Ask("a dog"), (64, 48), run, paint)
    first, second = asked
    assert (first.width, first.height, first.picture) == (32, 24, None)
    assert second.picture is not None and second.picture.size == (64, 48) and second.strength == REFINED
    assert outcome.size == (64, 48)
    assert [(done, total) for done, total, _ in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert steps[0][2] == "small first: painting" and steps[-1][2] == "refining: painting"


@pytest.mark.parametrize(("layout", "seen"), [("collage", 4), ("double-exposure", 2)])
def test_composing_from_what_the_prompt_finds(settings: Settings, layout: str, seen: int) -> None:
    shelf = Tagged(*[()] * 4)
    run = work(settings, shelf)
    outcome = compose("a dog", ComposeParameters.model_validate({"layout": layout}), (300, None), run)
    assert outcome.size[0] == 300 and len(run.used) == seen
    again = work(settings, Tagged(*[()] * 4), seed=9)
    chosen = ComposeParameters.model_validate(run.choices)
    assert np.array_equal(compose("another", chosen, (300, None), again).rgb, outcome.rgb), "made again from its record"


def test_a_photomosaic_of_what_the_collection_has(settings: Settings) -> None:
    run = work(settings, Tagged(*[()] * 10), seed=3)
    outcome = compose("a dog", ComposeParameters(layout="photomosaic"), (None, None), run)
    assert outcome.size[0] == 48 * 32 and run.choices["pictures"][0] == "#4" and run.used[0] == 4
    assert "#4" not in run.choices["pictures"][1:], "it is no tile of itself"
    again = work(settings, Tagged(*[()] * 12), seed=1)
    chosen = ComposeParameters.model_validate(run.choices)
    assert np.array_equal(compose("a dog", chosen, (None, None), again).rgb, outcome.rgb)


def test_candidates_that_are_composed_differ_by_their_seed(settings: Settings) -> None:
    runs = [work(settings, Tagged(*[()] * 12), seed=seed) for seed in (0, 1, 0)]
    first, second, same = (compose("a dog", ComposeParameters(), (200, None), run).rgb for run in runs)
    assert np.array_equal(first, same) and (first.shape != second.shape or not np.array_equal(first, second))


def test_what_can_not_be_composed(settings: Settings) -> None:
    with pytest.raises(UsageError, match="index one first"):
        compose("a dog", ComposeParameters(), (None, None), work(settings))
    with pytest.raises(TuneError, match="nothing that matches 'nothing'"):
        compose("nothing", ComposeParameters(), (None, None), work(settings, Tagged(())))
    with pytest.raises(TuneError, match="has only #1"):
        compose("a dog", ComposeParameters(), (None, None), work(settings, Tagged(())))
    with pytest.raises(UsageError, match="which isn't the id"):
        compose("a dog", ComposeParameters(pictures=["/etc/passwd"]), (None, None), work(settings, Tagged(())))


def test_without_a_model_it_says_what_to_pull_and_what_works(settings: Settings) -> None:
    nothing = Raster(np.zeros((1, 1, 3), np.float32))
    with pytest.raises(UsageError, match=r"pixloom models pull [\w.-]+` .*GB, .*-p method=compose"):
        OPERATION.apply(nothing, GenerateParameters(prompt="a dog"), work(settings, Tagged(())))


def test_a_licence_is_accepted_before_a_model_is_used(settings: Settings) -> None:
    spec = find("sd15")
    assert spec
    for name in ("sd15", spec.source):
        with pytest.raises(ForbiddenError, match="pixloom models pull sd15 --accept-licence"):
            chosen_model(name, "text", work(settings))
    accept(spec, settings)
    assert chosen_model(spec.source, "text", work(settings)) == "sd15"
    assert chosen_model("/a/folder", "text", work(settings)) == "/a/folder"
    assert native_side("sd15") == 512 and native_side("z-image-turbo") == 1024 and native_side("/a/folder", 64) == 64
