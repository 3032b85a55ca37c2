"""How large a model is."""

from chainrule.evaluation import page
from chainrule.evaluation.parts import Part
from chainrule.evaluation.shown import Table
from chainrule.examination.looked import Looked


def part(looked: Looked) -> Part:
    """Return the number of parameters of each part of the model."""
    counts = {
        name: sum(parameter.numel() for parameter in part.parameters()) for name, part in looked.model.named_children()
    }
    body = page.table(Table("", ("part", "parameters"), [(name, f"{count:,}") for name, count in counts.items()]))
    return Part("Size", body, counts)
