"""What the model itself sees: the input of its last linear layer, read out of the exported graph."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.serving import offline, tiles
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import onnx

    from chainrule.serving.bundle import Bundle

Inputs = dict[str, np.ndarray]

LINEAR = ("Gemm", "MatMul")
# What may stand between the last linear layer and the answer: a bias, the calibration's temperature, a unit, a cast.
PASSED = ("Add", "Sub", "Mul", "Div", "Identity", "Cast", "Squeeze")


class Outputs(NamedTuple):
    """What a model made of N rows."""

    answers: Sequence[dict[str, np.ndarray]]
    """By the names of the graph's outputs, of rows that follow one another; of rows of unlike size one by one."""
    features: np.ndarray
    """float64 [N, D]: the input of the last linear layer, or the first output itself."""
    penultimate: bool
    """False where the graph has no such layer before its first output, so that `features` are that."""


def penultimate(model: "onnx.ModelProto", output: str) -> str | None:
    """Return the name of what goes into the last Gemm or MatMul that makes `output`; None where none is found."""
    makers = {name: node for node in model.graph.node for name in node.output}
    fixed = {tensor.name for tensor in model.graph.initializer}
    fixed |= {name for name, node in makers.items() if node.op_type == "Constant"}
    name = output
    while name in makers:
        node = makers[name]
        varying = [given for given in node.input if given and given not in fixed]
        if len(varying) != 1:
            return None
        if node.op_type in LINEAR:
            # x @ W: the rows come first, the weights do not vary. A Gemm that turns x is another thing.
            turned = any(part.name == "transA" and part.i for part in node.attribute)
            return varying[0] if node.input[0] == varying[0] and not turned else None
        if node.op_type not in PASSED:
            return None
        name = varying[0]
    return None


def of_writer(bundle: "Bundle", rows: Sequence[Inputs]) -> Outputs:
    """Return what a model that writes made of encoded rows, [1, ...] each: its texts, or what given texts cost to tell.

    Its features are what its encoder gives of a source, the mean over the tokens of what the last layer is shown; of a
    causal model the first output for a row. Raises ChainruleError as `run` does.
    """
    from chainrule.serving import answered

    path = bundle.variants["fp32"]
    graphs = answered.sessions(bundle, "fp32", name=path)
    found = offline.answers(answered.of_rows(bundle, graphs, path), rows, bundle.padding)
    offline.refuse_not_finite(found, path)
    if len(graphs) == 1:
        return Outputs([found], _by_row(next(iter(found.values())).astype(np.float64)), penultimate=False)
    values = [tensor.name for tensor in bundle.graphs["model"][1] if tensor.name.startswith("cross_value_")][-1]
    encode = offline.runner(graphs["model"], path, [values])
    features = [encode(row)[values][0].mean(axis=1).ravel() for row in rows]  # no row has padding of its own
    return Outputs([found], np.stack(features).astype(np.float64), penultimate=True)


def run(
    graph: bytes, path: Path, rows: Sequence[Inputs], signature: dict[str, Any], kept: offline.Run | None = None
) -> Outputs:
    """Run a bundle's graph on encoded rows, [1, ...] each.

    graph: the content of `path`, which errors name; signature: the bundle's; kept: makes of answers that are
    as large as their rows what is kept of them. Raises ChainruleError if the graph cannot be read, cannot take the rows
    or answers with what is no number.
    """
    import onnx

    try:
        model = onnx.load_from_string(graph)
    except Exception as error:  # protobuf has its own, which has no stubs
        raise DataError(f"{path}: not an ONNX graph ({error}); export it again") from None
    outputs = [tensor["name"] for tensor in signature["outputs"]]
    layer = penultimate(model, outputs[0])
    if layer is not None and layer not in {value.name for value in model.graph.output}:
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(layer))
    session = offline.session(model.SerializeToString(), path)
    wanted = outputs if layer is None or layer in outputs else [*outputs, layer]
    run_graph = offline.runner(session, path, wanted)
    if kept is not None:
        return _one_by_one(tiles.around(run_graph, signature), path, rows, outputs[0], kept)
    found = offline.answers(run_graph, rows, signature.get("padding", {}))
    offline.refuse_not_finite(found, path)
    features = found[outputs[0] if layer is None else layer].astype(np.float64)
    if layer is None or features.ndim != 2:
        layer, features = None, _by_row(found[outputs[0]].astype(np.float64))
    return Outputs([{name: found[name] for name in outputs}], features, layer is not None)


def _by_row(answers: np.ndarray) -> np.ndarray:
    """Return answers [N, ...] as [N, D]; of those to every position of a row the mean, without positions of zeros."""
    if answers.ndim <= 2:
        return answers.reshape(len(answers), -1)
    positions = answers.reshape(len(answers), -1, answers.shape[-1])
    there = np.abs(positions).sum(axis=2, keepdims=True) > 0
    return np.asarray((positions * there).sum(axis=1) / np.maximum(there.sum(axis=1), 1))


def _one_by_one(
    run_graph: offline.Run, path: Path, rows: Sequence[Inputs], output: str, kept: offline.Run | None
) -> Outputs:
    """Return the answers to rows of unlike size, as large as these; the first output's means stand for features."""
    told, means = [], []
    for row in rows:
        found = run_graph(dict(row))
        offline.refuse_not_finite(found, path)
        first = found[output].astype(np.float64)
        means.append(first.reshape(*first.shape[:2], -1).mean(axis=2))
        told.append(found if kept is None else kept(found))
    return Outputs(told, np.concatenate(means), False)
