"""How answers of token classification are scored: as spans are."""

from chainrule.evaluation.scores import spans as measure

__all__ = ["measure"]
