"""What the model itself sees: the input of its last linear layer, read out of the exported graph."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.serving import offline
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import onnx

Inputs = dict[str, np.ndarray]

LINEAR = ("Gemm", "MatMul")
# What may stand between the last linear layer and the logits: a bias, the calibration's temperature, a cast.
PASSED = ("Add", "Sub", "Mul", "Div", "Identity", "Cast")


class Outputs(NamedTuple):
    """What a model made of N rows."""

    logits: np.ndarray
    """float64 [N, C]"""
    features: np.ndarray
    """float64 [N, D]: the input of the last linear layer, or the logits themselves."""
    penultimate: bool
    """False where the graph has no such layer before its logits, so that `features` are the logits."""


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


def run(graph: bytes, path: Path, rows: Sequence[Inputs], signature: dict[str, Any]) -> Outputs:
    """Run a bundle's graph on encoded rows, [1, ...] each.

    graph: the content of `path`, which errors name; signature: the bundle's. Raises ChainruleError if the graph cannot
    be read, cannot take the rows or answers with what is no number.
    """
    import onnx

    try:
        model = onnx.load_from_string(graph)
    except Exception as error:  # protobuf has its own, which has no stubs
        raise DataError(f"{path}: not an ONNX graph ({error}); export it again") from None
    logits = signature["outputs"][0]["name"]
    layer = penultimate(model, logits)
    if layer is not None and layer not in {value.name for value in model.graph.output}:
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(layer))
    session = offline.session(model.SerializeToString(), path)
    wanted = [logits] if layer is None else [logits, layer]
    found = offline.answers(offline.runner(session, path, wanted), rows, signature.get("padding", {}))
    offline.refuse_not_finite(found, path)
    scores = found[logits].astype(np.float64)
    features = scores if layer is None else found[layer].astype(np.float64)
    if features.ndim != 2:
        layer, features = None, scores
    return Outputs(scores, features, layer is not None)
