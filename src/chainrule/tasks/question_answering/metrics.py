"""How answers to questions are scored: as SQuAD scores them."""

from chainrule.evaluation.scores import answer as measure

__all__ = ["measure"]
