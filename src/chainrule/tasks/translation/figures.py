"""What a page shows of translations: what it shows of texts that were written."""

from chainrule.evaluation.figures.wording import BESIDE, notes, pictures, tables, warnings, worst

__all__ = ["BESIDE", "notes", "pictures", "tables", "warnings", "worst"]
