"""The strategies of fine-tuning by name: what each takes in params.yaml under `finetune.strategy`."""

from typing import Any, NamedTuple

from pydantic import Field

from chainrule.recipes.file import Section


class FullOptions(Section):
    """Every weight learns."""


class HeadOnlyOptions(Section):
    """Only the head on top learns."""


class GradualOptions(Section):
    """The head learns first, then from the top more of the net in every epoch (ULMFiT)."""

    per_epoch: int = Field(ge=1, le=1000, description="layers that begin to learn at the end of each epoch")


class DiscriminativeOptions(Section):
    """Lower layers learn more slowly (ULMFiT)."""

    decay: float = Field(gt=0, le=1, description="a layer's learning rate as a share of that of the layer above")


DEFAULTS: dict[str, dict[str, Any]] = {
    "full": {},
    "head_only": {},
    "gradual": {"per_epoch": 1},
    "discriminative": {"decay": 0.8},
}
"""What each starts with; a literal, of which dvc.yaml lists the recipe's strategy."""


class StrategyEntry(NamedTuple):
    """What the check of params.yaml knows of a strategy."""

    options: type[Section]


STRATEGIES: dict[str, StrategyEntry] = {
    "full": StrategyEntry(FullOptions),
    "head_only": StrategyEntry(HeadOnlyOptions),
    "gradual": StrategyEntry(GradualOptions),
    "discriminative": StrategyEntry(DiscriminativeOptions),
}
