"""What makes outcomes in tests of jobs: it does what the parameters say. It is imported by real worker processes."""

import os
import signal
import time
from pathlib import Path
from typing import Literal

from PIL import Image
from pydantic import Field

from indexer.collection import Collection
from indexer.errors import DiskFullError, QualityError, StoppedError
from tuner.jobs.task import Outcome, Report, Run, Task
from tuner.operation import Method, Operation, Parameters
from tuner.raster import Raster
from tuner.work import Work


class ToyParameters(Parameters):
    """What the run does, and to which pictures."""

    do: Literal["steps", "exit", "kill", "memory", "spin", "fail", "full", "bug"] = Field("steps", description="what")
    to: tuple[int, ...] = Field((), description="ids of pictures it is done to; all where there are none")
    seconds: float = Field(0.0, ge=0, le=60, description="seconds that it takes")
    fits: int = Field(256, ge=1, description="largest tile that fits into memory, pixels")
    preview: Literal["good", "bad"] = Field("good", description="how the preview ends")
    reference: str = Field("", description="a picture")
    trail: str = Field("", description="file that each run leaves a line in")


def _apply(picture: Raster, parameters: ToyParameters, work: Work) -> Raster:
    return picture


def _operation(name: str, gathers: str | None = None) -> Operation:
    method = Method("only", "Does what it is told.", 1.0, 16)
    return Operation(
        name, "Does what it is told.", "enhance", ToyParameters, _apply, (method,), gathers=gathers,
        references=("reference",),
    )  # fmt: skip


OPERATION = _operation("toy")
GATHERING = _operation("gather", "reference")


def start(collection: Collection) -> Run:
    """What the process of a worker calls once."""

    def run(task: Task, report: Report) -> Outcome:
        given = ToyParameters.model_validate(task.parameters)
        if given.trail:
            with Path(given.trail).open("a") as file:
                kind = "p" if task.preview else "-"
                file.write(f"{task.owner} {task.job} {task.position} {task.tile} {kind} {os.getpid()}\n")
        if task.preview:
            return _preview(task, given)
        if not given.to or task.pictures[0] in given.to:
            _misbehave(given, task, report)
        for step in range(round(given.seconds / 0.05)):
            if report.stopped():
                raise StoppedError("It was stopped.")
            report.step(step, round(given.seconds / 0.05), "sleeping")
            time.sleep(0.05)
        return Outcome(picture=task.pictures[0] if task.pictures else None, notes=("made",), cosine=0.9, ssim=0.8)

    return run


def broken(collection: Collection) -> Run:
    """One that can't begin."""
    raise QualityError("It can't begin.")


def _preview(task: Task, given: ToyParameters) -> Outcome:
    if given.preview == "bad":
        raise QualityError("The outcome is black.")
    assert task.folder is not None
    task.folder.mkdir(parents=True, exist_ok=True)
    path = task.folder / f"job-{task.job}.webp"
    Image.new("RGB", (8, 8), "red").save(path)
    return Outcome(path=path)


def _misbehave(given: ToyParameters, task: Task, report: Report) -> None:
    match given.do:
        case "exit":
            os._exit(7)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "memory" if task.tile > given.fits:
            raise MemoryError
        case "fail":
            raise QualityError("The outcome is flat.")
        case "full":
            raise DiskFullError("No space is left.")
        case "bug":
            raise ZeroDivisionError
        case "spin":
            report.step(1, 2, "spinning")
            until = time.monotonic() + given.seconds
            while time.monotonic() < until:
                pass
