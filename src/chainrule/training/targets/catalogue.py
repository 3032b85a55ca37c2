"""The losses of fine-tuning by name: what each takes in params.yaml under `finetune.loss`."""

from typing import Any, Literal, NamedTuple

from pydantic import Field

from chainrule.recipes.file import Section


class CrossEntropyOptions(Section):
    """The log loss: of the classes, or of each label of a set by itself."""

    class_weights: Literal["none", "balanced"] = Field(
        description="balanced: all classes weigh the same, however many training rows each has"
    )


class FocalOptions(CrossEntropyOptions):
    """The log loss of what is hard: rows that are told well hardly count (Lin et al. 2017)."""

    gamma: float = Field(ge=0, le=10, description="how much less a row counts that is told well; 0: cross_entropy")


class DiceOptions(CrossEntropyOptions):
    """One less how far true pixels and those said lie over each other (Milletari et al. 2016), beside the log loss."""

    cross_entropy: float = Field(ge=0, le=100, description="how often the log loss counts beside it; 0: not at all")


class SpanLikelihoodOptions(Section):
    """The log loss of where an answer begins and ends, over all windows of its passage at once."""


class HuberOptions(Section):
    """Squared near the number, absolute far from it."""

    delta: float = Field(gt=0, le=100, description="where it becomes absolute, in standard deviations of the numbers")


class MseOptions(Section):
    """The squared error, in standard deviations."""


class NextTokenOptions(Section):
    """What each token of a text costs to tell."""


class MaeOptions(Section):
    """The absolute error, in standard deviations."""


class TokenCrossEntropyOptions(Section):
    """The log loss of every token of a text, given those before it."""


class CentresOptions(Section):
    """The focal loss of heat maps of centres, and GIoU of the boxes around them (Liu et al. 2020, TTFNet)."""

    sides: float = Field(ge=0, le=100, description="how often the loss of the boxes counts beside that of centres")


class TagsOptions(Section):
    """The log loss of the tags of all words of a text together, of which spans are made (a chain of CRF)."""


class SkipGramLossOptions(Section):
    """What it costs to tell a word's neighbours from other words (Mikolov et al. 2013)."""

    window: int = Field(ge=1, le=100, description="how far from a word its neighbours are, at most")
    negatives: int = Field(ge=1, le=100, description="other words for each neighbour")
    subsample: float = Field(gt=0, le=1, description="share of all words above which a word is left out now and then")


class BprOptions(Section):
    """How often an item that a user did not meet is put before one that was chosen, softly (Rendle et al. 2009)."""

    negatives: int | None = Field(ge=1, le=10_000, description="items drawn for each row; null: the whole catalogue")


class SoftmaxOptions(Section):
    """The log loss of the chosen item among others that its user did not meet."""

    negatives: int | None = Field(ge=1, le=10_000, description="items drawn for each row; null: the whole catalogue")


DEFAULTS: dict[str, dict[str, Any]] = {
    "cross_entropy": {"class_weights": "none"},
    "focal": {"gamma": 2.0, "class_weights": "none"},
    "centres": {"sides": 5.0},
    "dice": {"cross_entropy": 1.0, "class_weights": "none"},
    "huber": {"delta": 1.0},
    "mse": {},
    "mae": {},
    "token_cross_entropy": {},
    "tags": {},
    "span_likelihood": {},
    "next_token": {},
    "skip_gram": {"window": 5, "negatives": 5, "subsample": 0.001},
    "bpr": {"negatives": 20},
    "softmax": {"negatives": None},
}
"""What each starts with; a literal, which dvc.yaml lists."""


class LossEntry(NamedTuple):
    """What the check of params.yaml knows of a loss."""

    options: type[Section]
    targets: tuple[str, ...]
    """The kinds of targets that it is a loss of."""


LOSSES: dict[str, LossEntry] = {
    "centres": LossEntry(CentresOptions, ("boxes",)),
    "cross_entropy": LossEntry(CrossEntropyOptions, ("label", "labels", "mask")),
    "dice": LossEntry(DiceOptions, ("mask",)),
    "focal": LossEntry(FocalOptions, ("label", "labels", "mask")),
    "huber": LossEntry(HuberOptions, ("number", "rating")),
    "mse": LossEntry(MseOptions, ("number", "rating")),
    "mae": LossEntry(MaeOptions, ("number", "rating")),
    "token_cross_entropy": LossEntry(TokenCrossEntropyOptions, ("wording",)),
    "tags": LossEntry(TagsOptions, ("spans",)),
    "span_likelihood": LossEntry(SpanLikelihoodOptions, ("answer",)),
    "next_token": LossEntry(NextTokenOptions, ("continuation",)),
    "skip_gram": LossEntry(SkipGramLossOptions, ("neighbours",)),
    "bpr": LossEntry(BprOptions, ("click",)),
    "softmax": LossEntry(SoftmaxOptions, ("click",)),
}
