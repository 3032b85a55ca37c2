"""What a page shows of question answering: what it shows of answers."""

from chainrule.evaluation.figures.answer import BESIDE, grouped, notes, pictures, tables, warnings, worst

__all__ = ["BESIDE", "grouped", "notes", "pictures", "tables", "warnings", "worst"]
