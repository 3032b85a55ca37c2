"""How answers of recommendation are scored: as ratings are."""

from chainrule.evaluation.scores import rating as measure

__all__ = ["measure"]
