"""The objectives of pretraining by name: what each takes in params.yaml under `pretrain.objective`."""

from typing import Any, Literal, NamedTuple

from pydantic import Field

from chainrule.nets.shared.needs import Need
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
    whole_word: bool = Field(description="whether all tokens of a word are hidden together")


class MaskedAndNextOptions(MaskedLanguageOptions):
    """Hide tokens, predict them, and whether one segment of a text follows another."""


class SentenceOrderOptions(MaskedLanguageOptions):
    """Hide tokens, predict them, and whether two segments of a text were swapped."""


class CausalOptions(Section):
    """Predict each token from those before it."""


class SkipGramOptions(Section):
    """Vectors of words from their neighbours: the input embedding alone learns."""

    window: int = Field(ge=1, le=100, description="how far from a token its neighbours are, at most")
    negatives: int = Field(ge=1, le=100, description="other tokens for each neighbour")
    subsample: float = Field(gt=0, le=1, description="share of all tokens above which a token is left out now and then")


DEFAULTS: dict[str, dict[str, Any]] = {
    "none": {},
    "causal": {},
    "masked_and_next": {"mask_ratio": 0.15, "whole_word": False},
    "masked_image": {"mask_ratio": 0.5, "patch": 4, "loss": "l1"},
    # More than BERT's 0.15 teaches more (Wettig et al. 2023, arXiv:2202.08005).
    "masked_language": {"mask_ratio": 0.2, "whole_word": False},
    "rotation": {},
    "sentence_order": {"mask_ratio": 0.15, "whole_word": False},
    "simclr": {"temperature": 0.5, "projection": 128},  # for batches of some hundred (SimCLR, table 5 and section B.7)
    "skip_gram": {"window": 5, "negatives": 5, "subsample": 0.001},
}
"""What each starts with; a literal, of which dvc.yaml lists the recipe's objective."""


class ObjectiveEntry(NamedTuple):
    """What the check of params.yaml knows of an objective."""

    options: type[Section]
    modality: str | None  # None: any
    needs: Need | None = None  # of the net


OBJECTIVES: dict[str, ObjectiveEntry] = {
    "none": ObjectiveEntry(NoOptions, None),
    "causal": ObjectiveEntry(CausalOptions, "text", "causal"),
    "masked_and_next": ObjectiveEntry(MaskedAndNextOptions, "text", "both_sides"),
    "masked_image": ObjectiveEntry(MaskedImageOptions, "image", "feature_map"),
    "masked_language": ObjectiveEntry(MaskedLanguageOptions, "text", "both_sides"),
    "rotation": ObjectiveEntry(RotationOptions, "image"),
    "sentence_order": ObjectiveEntry(SentenceOrderOptions, "text", "both_sides"),
    "simclr": ObjectiveEntry(SimCLROptions, "image"),
    "skip_gram": ObjectiveEntry(SkipGramOptions, "text"),
}
