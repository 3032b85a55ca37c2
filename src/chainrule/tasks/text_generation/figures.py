"""What a page shows of text generation: what it shows of texts that go on."""

from chainrule.evaluation.figures.continuation import BESIDE, marked, notes, pictures, tables, warnings, worst

__all__ = ["BESIDE", "marked", "notes", "pictures", "tables", "warnings", "worst"]
