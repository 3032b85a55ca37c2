"""How answers of segmentation are scored: as masks are."""

from chainrule.evaluation.scores import mask as measure

__all__ = ["measure"]
