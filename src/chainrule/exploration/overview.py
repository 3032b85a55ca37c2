"""What the inputs hold, field by field."""

from html import escape

from chainrule.evaluation.parts import Part
from chainrule.exploration.looked import Looked
from chainrule.system import plugins


def part(looked: Looked) -> Part:
    """Return what the inputs' kind shows of each field."""
    kind = plugins.load("exploration.inputs", looked.block["modality"])
    several = len(looked.columns.inputs) > 1
    look_at: list[str] = []
    bodies, numbers = [], {}
    for column in looked.columns.inputs:
        found: Part = kind.overview(looked, column.name)
        bodies.append((f"<h3>{escape(column.name)}</h3>" if several else "") + found.body)
        said = found.numbers.get("look_at", [])
        look_at += [f"{column.name}: {each}" for each in said] if several else said
        numbers[column.name] = {name: value for name, value in found.numbers.items() if name != "look_at"}
    return Part("Inputs", "".join(bodies), {**numbers, "look_at": look_at})
