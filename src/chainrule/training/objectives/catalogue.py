"""The objectives of pretraining by name: what each takes in params.yaml under `pretrain.objective`."""

from typing import Any, NamedTuple

from pydantic import Field

from chainrule.recipes.file import Section


class NoOptions(Section):
    """Nothing: fine-tuning begins from random weights."""


class MaskedImageOptions(Section):
    """Hide patches, predict their pixels."""

    mask_ratio: float = Field(gt=0, lt=1, description="share of the patches that are hidden")
    patch: int = Field(ge=1, le=64, description="side of a patch in pixels")


class MaskedLanguageOptions(Section):
    """Hide tokens, predict them."""

    mask_ratio: float = Field(gt=0, lt=1, description="share of the tokens that are predicted")


DEFAULTS: dict[str, dict[str, Any]] = {
    "none": {},
    "masked_image": {"mask_ratio": 0.5, "patch": 4},
    "masked_language": {"mask_ratio": 0.2},  # more than BERT's 0.15 teaches more (Wettig et al. 2023, arXiv:2202.08005)
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
}
