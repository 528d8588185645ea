"""The model card of a guide (Mitchell et al. 2019)."""

from tuner.guided.guide import Guide


def card(name: str, guide: Guide) -> str:
    """Markdown for the README.md of a guide whose facts are those of `tuner.learn.guided_session`."""
    facts, recipe = guide.facts, dict(guide.facts["recipe"])
    losses = recipe.pop("losses")
    rows = "\n".join(f"| {key} | {value} |" for key, value in {**recipe, "losses": losses}.items())
    learned = sum(array.size for array in guide.omega.values())
    along = (
        f", which learned along ({recipe['unlock']}, {learned:,} numbers) and looks at pictures of {guide.side} pixels"
        if guide.side
        else ", which was locked"
    )
    command = "joint" if guide.side else "guided"
    figures = "\n".join(f"| {what} | {value:.2f} dB |" for what, value in facts["held_out"].items())
    return f"""# {name}

A colour transform that an encoder guides: what `{guide.base}` sees of a picture{along}, decides curves, a blend of
{guide.shape.tables} colour tables (Zeng et al. 2020) and a bilateral grid (Gharbi et al. 2017). Made by `pixloom train
{command}` of Pixloom {facts["pixloom"]}; used by `pixloom tune guided PICTURE -p guide=NAME`.

## Data

{facts["data"]}: {facts["examples"]:,} examples, of which {100 * recipe["holdout"]:g} % (at least one, at most 1,000)
were not trained on. Terms: {facts["terms"]}.

## Figures

PSNR to the truth over the held-out examples, {max(recipe["sides"])} pixels a side:

| | |
|---|---|
{figures}

After each epoch: {", ".join(f"{score:.2f}" for score in facts["history"])}.

## Recipe

| setting | value |
|---|---|
{rows}

SHA-256 of the weights: `{guide.digest}`.

## Limits

It knows the faults, the subjects and the taste of its examples. A picture that is meant to be dark, pale or of one hue
looks to it like one that went wrong. Where faults were simulated, real ones are only like them. It fits only the very
encoder that it was trained over.
"""
