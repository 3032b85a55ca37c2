"""How answers of detection are scored: as boxes are."""

from chainrule.evaluation.scores import boxes as measure

__all__ = ["measure"]
