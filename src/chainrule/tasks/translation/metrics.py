"""How answers of translation are scored: as texts beside what a person wrote."""

from chainrule.evaluation.scores import wording as measure

__all__ = ["measure"]
