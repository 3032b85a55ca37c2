"""How answers of audio classification are scored: as one label is."""

from chainrule.evaluation.scores import label as measure

__all__ = ["measure"]
