"""How answers of multi-label classification are scored: as sets of labels are."""

from chainrule.evaluation.scores import labels as measure

__all__ = ["measure"]
