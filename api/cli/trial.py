"""Trials of what recommends, by ratings or by simulated people, and of tags, as tables."""

from typing import Any

from api.cli.output import say, table

_FIRST = 5


def show_trial(figures: dict[str, Any]) -> None:
    """Print what `evaluate_ratings` gave."""
    held = figures["held_out"]
    say(f"{figures['data']}: {figures['people']} people, {figures['items']} items, {figures['likes']} likes")
    say(f"held out: {held['how']}")
    say(f"          {held['test']} of {held['test_people']} people; {held['validation']} to choose parameters by")
    columns = ("model", "recall@20", "±", "nDCG@10", "±", "tried", "train s", "ms each", "parameters")
    table(columns, [_row(row) for row in figures["models"]])
    problems = figures["problems"]
    for kind, count in problems["counts"].items():
        say(f"{kind}: {count}")
    for problem in problems["listed"][:_FIRST]:
        say(f"  {problem['where']}: {problem['what']}")
    if len(problems["listed"]) > _FIRST:
        say(f"  and {sum(problems['counts'].values()) - _FIRST} more: see --json")


def show_people(figures: dict[str, Any]) -> None:
    """Print what `evaluate_people` gave."""
    say(f"{figures['pictures']} pictures, {figures['categories']} categories, {figures['people']} simulated people")
    say(figures["protocol"])
    names = ("recommender", "clicks", "precision@20", "possible", "coverage", "disliked")
    table(names, [tuple(row[name] for name in names) for row in figures["figures"]])
    _failed(figures)


def show_tags(figures: dict[str, Any]) -> None:
    """Print what `evaluate_tags` gave."""
    say(f"{figures['encoder']}: {figures['pictures']} pictures, {figures['names']} names, {figures['counted']} counted")
    say(f"{figures['tags_per_picture']:.1f} tags for each picture; calibration error {figures['ece']:.3f}")
    own = {**figures, "threshold": None}
    best = {"f1": figures["best_f1"], "threshold": figures["best_threshold"], "map": figures["map"]}
    ways = {"tags": own, "tags, best threshold": best, **figures["beside"]}
    names = ("precision", "recall", "f1", "map", "threshold")
    rows = [(way, *(_cell(told.get(name)) for name in names)) for way, told in ways.items()]
    table(("", *names), rows)
    _failed(figures)


def _cell(figure: float | None) -> object:
    return "" if figure is None else round(figure, 3)


def _failed(figures: dict[str, Any]) -> None:
    for failure in figures["failed"][:_FIRST]:
        say(f"  {failure['path']}: {failure['reason']}")
    if len(figures["failed"]) > _FIRST:
        say(f"  and {len(figures['failed']) - _FIRST} more: see --json")


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    parameters = ", ".join(f"{name} {value}" for name, value in row["parameters"].items())
    names = ("name", "recall@20", "recall_error", "ndcg@10", "ndcg_error", "tried", "train_seconds", "ms_per_person")
    return (*(row[name] for name in names), parameters)
