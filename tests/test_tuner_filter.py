"""The content filter: what its network is shown, what is refused, and when it is asked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.config import Settings
from indexer.errors import EncoderError, ForbiddenError, QualityError, UsageError
from indexer.models import find
from indexer.models.licence import accept
from indexer.models.shelf import here
from tests.detector import pulled_detector, write_detector
from tests.shelf import plain
from tuner.diffusion.filter import REFUSED, SURE, check_content, filter_of, found
from tuner.operations import get_operation
from tuner.work import Work

GENERATING = replace(get_operation("tone"), name="generating", task="generate")


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    return write_detector(tmp_path / "detector.onnx")


def test_scores_are_the_greatest_of_the_places_that_are_of_a_class(detector: Path) -> None:
    rgb = np.zeros((320, 320, 3), np.float32)
    rgb[:160, :160] = 0.6, 0.1, 0.2
    rgb[:160, 160:] = 0.8, 0.9, 0.1  # of the second class, so its red doesn't count
    rgb[160:, :160] = 0.3, 0.2, 0.1
    scores = found(rgb, detector)
    assert scores == pytest.approx({"FEMALE_BREAST_EXPOSED": 0.6, "FACE_FEMALE": 0.9, "BUTTOCKS_EXPOSED": 0}, abs=1e-3)


@pytest.mark.parametrize(("width", "height"), [(640, 320), (320, 640), (50, 20), (1, 1)])
def test_a_picture_fills_the_square_by_its_edges(width: int, height: int, detector: Path) -> None:
    rgb = np.full((height, width, 3), (0.2, 0.5, 0.3), np.float32)
    assert found(rgb, detector)["FACE_FEMALE"] == pytest.approx(0.5, abs=1e-3)


def test_it_refuses_from_its_threshold_on_and_says_what(detector: Path) -> None:
    check_content(plain((SURE - 0.01, 0.1, 0.1)), GENERATING, detector)
    check_content(plain((0.1, 0.9, 0.1)), GENERATING, detector)  # a face
    with pytest.raises(QualityError, match=r"generating .* bare buttocks \(score 0\.80"):
        check_content(plain((0.1, 0.1, 0.8)), GENERATING, detector)


def test_it_is_asked_where_the_setting_is_on_and_something_is_generated(tmp_path: Path) -> None:
    on, off = Settings(home=tmp_path, content_filter=True), Settings(home=tmp_path)
    assert filter_of(GENERATING, Work(off)) is None
    assert filter_of(get_operation("tone"), Work(on)) is None
    with pytest.raises(UsageError, match="pixloom models pull nudenet-320n"):
        filter_of(GENERATING, Work(on))
    path = pulled_detector(on)
    with pytest.raises(ForbiddenError, match="--accept-licence"):
        filter_of(GENERATING, Work(on))
    spec = find("nudenet-320n")
    assert spec is not None
    accept(spec, on)
    assert filter_of(GENERATING, Work(on)) == path


def test_files_that_are_no_detector_are_refused(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.onnx"
    rubbish.write_bytes(b"not a network")
    with pytest.raises(EncoderError, match=r"rubbish\.onnx can't be read"):
        found(plain((0, 0, 0)).rgb, rubbish)
    few = write_detector(tmp_path / "few.onnx", {0: "FACE_FEMALE"})
    with pytest.raises(EncoderError, match="no detector of 1 classes"):
        found(plain((0, 0, 0)).rgb, few)


def test_the_real_network_where_it_was_pulled() -> None:
    """Its file names every class that is refused, and it finds none of them in a portrait in a space suit."""
    from skimage.data import astronaut

    spec, settings = find("nudenet-320n"), Settings()
    assert spec is not None
    if here(spec, settings) != "yes":
        return  # the closed form above is the test; this one is for machines where it was pulled
    network = Work(settings).model(spec.name)
    assert network is not None
    scores = found(astronaut().astype(np.float32) / 255, network)
    assert set(scores) >= set(REFUSED) and scores["FACE_FEMALE"] > 0.5
    assert max(scores[name] for name in REFUSED) < SURE
