"""Trials of what recommends, by ratings or by simulated people, as tables."""

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
    for failure in figures["failed"][:_FIRST]:
        say(f"  {failure['path']}: {failure['reason']}")
    if len(figures["failed"]) > _FIRST:
        say(f"  and {len(figures['failed']) - _FIRST} more: see --json")


def _row(row: dict[str, Any]) -> tuple[object, ...]:
    parameters = ", ".join(f"{name} {value}" for name, value in row["parameters"].items())
    names = ("name", "recall@20", "recall_error", "ndcg@10", "ndcg_error", "tried", "train_seconds", "ms_per_person")
    return (*(row[name] for name in names), parameters)
