"""How word vectors are scored: by how well a word is told from strangers by its text."""

from chainrule.evaluation.scores import neighbours as measure

__all__ = ["measure"]
