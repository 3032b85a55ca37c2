"""The strategies of fine-tuning by name: what each takes in params.yaml under `finetune.strategy`."""

from typing import Any, NamedTuple

from chainrule.recipes.file import Section


class FullOptions(Section):
    """Every weight learns."""


class HeadOnlyOptions(Section):
    """Only the classifier on top learns."""


DEFAULTS: dict[str, dict[str, Any]] = {
    "full": {},
    "head_only": {},
}
"""What each starts with; a literal, of which dvc.yaml lists the recipe's strategy."""


class StrategyEntry(NamedTuple):
    """What the check of params.yaml knows of a strategy."""

    options: type[Section]


STRATEGIES: dict[str, StrategyEntry] = {
    "full": StrategyEntry(FullOptions),
    "head_only": StrategyEntry(HeadOnlyOptions),
}
