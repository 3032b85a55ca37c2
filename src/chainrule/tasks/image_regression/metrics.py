"""How answers of image regression are scored: as numbers are."""

from chainrule.evaluation.scores import number as measure

__all__ = ["measure"]
