"""Smaller and faster forms of a graph: int8 for CPUs, fp16 for GPUs. Whether one ships is decided in `gate`."""

import copy
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainrule.exporting.graph import strip

if TYPE_CHECKING:
    import onnx

Feed = dict[str, np.ndarray]

# Named, because the quantiser's own list is a set: its order, another in every process, must not reach the bytes.
STATIC = [
    "Add", "AveragePool", "Clip", "Concat", "Conv", "Flatten", "Gemm", "GlobalAveragePool", "MatMul", "MaxPool", "Mul",
    "Relu", "Reshape",
]  # fmt: skip


def is_convolutional(graph: "onnx.ModelProto") -> bool:
    """Return whether convolutions hold more weights than matrix products do."""
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in graph.graph.initializer}

    def weights(*kinds: str) -> int:
        return sum(sizes.get(name, 0) for node in graph.graph.node if node.op_type in kinds for name in node.input)

    return weights("Conv") > weights("MatMul", "Gemm")


def int8(graph: "onnx.ModelProto", feeds: Iterable[Feed]) -> bytes:
    """Return the graph with weights of eight bits: static for conv nets, dynamic for all others.

    feeds: batches of training rows, by input name, that show how large a conv net's activations get. Weights use
    seven of the eight bits: without VNNI, x86 sums pairs of products in 16 bits, which eight would overflow, and
    where a bundle will be served is not known where it is made.
    """
    from onnxruntime.quantization import QuantType, quant_utils, quantize_dynamic, quantize_static

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "model.onnx", Path(folder) / "int8.onnx"
        marked = copy.deepcopy(graph)
        quant_utils.add_pre_process_metadata(marked)  # or the quantiser asks for what the exporter has done already
        source.write_bytes(marked.SerializeToString())
        if is_convolutional(graph):
            quantize_static(
                source,
                target,
                _Reader(iter(feeds)),
                op_types_to_quantize=STATIC,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        else:
            quantize_dynamic(source, target, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
        return _serialised(_load(target))


def fp16(graph: "onnx.ModelProto") -> bytes:
    """Return the graph computing in half precision, its inputs and outputs as they were."""
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.transformers.float16 import convert_float_to_float16

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one for every weight that half precision rounds to nothing
        half = convert_float_to_float16(copy.deepcopy(graph), keep_io_types=True)
    ordered = ONNXModel(half)
    ordered.topological_sort()  # the converter appends its casts at the end
    return _serialised(ordered.model)


class _Reader:
    """Feeds in the form that the calibration asks for."""

    def __init__(self, feeds: Iterator[Feed]) -> None:
        self._feeds = feeds

    def get_next(self) -> Feed | None:
        return next(self._feeds, None)


def _load(path: Path) -> "onnx.ModelProto":
    import onnx

    return onnx.load(path)


def _serialised(graph: "onnx.ModelProto") -> bytes:
    strip(graph)
    content: bytes = graph.SerializeToString(deterministic=True)
    return content
