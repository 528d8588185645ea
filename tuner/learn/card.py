"""The model card of a checkpoint (Mitchell et al. 2019): what it is, of which data, how made, how good, its limits."""

from indexer.encoders.checkpoint import Checkpoint


def card(name: str, checkpoint: Checkpoint) -> str:
    """Markdown for the README.md of a checkpoint whose facts are those of `tuner.learn.session`."""
    facts = checkpoint.facts
    recipe = "\n".join(f"| {key} | {value} |" for key, value in facts["recipe"].items())
    shares = "\n".join(
        f"| {block} | {share:g} | {checkpoint.blend.word[block]:g} | {checkpoint.blend.sentence[block]:g} |"
        for block, share in checkpoint.blend.pictures.items()
    )
    adapters = sum(a.size + b.size for a, b in checkpoint.adapters.values())
    tuned = f", and {adapters:,} numbers of low-rank adapters on the text tower" if adapters else ""
    return f"""# {name}

Heads over the locked picture tower of `{checkpoint.base}`, by locked-image tuning (Zhai et al. 2022): affine maps of
picture features and text embeddings into {checkpoint.lit.dimension} numbers{tuned}. Made by `pixloom train lit` of
Pixloom {facts["pixloom"]}; used with `--encoder lit:NAME` or `pixloom models switch lit:NAME`.

## Data

{facts["data"]}: {facts["pictures"]:,} pictures with {facts["captions"]:,} captions for training, and
{facts["held_out_pictures"]:,} other pictures to judge epochs by. Terms: {facts["terms"]}.

## Figures

On the held-out pictures, among themselves (a larger collection is harder):

{_figures(facts["held_out"])}

## Recipe

| setting | value |
|---|---|
{recipe}

How much each block of the vector counts between two pictures, and between a picture and a text of one word or of
three and more (the base's own blocks keep the breadth that the data lack):

| block | pictures | one word | sentence |
|---|---|---|---|
{shares}

SHA-256 of the weights: `{checkpoint.digest}`.

## Limits

It knows what its captions spoke of, in their language and manner, and for the rest what the locked towers brought
along; it repeats whatever prejudice either has. Held-out pictures are of the same kind as the training pictures:
expect less on others. It fits only the very towers that it was trained on.
"""


def _figures(held_out: dict[str, dict[str, float]]) -> str:
    names = list(next(iter(held_out.values())))
    rows = [f"| | {' | '.join(held_out)} |", "|---" * (len(held_out) + 1) + "|"]
    for name in names:
        rows.append(f"| {name.replace('_', ' ')} | {' | '.join(f'{row[name]:.3f}' for row in held_out.values())} |")
    return "\n".join(rows)
