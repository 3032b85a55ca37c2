"""Smaller and faster forms of a graph: int8 for CPUs, fp16 for GPUs. Whether one ships is decided in `gate`."""

import copy
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
PRODUCTS = ["MatMul", "Gemm"]
FIXED = "fixed."
"""What the names of weights begin with that nothing learns: the Fourier transform of a sound. It stays in float32."""


def is_convolutional(graph: "onnx.ModelProto") -> bool:
    """Return whether convolutions hold more weights than matrix products do."""
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in graph.graph.initializer}

    def weights(*kinds: str) -> int:
        return sum(
            sizes.get(name, 0)
            for node in graph.graph.node
            if node.op_type in kinds
            for name in node.input
            if not name.startswith(FIXED)
        )

    return weights("Conv") > weights("MatMul", "Gemm")


def as_it_is(graph: "onnx.ModelProto") -> list[str]:
    """Return the names of the nodes that stay in float32: those with FIXED weights, and all that comes before them.

    Powers of a spectrum reach over twelve powers of ten, of which eight bits keep two and half precision five.
    """
    makers = {name: node for node in graph.graph.node for name in node.output}
    waiting = [node for node in graph.graph.node if any(name.startswith(FIXED) for name in node.input)]
    found: set[str] = set()
    while waiting:
        node = waiting.pop()
        if node.name not in found:
            found.add(node.name)
            waiting += [makers[name] for name in node.input if name in makers]
    return sorted(found)


def smaller(name: str, graph: "onnx.ModelProto", feeds: Iterable[Feed]) -> bytes:
    """Return the graph as int8 or fp16; feeds: what int8 is calibrated by."""
    return int8(graph, feeds) if name == "int8" else fp16(graph)


def int8(graph: "onnx.ModelProto", feeds: Iterable[Feed]) -> bytes:
    """Return the graph with weights of eight bits, and activations by scales that are fixed here, by calibration.

    feeds: batches of training rows, by input name, that show how large activations get. Scales found while the graph
    runs (`quantize_dynamic`) are those of a whole batch: an answer would depend on what else is in it.
    Conv nets compute in eight bits throughout; all others in the products with weights, and look embeddings up in a
    table of eight bits.
    """
    from onnxruntime.quantization import QuantType, quant_utils, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        source, looked_up, target = (Path(folder) / name for name in ("fp32.onnx", "gather.onnx", "int8.onnx"))
        marked = copy.deepcopy(graph)
        quant_utils.add_pre_process_metadata(marked)  # or the quantiser asks for what the exporter has done already
        source.write_bytes(marked.SerializeToString())
        kept = as_it_is(graph)
        if is_convolutional(graph):
            _calibrate(source, target, feeds, op_types_to_quantize=STATIC, nodes_to_exclude=kept)
            return _serialised(_load(target))
        # Nothing of a table is scaled while it runs: its weights are quantised, once.
        quantize_dynamic(source, looked_up, op_types_to_quantize=["Gather"], weight_type=QuantType.QInt8)
        products = [name for name in _inner_products(_load(looked_up)) if name not in kept]
        if not products:  # to the quantiser an empty list is all nodes
            return _serialised(_load(looked_up))
        _calibrate(
            looked_up, target, feeds,
            op_types_to_quantize=PRODUCTS,
            nodes_to_quantize=products,
            extra_options={"OpTypesToExcludeOutputQuantization": PRODUCTS},
        )  # fmt: skip
        return _serialised(_with_float_residuals(_load(target)))


def _calibrate(source: Path, target: Path, feeds: Iterable[Feed], **options: Any) -> None:
    """Quantise statically. Weights use seven of the eight bits.

    Without VNNI, x86 sums pairs of products in 16 bits, which eight would overflow, and where a bundle will be served
    is not known where it is made.
    """
    from onnxruntime.quantization import QuantType, quantize_static

    quantize_static(
        source,
        target,
        _Reader(iter(feeds)),
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        **options,
    )


def _inner_products(graph: "onnx.ModelProto") -> list[str]:
    """Return the names of the products with weights, without the last: small, and its rounding would be the answer's.

    What pools a row before it differs in the last bit from batch to batch, which rounding to eight bits would amplify.
    """
    weights = {tensor.name for tensor in graph.graph.initializer if len(tensor.dims) == 2}
    return [node.name for node in graph.graph.node if node.op_type in PRODUCTS and node.input[1] in weights][:-1]


def _with_float_residuals(graph: "onnx.ModelProto") -> "onnx.ModelProto":
    """Return the graph with the rounded activations going into products alone.

    The quantiser hands them to whoever reads the same activation: what is added to a product's result would be
    rounded too.
    """
    rounds = {node.output[0]: node.input[0] for node in graph.graph.node if node.op_type == "QuantizeLinear"}
    exact = {
        node.output[0]: rounds[node.input[0]]
        for node in graph.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in rounds
    }
    for node in graph.graph.node:
        if node.op_type not in PRODUCTS:
            for place, name in enumerate(node.input):
                node.input[place] = exact.get(name, name)
    return graph


def fp16(graph: "onnx.ModelProto") -> bytes:
    """Return the graph computing in half precision, its inputs and outputs as they were."""
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.transformers.float16 import convert_float_to_float16

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one for every weight that half precision rounds to nothing
        half = convert_float_to_float16(copy.deepcopy(graph), keep_io_types=True, node_block_list=as_it_is(graph))
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
