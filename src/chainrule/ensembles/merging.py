"""The graphs of several bundles as one: the inputs once, every member behind them, their mean at the end."""

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from chainrule.exporting.graph import strip
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import onnx


def merged(
    graphs: Sequence[bytes], names: Sequence[str], kind: ModuleType, weighs: np.ndarray, known: dict[str, float]
) -> "onnx.ModelProto":
    """Return one graph with the inputs of these graphs, which are all the same, and the outputs of `kind`.

    names: of the members, for errors; kind: `ensembles.label` or `ensembles.number`; weighs [K], none 0; known: its
    constants. The same graphs give the same bytes. Raises DataError for graphs of unlike versions of ONNX.
    """
    import onnx
    from onnx import compose

    members = [onnx.load_from_string(graph) for graph in graphs]
    for name, member in zip(names, members, strict=True):
        if _versions(member) != _versions(members[0]):
            raise DataError(f"{names[0]} and {name} are of unlike versions of ONNX: export both again")
    prefixes = [f"member{place}_" for place in range(len(members))]
    found = _front(members[0], prefixes)
    for prefix, member in zip(prefixes, members, strict=True):
        inside = compose.add_prefix(member, prefix)
        found = compose.merge_models(found, inside, [(each.name, each.name) for each in inside.graph.input])
    back = _back(members[0], prefixes, kind.OUTPUTS, kind.nodes(prefixes, weighs, known))
    found = compose.merge_models(
        found,
        back,
        [(each.name, each.name) for each in back.graph.input],
        outputs=list(kind.OUTPUTS),
    )
    strip(found)
    found.producer_name = found.producer_version = ""
    found.graph.name = "ensemble"
    onnx.checker.check_model(found)
    return found


def _versions(model: "onnx.ModelProto") -> tuple[int, list[tuple[str, int]]]:
    return model.ir_version, sorted((each.domain, each.version) for each in model.opset_import)


def _front(member: "onnx.ModelProto", prefixes: Sequence[str]) -> "onnx.ModelProto":
    """Return a graph that hands each input on under every prefix."""
    from onnx import helper

    inputs = list(member.graph.input)
    nodes = [
        helper.make_node("Identity", [each.name], [f"{prefix}{each.name}"]) for prefix in prefixes for each in inputs
    ]
    return _model(member, nodes, inputs, [_renamed(each, prefix) for prefix in prefixes for each in inputs])


def _back(
    member: "onnx.ModelProto", prefixes: Sequence[str], outputs: Sequence[str], nodes: "list[onnx.NodeProto]"
) -> "onnx.ModelProto":
    """Return a graph from every member's outputs to those of the ensemble."""
    own = [each for each in member.graph.output if each.name in outputs]
    return _model(member, nodes, [_renamed(each, prefix) for prefix in prefixes for each in own], own)


def _model(
    like: "onnx.ModelProto",
    nodes: "list[onnx.NodeProto]",
    inputs: "list[onnx.ValueInfoProto]",
    outputs: "list[onnx.ValueInfoProto]",
) -> "onnx.ModelProto":
    from onnx import helper

    graph = helper.make_graph(nodes, "ensemble", inputs, outputs)
    return helper.make_model(graph, opset_imports=like.opset_import, ir_version=like.ir_version)


def _renamed(value: "onnx.ValueInfoProto", prefix: str) -> "onnx.ValueInfoProto":
    import onnx

    found = onnx.ValueInfoProto()
    found.CopyFrom(value)
    found.name = f"{prefix}{value.name}"
    return found
