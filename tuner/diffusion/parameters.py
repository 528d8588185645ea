"""Parameters that all operations by a diffusion model share."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from indexer.errors import UsageError
from tuner.diffusion.ask import Ask, Lora
from tuner.operation import Method, Parameters, number_or_auto
from tuner.work import Work

PREVIEW_STEPS = 4
"""Steps of a quick look at most."""
METHODS = (Method("diffusion", "a diffusion model, by diffusers", seconds=120, memory=200),)


def listed(value: Any) -> Any:
    """One value, as people type it, is a list of one."""
    return value if isinstance(value, list | tuple) else [value]


class DiffusionParameters(Parameters):
    """What every diffusion model is told."""

    prompt: str = Field("", max_length=100_000, description="what it shall show, in words")
    negative: str = Field("", max_length=100_000, description="what it shall not show, in words")
    model: str = Field(
        "auto",
        max_length=4096,
        description="the diffusion model: a name of `pixloom models --for generate`, a hub id ORG/NAME, a folder, or a "
        "file of weights; auto: the best that is here",
    )
    steps: Annotated[Annotated[int, Field(ge=1, le=500)] | Literal["auto"], BeforeValidator(number_or_auto(1, 500))] = (
        Field("auto", description="steps: more is slower and finer; auto: what the model was made for")
    )
    guidance: Annotated[
        Annotated[float, Field(ge=0, le=50)] | Literal["auto"], BeforeValidator(number_or_auto(0, 50))
    ] = Field("auto", description="weight of the prompt, from 0; auto: what the model was made for")
    scheduler: str = Field(
        "auto",
        max_length=100,
        description="how steps are made: ddim, euler, euler-a, dpm++-2m, unipc, lcm and more; auto: the model's own",
    )
    lora: Annotated[tuple[str, ...], BeforeValidator(listed)] = Field(
        (), max_length=8, description="LoRA files (.safetensors) that change the model"
    )
    lora_weight: Annotated[tuple[Annotated[float, Field(ge=-4, le=4)], ...], BeforeValidator(listed)] = Field(
        (1.0,), min_length=1, max_length=8, description="how much of each LoRA file, or of all: 1 is as it was made"
    )

    def ask(self, work: Work, **more: Any) -> Ask:
        """These as an Ask; `more` are further fields of it. UsageError for weights without files."""
        weights = self.lora_weight if len(self.lora_weight) > 1 else self.lora_weight * len(self.lora)
        if len(weights) != len(self.lora):
            raise UsageError(
                f"lora_weight has {len(weights)} numbers for {len(self.lora)} files of lora: give as many."
            )
        steps = None if self.steps == "auto" else self.steps
        if work.preview:
            steps = min(steps or PREVIEW_STEPS, PREVIEW_STEPS)
        return Ask(
            self.prompt,
            self.negative,
            steps=steps,
            guidance=None if self.guidance == "auto" else self.guidance,
            scheduler=self.scheduler,
            loras=tuple(map(Lora, self.lora, weights)),
            **more,
        )
