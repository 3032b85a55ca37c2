"""The Open Inference Protocol v2 over REST, with Triton's binary tensor data: bytes to arrays and back.

Pure functions. In arrays, BYTES elements are `str` (ONNX strings are UTF-8) and BF16 elements are their 16 bits as
uint16, for NumPy has no such float. FP16 and BF16 travel as binary data only, as the extension says.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from itertools import chain
from math import prod
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import orjson

from chainrule.serving import parsing
from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits
from chainrule.serving.signature import Tensor

EXTENSIONS = ("binary_tensor_data", "generate", "model_repository", "statistics")

# Little-endian types of binary data, and the codes of `struct` that check and convert numbers of JSON three times as
# fast as NumPy does: they refuse texts, null, a fraction for an integer, and what does not fit.
BINARY = {
    "BOOL": "?", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "<i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "BF16": "<u2",
}  # fmt: skip
_DTYPES = {name: np.dtype(code) for name, code in BINARY.items()}
_CODES = {
    "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q",
    "FP32": "f", "FP64": "d",
}  # fmt: skip
_FLOATS = {"FP16", "FP32", "FP64"}
_BINARY_ONLY = {"FP16", "BF16"}

_ID_CHARACTERS = 1_000
_PIECE = 256 * 1024  # elements that are converted in one step: other threads run in between


class Wanted(NamedTuple):
    """An output to be returned."""

    tensor: Tensor
    binary: bool


class Request(NamedTuple):
    """A decoded inference request: every input of the model, checked."""

    id: str | None
    inputs: dict[str, np.ndarray]
    outputs: list[Wanted]
    by_field: bool = False
    """Whether the inputs are the model's fields as they are before they become the graph's inputs."""
    explain: object = None
    """How the answer is to be explained, as it was sent; None: not."""
    parameters: Mapping[str, Any] = MappingProxyType({})
    """Of the request, as they were sent."""


def decode(
    body: bytes,
    header_length: int | None,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    limits: Limits,
    fields: Sequence[Tensor] = (),
) -> Request:
    """Decode the body of an inference request for a model with these inputs and outputs.

    fields: what may come in place of the inputs.
    header_length: value of Inference-Header-Content-Length, the bytes of JSON before the binary data; with 0 the body
    is one item for the only input, and all outputs are returned as binary data.
    Raises Refusal (400, or 413 for what is too large).
    """
    if header_length == 0:
        array = _raw(memoryview(body), inputs, limits)
        return Request(None, array, [Wanted(tensor, binary=True) for tensor in outputs])
    head, tail = body, memoryview(b"")
    if header_length is not None:
        if not 0 <= header_length <= len(body):
            raise _bad(f"Inference-Header-Content-Length is {header_length}, the body has {len(body)} bytes", "header")
        head, tail = body[:header_length], memoryview(body)[header_length:]
    content = parsing.parse(head, limits)
    # A letter is found a hundred times as fast as a word, and numbers have none of these.
    truths = (b"r" in head and b"true" in head) or (b"l" in head and b"false" in head)
    entries = content.get("inputs")
    by_field = _is_by_field(entries, inputs, fields)
    arrays = _inputs(entries, tail, fields if by_field else inputs, limits, truths)
    identifier = content.get("id")
    if identifier is not None and (type(identifier) is not str or len(identifier) > _ID_CHARACTERS):
        raise _bad(f"id must be a text of at most {_ID_CHARACTERS} characters", "request")
    parameters = _parameters(content, "the request")
    wanted = _wanted(content.get("outputs"), outputs, flag(parameters, "binary_data_output", False))
    return Request(identifier, arrays, wanted, by_field, parameters.get("explain"), parameters)


def encode(
    name: str,
    version: str,
    identifier: str | None,
    outputs: Sequence[tuple[Wanted, np.ndarray]],
    parameters: Mapping[str, str] = MappingProxyType({}),
) -> tuple[int | None, bytes]:
    """Encode the answer: the bytes of JSON before binary data (None if there is none), and the body.

    parameters: what is to be said beside, such as notes on the inputs.
    Raises Refusal (400) if an output that is wanted as JSON cannot be said in JSON.
    """
    answer: dict[str, Any] = {"model_name": name, "model_version": version}
    if identifier is not None:
        answer["id"] = identifier
    if parameters:
        answer["parameters"] = dict(parameters)
    tensors = answer["outputs"] = []
    binaries = []
    for (tensor, binary), array in outputs:
        said: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": array.shape}
        if binary:
            binaries.append(_to_binary(tensor.datatype, array))
            said["parameters"] = {"binary_data_size": len(binaries[-1])}
        else:
            said["data"] = _to_json(tensor, array)
        tensors.append(said)
    head = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    return (len(head), b"".join((head, *binaries))) if binaries else (None, head)


def metadata(tensor: Tensor) -> dict[str, Any]:
    """Return a tensor's metadata: -1 where a size varies."""
    shape = [-1 if size is None else size for size in tensor.shape]
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": shape}


def _is_by_field(entries: Any, inputs: Sequence[Tensor], fields: Sequence[Tensor]) -> bool:
    """Whether a request names a field, and no input of the graph of that type, first."""
    if not fields or type(entries) is not list or not entries or type(entries[0]) is not dict:
        return False
    name, datatype = entries[0].get("name"), entries[0].get("datatype")
    if not any(field.name == name for field in fields):
        return False
    # A field that is called like an input comes beside others that are no inputs of the graph.
    beside = len(fields) > 1 and datatype == "BYTES"
    return all(tensor.name != name or (beside and tensor.datatype != datatype) for tensor in inputs)


def _inputs(
    entries: Any, tail: memoryview, inputs: Sequence[Tensor], limits: Limits, truths: bool
) -> dict[str, np.ndarray]:
    """Read every input. truths: the JSON has a true or a false somewhere."""
    if type(entries) is not list or not entries:
        raise _bad("inputs must be a list of tensors", "request")
    expected = {tensor.name: tensor for tensor in inputs}
    arrays: dict[str, np.ndarray] = {}
    at = 0
    for entry in entries:
        name = entry.get("name") if type(entry) is dict else None
        tensor = expected.get(name) if type(name) is str else None
        if tensor is None or name is None:
            raise _bad(f"there is no input {_short(name)}; the inputs are {', '.join(expected)}", "input")
        if name in arrays:
            raise _bad(f"input {name} is given twice", "input")
        if entry.get("datatype") != tensor.datatype:
            raise _bad(f"input {name} is of type {tensor.datatype}, not {_short(entry.get('datatype'))}", "datatype")
        shape = _shape(entry.get("shape"), tensor, limits)
        size = _parameters(entry, name).get("binary_data_size") if "parameters" in entry else None
        if size is None:
            arrays[name] = _from_json(entry.get("data"), tensor, shape, limits, truths)
            continue
        if type(size) is not int or not 0 <= size <= len(tail) - at:
            raise _bad(
                f"input {name}: binary_data_size is {_short(size)}, but {len(tail) - at} bytes are left after the "
                "JSON (Inference-Header-Content-Length says where it ends)",
                "binary",
            )
        if "data" in entry:
            raise _bad(f"input {name} has both data and binary_data_size", "binary")
        arrays[name] = _from_binary(tail[at : at + size], tensor, shape, limits)
        at += size
    if lacking := next((name for name in expected if name not in arrays and not expected[name].optional), None):
        raise _bad(f"input {lacking} is missing", "input")
    if at != len(tail):
        raise _bad(f"{len(tail) - at} bytes of binary data belong to no input", "binary")
    return arrays


def _raw(data: memoryview, inputs: Sequence[Tensor], limits: Limits) -> dict[str, np.ndarray]:
    """Read a body without JSON, Triton's raw binary request: its size says the one that varies beside the batch."""
    tensor = inputs[0]
    varying = tensor.shape[1:].count(None)
    if len(inputs) != 1 or varying > 1 or (tensor.datatype == "BYTES" and tensor.shape[1:] not in ((), (1,), (None,))):
        raise _bad("a body without JSON is for models of one input with at most one varying size", "binary")
    if tensor.datatype == "BYTES":
        element = len(data).to_bytes(4, "little") + bytes(data)
        return {tensor.name: _from_binary(memoryview(element), tensor, [1] * len(tensor.shape), limits)}
    known = prod(size for size in tensor.shape[1:] if size is not None)
    rest = len(data) // (known * _DTYPES[tensor.datatype].itemsize)
    shape = _shape([1, *(rest if size is None else size for size in tensor.shape[1:])], tensor, limits)
    return {tensor.name: _from_binary(data, tensor, shape, limits)}


def _shape(shape: Any, tensor: Tensor, limits: Limits) -> list[int]:
    """Check a shape; whether the varying sizes of several inputs agree is the model's to say."""
    if type(shape) is not list or len(shape) != len(tensor.shape):
        raise _bad(f"input {tensor.name} has the shape {_form(tensor)}, not {_short(shape)}", "shape")
    for size, fixed in zip(shape, tensor.shape, strict=True):
        if type(size) is not int or size < 1 or (fixed is not None and size != fixed):
            raise _bad(f"input {tensor.name} has the shape {_form(tensor)}, not {_short(shape)}", "shape")
    if prod(shape) > limits.elements:
        raise Refusal(413, f"input {tensor.name}: the server takes {limits.elements:,} elements", "too_large")
    return shape


def _from_json(data: Any, tensor: Tensor, shape: list[int], limits: Limits, truths: bool) -> np.ndarray:
    """Make an array of a flat list or of lists nested as the shape says."""
    name, datatype = tensor.name, tensor.datatype
    if datatype in _BINARY_ONLY:
        raise _bad(f"input {name}: {datatype} has no form in JSON; send it as binary data", "datatype")
    if type(data) is not list:
        raise _bad(f"input {name}: data must be a list", "data")
    if type(data[0] if data else None) is list:
        data = _flat(data, name, shape)
    count = prod(shape)
    if len(data) != count:
        raise _bad(f"input {name}: the shape {shape} asks for {count} elements, data has {len(data)}", "data")
    if datatype == "BYTES":
        return _texts(data, name, shape, limits)
    if datatype == "BOOL":
        if set(map(type, data)) != {bool}:
            raise _bad(f"input {name}: data must be true or false", "data")
        return np.array(data, bool).reshape(shape)
    code = _CODES[datatype]
    if tensor.gaps:
        data = [math.nan if each is None else each for each in data]
    try:
        if truths and bool in set(map(type, data)):  # which `struct` takes for 0 and 1
            raise struct.error
        if count <= _PIECE:
            packed = struct.pack(f"<{count}{code}", *data)
        else:
            pieces = (data[at : at + _PIECE] for at in range(0, count, _PIECE))
            packed = b"".join(struct.pack(f"<{len(piece)}{code}", *piece) for piece in pieces)
    except (struct.error, OverflowError):
        raise _bad(f"input {name}: data has an element that is no {datatype}", "data") from None
    return np.frombuffer(packed, _DTYPES[datatype]).reshape(shape)


def _flat(data: list[Any], name: str, shape: list[int]) -> list[Any]:
    """Flatten lists whose nesting agrees with the leading axes of the shape."""
    axis = 0
    while type(data[0] if data else None) is list:
        rest = prod(shape[axis + 1 :])
        fits = axis + 1 < len(shape) and len(data) == prod(shape[: axis + 1])
        width = len(data[0])
        if not fits or width not in (shape[axis + 1], rest):
            raise _bad(f"input {name}: data is not nested as its shape {shape} says", "data")
        for row in data:
            if type(row) is not list or len(row) != width:
                raise _bad(f"input {name}: data is not nested as its shape {shape} says", "data")
        data = list(chain.from_iterable(data))
        axis += 1
    return data


def _from_binary(data: memoryview, tensor: Tensor, shape: list[int], limits: Limits) -> np.ndarray:
    name, datatype = tensor.name, tensor.datatype
    if datatype == "BYTES":
        return _binary_texts(data, name, shape, limits)
    dtype = _DTYPES[datatype]
    count = prod(shape)
    if len(data) != count * dtype.itemsize:
        raise _bad(f"input {name}: {datatype} {shape} takes {count * dtype.itemsize} bytes, not {len(data)}", "binary")
    array = np.frombuffer(data, dtype).reshape(shape)
    if not array.flags.aligned:
        array = array.copy()
    if tensor.gaps:
        finite = not np.isinf(array).any()
    elif datatype in _FLOATS:
        finite = np.isfinite(array).all()
    elif datatype == "BF16":
        finite = ((array & 0x7F80) != 0x7F80).all()
    elif datatype == "BOOL":
        if array.view(np.uint8).max() > 1:
            raise _bad(f"input {name}: a BOOL is a byte 0 or 1", "binary")
        return array
    else:
        return array
    if not finite:
        raise _bad(f"input {name} has a NaN or an infinity", "not_finite")
    return array


def _texts(data: list[Any], name: str, shape: list[int], limits: Limits) -> np.ndarray:
    array = np.empty(len(data), object)
    for index, text in enumerate(data):
        if type(text) is not str:
            raise _bad(f"input {name}: data must be texts", "data")
        if len(text) > limits.characters:
            raise Refusal(413, f"input {name}: a text may have {limits.characters:,} characters", "too_large")
        array[index] = text
    return array.reshape(shape)


def _binary_texts(data: memoryview, name: str, shape: list[int], limits: Limits) -> np.ndarray:
    """Read BYTES: 4 bytes of length before each element."""
    texts: list[str] = []
    at, count = 0, prod(shape)
    for _ in range(count):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        if at + 4 > len(data) or end > len(data):
            raise _bad(f"input {name}: binary data ends within an element", "binary")
        try:
            texts.append(str(data[at + 4 : end], "utf-8"))
        except UnicodeDecodeError:
            raise _bad(f"input {name}: an element is not UTF-8", "data") from None
        at = end
    if at != len(data):
        raise _bad(f"input {name}: {len(data) - at} bytes of binary data after the last element", "binary")
    return _texts(texts, name, shape, limits)


def _wanted(entries: Any, outputs: Sequence[Tensor], all_binary: bool) -> list[Wanted]:
    """Return what is to be returned; all outputs if none are named."""
    if not entries:
        if entries not in (None, []):
            raise _bad("outputs must be a list", "request")
        wanted = [Wanted(tensor, all_binary) for tensor in outputs]
    else:
        if type(entries) is not list:
            raise _bad("outputs must be a list", "request")
        known = {tensor.name: tensor for tensor in outputs}
        wanted = []
        for entry in entries:
            name = entry.get("name") if type(entry) is dict else None
            tensor = known.pop(name, None) if type(name) is str else None
            if tensor is None:
                names = ", ".join(tensor.name for tensor in outputs)
                raise _bad(f"no output {_short(name)}, or it is named twice; the outputs are {names}", "output")
            parameters = _parameters(entry, tensor.name)
            if parameters.get("classification"):
                raise _bad("the classification extension is not supported; ask for the output itself", "parameters")
            wanted.append(Wanted(tensor, flag(parameters, "binary_data", all_binary)))
    for tensor, binary in wanted:
        if not binary and tensor.datatype in _BINARY_ONLY:
            raise _bad(
                f"output {tensor.name}: {tensor.datatype} has no form in JSON; set binary_data or binary_data_output",
                "datatype",
            )
    return wanted


def _to_json(tensor: Tensor, array: np.ndarray) -> Any:
    if tensor.datatype == "BYTES":
        return array.ravel().tolist()
    if tensor.datatype in _FLOATS and not np.isfinite(array).all():
        raise _bad(
            f"output {tensor.name} is not finite: the inputs are beyond what the model can take, and JSON has no such "
            "number; ask for binary data to see it",
            "not_finite",
        )
    return array.ravel()


def _to_binary(datatype: str, array: np.ndarray) -> bytes:
    if datatype == "BYTES":
        texts = [text.encode() for text in array.ravel().tolist()]
        return b"".join(chain.from_iterable((len(text).to_bytes(4, "little"), text) for text in texts))
    return array.astype(_DTYPES[datatype], copy=False).tobytes()


def _parameters(entry: dict[str, Any], what: str) -> dict[str, Any]:
    """Return the parameters of a request, an input or an output; what no extension here knows is ignored."""
    parameters = entry.get("parameters")
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise _bad(f"{what}: parameters must be an object", "parameters")
    if "shared_memory_region" in parameters:
        raise _bad(f"{what}: shared memory is not supported; send the data", "parameters")
    return parameters


def flag(parameters: dict[str, Any], name: str, default: bool) -> bool:
    """Return a parameter that is true or false. Raises Refusal for anything else."""
    value = parameters.get(name, default)
    if type(value) is not bool:
        raise _bad(f"{name} must be true or false", "parameters")
    return value


def _bad(message: str, reason: str) -> Refusal:
    return Refusal(400, message, reason)


def _short(value: Any) -> str:
    """Say a value of any size in a few words."""
    if type(value) in (list, dict):
        return repr(value) if len(value) <= 8 and not any(type(each) in (list, dict, str) for each in value) else "this"
    return repr(value[:100] if type(value) is str else value)


def _form(tensor: Tensor) -> str:
    return "[" + ", ".join(axis or str(size) for size, axis in zip(tensor.shape, tensor.axes, strict=True)) + "]"
