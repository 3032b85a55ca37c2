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


class TagsOptions(Section):
    """The log loss of the tag of each word, of which spans are made."""

    pieces: Literal["first", "all"] = Field(
        description="which tokens of a word learn its tag: the first, by which it is told, or all"
    )


DEFAULTS: dict[str, dict[str, Any]] = {
    "cross_entropy": {"class_weights": "none"},
    "focal": {"gamma": 2.0, "class_weights": "none"},
    "dice": {"cross_entropy": 1.0, "class_weights": "none"},
    "huber": {"delta": 1.0},
    "mse": {},
    "mae": {},
    "token_cross_entropy": {},
    "tags": {"pieces": "first"},
    "span_likelihood": {},
    "next_token": {},
}
"""What each starts with; a literal, which dvc.yaml lists."""


class LossEntry(NamedTuple):
    """What the check of params.yaml knows of a loss."""

    options: type[Section]
    targets: tuple[str, ...]
    """The kinds of targets that it is a loss of."""


LOSSES: dict[str, LossEntry] = {
    "cross_entropy": LossEntry(CrossEntropyOptions, ("label", "labels", "mask")),
    "dice": LossEntry(DiceOptions, ("mask",)),
    "focal": LossEntry(FocalOptions, ("label", "labels", "mask")),
    "huber": LossEntry(HuberOptions, ("number",)),
    "mse": LossEntry(MseOptions, ("number",)),
    "mae": LossEntry(MaeOptions, ("number",)),
    "token_cross_entropy": LossEntry(TokenCrossEntropyOptions, ("wording",)),
    "tags": LossEntry(TagsOptions, ("spans",)),
    "span_likelihood": LossEntry(SpanLikelihoodOptions, ("answer",)),
    "next_token": LossEntry(NextTokenOptions, ("continuation",)),
}
