"""An ONNX graph as plain data: what each node takes and gives; weights and constants are counted, not nodes."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import onnx


class Node(NamedTuple):
    """A node; inputs and outputs: names of tensors. weights: shapes of the weights that it takes."""

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[tuple[int, ...], ...]


class Graph(NamedTuple):
    """A graph; inputs and outputs: type and shape by name. operators: how many there are, those in branches too.

    tensors: how many weights and constants; numbers: how many numbers in them.
    """

    inputs: dict[str, str]
    outputs: dict[str, str]
    nodes: list[Node]
    operators: Counter[str]
    tensors: int
    numbers: int


def read(model: "onnx.ModelProto") -> Graph:
    """Return what a model's graph holds; nodes in the order of the file, in which each stands behind what it takes."""
    graph = model.graph
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    constants = {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    nodes = []
    for node in graph.node:
        if node.op_type == "Constant":
            continue
        taken = tuple(dict.fromkeys((*node.input, *_captured(node))))
        nodes.append(
            Node(
                _operator(node),
                node.name,
                tuple(name for name in taken if name and name not in weights and name not in constants),
                tuple(name for name in node.output if name),
                tuple(weights[name] for name in taken if name in weights),
            )
        )
    inputs = [value for value in graph.input if value.name not in weights]
    return Graph(
        {value.name: _typed(value) for value in inputs},
        {value.name: _typed(value) for value in graph.output},
        nodes,
        Counter(_operator(node) for node in _all(graph.node)),
        len(weights) + len(constants),
        sum(map(math.prod, weights.values())),
    )


def _operator(node: "onnx.NodeProto") -> str:
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"


def _branches(node: "onnx.NodeProto") -> "Iterator[onnx.GraphProto]":
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _all(nodes: "Iterable[onnx.NodeProto]") -> "Iterator[onnx.NodeProto]":
    """Yield nodes and those in the branches of If, Loop and Scan."""
    for node in nodes:
        yield node
        for branch in _branches(node):
            yield from _all(branch.node)


def _captured(node: "onnx.NodeProto") -> list[str]:
    """Return the tensors that a node's branches take from the graph around them."""
    found = []
    for branch in _branches(node):
        own = {value.name for value in (*branch.input, *branch.initializer)}
        for inner in branch.node:
            found += [name for name in (*inner.input, *_captured(inner)) if name not in own]
            own |= set(inner.output)
    return found


def _typed(value: "onnx.ValueInfoProto") -> str:
    """Return a tensor's type and shape in words: float32 [batch, 10]."""
    import onnx

    tensor = value.type.tensor_type
    sizes = ", ".join(size.dim_param or str(size.dim_value) for size in tensor.shape.dim)
    return f"{onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)} [{sizes}]"
