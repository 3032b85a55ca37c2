"""What a page shows of word vectors: how well words are told by their texts."""

from chainrule.evaluation.figures.neighbours import BESIDE, marked, notes, pictures, tables, warnings, worst

__all__ = ["BESIDE", "marked", "notes", "pictures", "tables", "warnings", "worst"]
