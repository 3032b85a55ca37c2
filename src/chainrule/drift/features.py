"""What the model itself sees: the input of its last linear layer, read out of the exported graph."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import onnx

Inputs = dict[str, np.ndarray]

BATCH = 64
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
    """Run a bundle's graph on encoded rows, [1, ...] each, in batches of rows of like size.

    graph: the content of `path`, which errors name; signature: the bundle's. Raises DataError if the graph cannot be
    read, or cannot take the rows.
    """
    import onnx

    try:
        model = onnx.load_from_string(graph)
    except Exception as error:  # protobuf has its own, which has no stubs
        raise DataError(f"{path}: not an ONNX graph ({error}); export it again") from None
    (logits,) = (entry["name"] for entry in signature["outputs"])
    layer = penultimate(model, logits)
    if layer is not None and layer not in {value.name for value in model.graph.output}:
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(layer))
    found = _outputs(model.SerializeToString(), path, rows, signature, [logits] if layer is None else [logits, layer])
    scores, features = found[0], found[-1]
    if features.ndim != 2:
        layer, features = None, scores
    if not (np.isfinite(scores).all() and np.isfinite(features).all()):
        raise DataError(f"{path}: answers with numbers that are not finite; train and export it again")
    return Outputs(scores, features, layer is not None)


def _outputs(
    graph: bytes, path: Path, rows: Sequence[Inputs], signature: dict[str, Any], names: list[str]
) -> list[np.ndarray]:
    import onnxruntime

    padding = signature.get("padding", {})
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        order = sorted(range(len(rows)), key=lambda index: tuple(array.shape for array in rows[index].values()))
        parts = []
        for start in range(0, len(rows), BATCH):
            batch = [rows[index] for index in order[start : start + BATCH]]
            fed = {name: _together([row[name] for row in batch], padding.get(name, 0)) for name in batch[0]}
            parts.append(session.run(names, fed))
    except Exception as error:  # ONNX Runtime has no common class of its own
        raise DataError(f"{path}: ONNX Runtime fails on it: {' '.join(str(error).split())[:300]}") from None
    found = []
    for place in range(len(names)):
        sorted_rows = np.concatenate([part[place] for part in parts]).astype(np.float64)
        back = np.empty_like(sorted_rows)
        back[order] = sorted_rows
        found.append(back)
    return found


def _together(arrays: Sequence[np.ndarray], padding: float) -> np.ndarray:
    """Put [1, ...] arrays into one, each filled up to the largest."""
    shape = tuple(max(sizes) for sizes in zip(*(array.shape[1:] for array in arrays), strict=True))
    batch: np.ndarray = np.full((len(arrays), *shape), padding, arrays[0].dtype)
    for index, array in enumerate(arrays):
        place: tuple[int | slice, ...] = (index, *(slice(size) for size in array.shape[1:]))
        batch[place] = array[0]
    return batch
