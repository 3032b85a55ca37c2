"""The page of a bundle's graph."""

from typing import TYPE_CHECKING

from chainrule.evaluation import page
from chainrule.evaluation.shown import Table, Word
from chainrule.exporting.drawing.folding import Folded, folded
from chainrule.exporting.drawing.nodes import Graph, read
from chainrule.exporting.drawing.picture import MOST_BOXES, picture

if TYPE_CHECKING:
    import onnx

STYLE = "figure{text-align:left}@media print{figure svg{width:100%;height:auto}}"


def to_html(recipe: str, model: "onnx.ModelProto") -> str:
    """Return a page with the graph of a model: a picture, its inputs and outputs, its operators."""
    graph = read(model)
    small = folded(graph)
    opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)
    facts = {
        "nodes": f"{len(graph.nodes):,}",
        "weights and constants": f"{graph.tensors:,} with {graph.numbers:,} numbers",
        "opset": str(opset),
    }
    said = "".join(f'<p class="note">{sentence}</p>' for sentence in in_words(graph, small))
    drawn = f'{said}<figure class="wide"><div class="scroll">{picture(small)}</div></figure>'
    ends = [(Word("input"), name, kind) for name, kind in graph.inputs.items()]
    ends += [(Word("output"), name, kind) for name, kind in graph.outputs.items()]
    operators = [(Word(name), f"{count:,}") for name, count in graph.operators.most_common()]
    sections = [
        page.section("Inputs and outputs", page.table(Table("", ("", "name", "type and shape"), ends))),
        page.section("Graph", drawn),
        page.section("Operators", page.table(Table("", ("operator", "nodes"), operators, tall=True))),
    ]
    return page.document(recipe, f"{recipe}: graph", "ONNX graph", facts, sections, style=STYLE)


def in_words(graph: Graph, small: Folded) -> list[str]:
    """Return what is to be known of the picture: what a box is, and what was folded or left out."""
    boxes = (
        "Each box holds nodes that follow one another, with the shape of their weights; blue: with a matrix or a "
        "filter. Weights and constants are no boxes."
    )
    found = [boxes]
    if small.stacks:
        told = ", ".join(f"{times} × {size} nodes" for times, size in small.stacks[:6])
        more = f" and {len(small.stacks) - 6} more" if len(small.stacks) > 6 else ""
        found.append(
            f"Layers that follow one another and look the same are drawn once, and marked ×: {told}{more}. What one of "
            "them gives to the next is not drawn."
        )
    shown = sum(len(box.nodes) for box in small.boxes[:MOST_BOXES])
    if len(small.boxes) > MOST_BOXES:
        found.append(
            f"The graph is too large for one picture: the first {MOST_BOXES} of {len(small.boxes):,} boxes are drawn, "
            f"with {shown:,} of {len(graph.nodes):,} nodes."
        )
    return found
