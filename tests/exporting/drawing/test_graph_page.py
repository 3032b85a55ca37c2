"""A graph as a page: every node counted, layers that repeat once, no page too large to open."""

import math
import re
from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from chainrule.exporting.drawing import page
from chainrule.exporting.drawing.folding import folded, repeated
from chainrule.exporting.drawing.layout import laid
from chainrule.exporting.drawing.nodes import read
from chainrule.exporting.drawing.picture import MOST_BOXES
from exporting_cases import image_graph


def model(nodes: Sequence[onnx.NodeProto], weights: dict[str, tuple[int, ...]], last: str) -> onnx.ModelProto:
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])
    answer = helper.make_tensor_value_info(last, TensorProto.FLOAT, ["batch", 4])
    tensors = [
        helper.make_tensor(name, TensorProto.FLOAT, shape, bytes(4 * math.prod(shape)), raw=True)
        for name, shape in weights.items()
    ]
    return helper.make_model(helper.make_graph(nodes, "g", [given], [answer], tensors))


def residual(layers: int) -> onnx.ModelProto:
    """x + relu(x W V), several times, and a last product."""
    nodes, weights, now = [], {"last": (4, 4)}, "x"
    for layer in range(layers):
        weights |= {f"w{layer}": (4, 8), f"v{layer}": (8, 4)}
        nodes += [
            helper.make_node("MatMul", [now, f"w{layer}"], [f"a{layer}"]),
            helper.make_node("Relu", [f"a{layer}"], [f"b{layer}"]),
            helper.make_node("MatMul", [f"b{layer}", f"v{layer}"], [f"c{layer}"]),
            helper.make_node("Add", [now, f"c{layer}"], [f"d{layer}"]),
        ]
        now = f"d{layer}"
    return model([*nodes, helper.make_node("MatMul", [now, "last"], ["y"])], weights, "y")


def test_what_a_graph_holds() -> None:
    found = read(residual(3))
    assert (found.inputs, found.outputs) == ({"x": "float32 [batch, 4]"}, {"y": "float32 [batch, 4]"})
    assert found.operators == {"MatMul": 7, "Relu": 3, "Add": 3}
    assert (found.tensors, found.numbers) == (7, 3 * 64 + 16)
    assert found.nodes[0].weights == ((4, 8),)
    assert found.nodes[3].inputs == ("x", "c0")


def test_layers_that_repeat_are_drawn_once() -> None:
    small = folded(read(residual(50)))
    assert small.stacks == [(50, 4)]
    assert [([node.operator for node in box.nodes], box.times) for box in small.boxes] == [
        (["MatMul", "Relu", "MatMul"], 50),
        (["Add"], 50),
        (["MatMul"], 1),
    ]
    assert small.edges == [(0, 1), (1, 2)]
    assert small.sources == [("x", 0), ("x", 1)]
    assert small.sinks == [(2, "y")]
    assert sum(len(box.nodes) * box.times for box in small.boxes) == 201


def test_a_layer_of_another_width_is_another_layer() -> None:
    nodes, weights, now = [], {}, "x"
    for layer, width in enumerate((8, 8, 16, 16)):
        weights |= {f"w{layer}": (4, width), f"v{layer}": (width, 4)}
        nodes += [
            helper.make_node("MatMul", [now, f"w{layer}"], [f"a{layer}"]),
            helper.make_node("Relu", [f"a{layer}"], [f"b{layer}"]),
            helper.make_node("MatMul", [f"b{layer}", f"v{layer}"], [f"c{layer}"]),
            helper.make_node("Sigmoid", [f"c{layer}"], [f"d{layer}"]),
        ]
        now = f"d{layer}"
    small = folded(read(model(nodes, weights, now)))
    assert [(box.times, len(box.nodes)) for box in small.boxes] == [(2, 4), (2, 4)]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([1, 2, 3, 4], None),
        ([1, 1], None),
        ([1, 2, 1, 2], None),
        ([9, 1, 2, 1, 2, 1, 2, 8], (1, 2, 3)),
        ([5, 5, 5, 5, 5], (0, 1, 5)),
        ([], None),
    ],
)
def test_what_repeats(codes: list[int], expected: tuple[int, int, int] | None) -> None:
    assert repeated(np.array(codes, dtype=np.int64)) == expected


def test_boxes_stand_below_what_they_take_and_not_over_one_another() -> None:
    widths = [60.0, 80.0, 100.0, 60.0, 60.0, 70.0]
    edges = [(0, 1), (0, 2), (0, 5), (1, 3), (2, 3), (3, 5), (4, 5)]
    found = laid(widths, edges)
    assert all(found.layer[one] < found.layer[other] for one, other in edges)
    assert found.layer[4] == found.layer[5] - 1  # takes nothing: near what it is for
    assert min(middle - wide / 2 for middle, wide in zip(found.middle, widths, strict=True)) >= -0.01
    for one in range(6):
        for other in range(one):
            if found.layer[one] == found.layer[other]:
                assert abs(found.middle[one] - found.middle[other]) >= (widths[one] + widths[other]) / 2
    assert len(found.ways) == len(edges)
    assert not found.far


def test_branches_are_counted_and_what_they_take_is_an_edge() -> None:
    inner = helper.make_node("Add", ["a", "a"], ["inner"])
    value = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
    branch = helper.make_graph([inner], "branch", [], [value])
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Constant", [], ["yes"], value=helper.make_tensor("c", TensorProto.BOOL, [], [True])),
        helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch),
    ]
    found = read(model(nodes, {}, "y"))
    assert found.operators == {"Relu": 1, "Constant": 1, "If": 1, "Add": 2}
    assert [node.operator for node in found.nodes] == ["Relu", "If"]
    assert found.nodes[1].inputs == ("a",)


def test_thousands_of_nodes_are_a_page_that_opens() -> None:
    generator = np.random.default_rng(0)
    nodes, weights, made = [], {}, ["x"]
    for place in range(3000):  # no two alike, wired at random
        weights[f"w{place}"] = (place + 1,)
        one, other = (made[max(0, len(made) - 1 - int(back))] for back in generator.integers(0, 30, 2))
        nodes.append(helper.make_node("Sum", [one, other, f"w{place}"], [f"t{place}"]))
        made.append(f"t{place}")
    html = page.to_html("large", model(nodes, weights, made[-1]))
    assert len(html) < 1_000_000
    assert f"the first {MOST_BOXES} of " in html


def test_the_page_of_an_exported_model() -> None:
    graph = image_graph()
    html = page.to_html("digits", graph)
    assert html == page.to_html("digits", graph)
    assert not re.search(r"<script|https?://(?!www\.w3\.org)", html)
    for value in (*graph.graph.input, *graph.graph.output):
        assert f">{value.name}</text>" in html
        assert f"<td>{value.name}</td>" in html
    assert 'role="img"' in html
