"""What a page shows of sets of labels: what it shows of every label."""

from chainrule.evaluation.figures.labels import BESIDE, notes, pictures, tables, warnings, worst

__all__ = ["BESIDE", "notes", "pictures", "tables", "warnings", "worst"]
