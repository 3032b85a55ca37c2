"""The objectives of pretraining by name: what each takes in params.yaml under `pretrain.objective`."""

from typing import Any, Literal, NamedTuple

from pydantic import Field

from chainrule.recipes.file import Section


class NoOptions(Section):
    """Nothing: fine-tuning begins from random weights."""


class MaskedImageOptions(Section):
    """Hide patches, predict their pixels."""

    mask_ratio: float = Field(gt=0, lt=1, description="share of the patches that are hidden")
    patch: int = Field(ge=1, le=64, description="side of a patch in pixels")
    loss: Literal["l1", "mse", "ssim"] = Field(
        description="what counts as a mistake: the hidden pixels' absolute or squared error, or unlike structure"
    )


class SimCLROptions(Section):
    """Find the other view of an image among those of all others."""

    temperature: float = Field(gt=0, le=10, description="what likenesses are divided by; lower: the nearest count more")
    projection: int = Field(ge=1, le=8192, description="features of an image that are compared")


class RotationOptions(Section):
    """Tell in which of four turns an image is shown."""


class MaskedLanguageOptions(Section):
    """Hide tokens, predict them."""

    mask_ratio: float = Field(gt=0, lt=1, description="share of the tokens that are predicted")


DEFAULTS: dict[str, dict[str, Any]] = {
    "none": {},
    "masked_image": {"mask_ratio": 0.5, "patch": 4, "loss": "l1"},
    "masked_language": {"mask_ratio": 0.2},  # more than BERT's 0.15 teaches more (Wettig et al. 2023, arXiv:2202.08005)
    "rotation": {},
    "simclr": {"temperature": 0.5, "projection": 128},  # for batches of some hundred (SimCLR, table 5 and section B.7)
}
"""What each starts with; a literal, of which dvc.yaml lists the recipe's objective."""


class ObjectiveEntry(NamedTuple):
    """What the check of params.yaml knows of an objective."""

    options: type[Section]
    modality: str | None  # None: any


OBJECTIVES: dict[str, ObjectiveEntry] = {
    "none": ObjectiveEntry(NoOptions, None),
    "masked_image": ObjectiveEntry(MaskedImageOptions, "image"),
    "masked_language": ObjectiveEntry(MaskedLanguageOptions, "text"),
    "rotation": ObjectiveEntry(RotationOptions, "image"),
    "simclr": ObjectiveEntry(SimCLROptions, "image"),
}
