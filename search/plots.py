"""Quality figures as a picture: curves of recall, or precision by class beside a reliability diagram."""

import importlib.util
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from indexer.errors import DependencyError, UsageError
from indexer.reader import write_atomically

_BLUE, _ORANGE, _GREY = "#2f6db3", "#d9772b", "#8a8a8a"
_MAX_BARS = 50
_MAX_NAME = 28


def check_plot(path: Path) -> None:
    """Raise UsageError or DependencyError where `plot` could not write to `path`: before minutes of work."""
    if path.suffix.casefold() != ".png":
        raise UsageError(f"The plot {path} must be a PNG: give it a name that ends in .png.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {path.absolute().parent} for the plot: make it first.")
    if importlib.util.find_spec("matplotlib") is None:
        raise DependencyError("Plots need the package matplotlib: pip install 'pixloom[plots]'.")


def plot(figures: dict[str, Any], path: Path, title: str) -> None:
    """Draw what `evaluate_captions` or `evaluate_labels` gave into a PNG, in place of what was there."""
    from io import BytesIO

    from matplotlib.figure import Figure

    curve, bars = figures.get("curve"), figures.get("per_class") or []
    rows = min(len(bars), _MAX_BARS)
    figure = Figure(figsize=(7, 5) if curve else (12, max(5.0, 1.5 + 0.22 * rows)), layout="constrained")
    figure.suptitle(title)
    if curve:
        _draw_curve(figure.subplots(), curve)
    elif figures["reliability"]:
        left, right = figure.subplots(1, 2)
        _draw_bars(left, bars, figures)
        _draw_reliability(right, figures)
    else:
        _draw_bars(figure.subplots(), bars, figures)
    drawn = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font lacks is drawn as a box
        figure.savefig(drawn, format="png", dpi=130)
    write_atomically(path, drawn.getvalue())


def _draw_curve(axes: Any, curve: dict[str, list[float]]) -> None:
    for name, colour in (("text_to_picture", _BLUE), ("picture_to_text", _ORANGE)):
        axes.plot(curve["k"], curve[name], "o-", color=colour, markersize=4, label=name.replace("_", " "))
        for k, value in zip(curve["k"], curve[name], strict=True):
            if k in (1, 5, 10):
                other = next(way for way in ("text_to_picture", "picture_to_text") if way != name)
                rival = curve[other][list(curve["k"]).index(k)]
                below = (value, name) < (rival, other)  # the lower curve's figures stand below it
                at = (0, -16 if below else 8)
                axes.annotate(f"{value:.3f}", (k, value), at, textcoords="offset points", ha="center", color=colour)
    axes.set_xscale("log")
    axes.set_xticks(curve["k"], [str(k) for k in curve["k"]])
    axes.minorticks_off()
    axes.set(xlabel="k", ylabel="recall@k, share of queries", ylim=(-0.05, 1.05))
    axes.grid(color="#e6e6e6")
    axes.legend(loc="lower right", frameon=False)


def _draw_bars(axes: Any, classes: Sequence[dict[str, Any]], figures: dict[str, Any]) -> None:
    ordered = sorted(classes, key=lambda row: float(row["average_precision"]))
    shown, note = ordered, ""
    if len(ordered) > _MAX_BARS:
        half = _MAX_BARS // 2
        shown, note = [*ordered[:half], *ordered[-half:]], f" (the {half} worst and the {half} best of {len(ordered)})"
    places = range(len(shown))
    axes.barh(places, [row["average_precision"] for row in shown], color=_BLUE, height=0.7)
    axes.plot([row["share"] for row in shown], places, "|", color="black", markersize=8, label="by chance")
    axes.axvline(figures["map"], color=_ORANGE, label=f"mean, mAP {figures['map']:.3f}")
    axes.set_yticks(places, [_shortened(row["name"]) for row in shown], fontsize=8, parse_math=False)
    axes.set(xlim=(0, 1.01), ylim=(-0.6, len(shown) - 0.4), xlabel=f"average precision by class{note}")
    axes.legend(loc="lower right")


def _draw_reliability(axes: Any, figures: dict[str, Any]) -> None:
    bins = figures["reliability"]
    axes.plot([0, 1], [0, 1], "--", color=_GREY, label="perfectly calibrated")
    confidence, accuracy = [row["confidence"] for row in bins], [row["accuracy"] for row in bins]
    most = max(row["pictures"] for row in bins)
    axes.vlines(confidence, confidence, accuracy, color=_GREY, linewidth=1)
    axes.plot(confidence, accuracy, "-", color=_BLUE)
    axes.scatter(confidence, accuracy, [20 + 180 * row["pictures"] / most for row in bins], color=_BLUE, zorder=3)
    for row in bins:
        axes.annotate(
            row["pictures"], (row["confidence"], row["accuracy"]), (9, -9), textcoords="offset points", fontsize=8
        )
    axes.set_aspect("equal")
    axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="confidence (numbers: pictures in the bin)", ylabel="accuracy")
    axes.set_title(f"accuracy {figures['accuracy']:.3f}, calibration error {figures['ece']:.3f}", fontsize=10)
    axes.grid(color="#e6e6e6")
    axes.legend(loc="upper left", frameon=False)


def _shortened(name: str) -> str:
    return name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 1] + "…"
