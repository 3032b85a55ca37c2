"""What an ONNX file would have ONNX Runtime open besides itself, found in its bytes: nothing may. And how it rounds.

An ONNX file is a protobuf. Weights may lie in other files (TensorProto.external_data), and an EPContext node may name a
compiled blob by path. Both are looked for by walking the messages that can hold a tensor or a node, so neither the
onnx package nor a parse of the weights is needed.
"""

from collections.abc import Iterator
from pathlib import Path

from chainrule.system.errors import DataError

# message -> field number -> message, for every path from a model to a tensor or a node (onnx.proto3).
_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _TENSOR, _SPARSE, _FUNCTION, _TRAINING = range(8)
_INSIDE: dict[int, dict[int, int]] = {
    _MODEL: {7: _GRAPH, 20: _TRAINING, 25: _FUNCTION},
    _TRAINING: {1: _GRAPH, 2: _GRAPH},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
}
_OP_TYPE = 4  # of a node
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of a tensor
_DEPTH = 64  # of graphs within graphs


# They scale what they round by the largest of the whole tensor, whose first axis is the batch.
_SCALED_BY_BATCH = {b"DynamicQuantizeLinear", b"DynamicQuantizeMatMul", b"DynamicQuantizeLSTM"}


def refuse_outside(data: bytes, path: Path) -> None:
    """Raise DataError if the graph would read another file, or cannot be read as ONNX at all."""
    try:
        for message, field, value in _walk(memoryview(data), _MODEL, 0):
            if message == _TENSOR and (field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value != 0)):
                raise DataError(f"{path}: a weight lies in another file; export it with external_data=False")
            if message == _NODE and field == _OP_TYPE and _bytes(value) == b"EPContext":
                raise DataError(f"{path}: an EPContext node may name another file; export the graph itself")
    except (IndexError, ValueError) as error:
        raise DataError(f"{path}: not an ONNX file ({error}); export the bundle again") from None


def scales_by_batch(data: bytes) -> bool:
    """Return whether a graph that was not refused rounds by a scale that hangs on all that is in its batch."""
    walk = _walk(memoryview(data), _MODEL, 0)
    return any(
        message == _NODE and field == _OP_TYPE and _bytes(value) in _SCALED_BY_BATCH for message, field, value in walk
    )


def _bytes(value: int | memoryview) -> bytes:
    return bytes(value) if isinstance(value, memoryview) else b""


def _walk(data: memoryview, message: int, depth: int) -> Iterator[tuple[int, int, int | memoryview]]:
    """Yield kind of message, field number and value, of every message that may hold a tensor or a node."""
    if depth > _DEPTH:
        raise ValueError("graphs nested too deep")
    inside = _INSIDE.get(message, {})
    for field, value in _fields(data):
        yield message, field, value
        if field in inside and isinstance(value, memoryview):
            yield from _walk(value, inside[field], depth + 1)


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield field number and value: an integer for a varint, the bytes for everything else."""
    place, end = 0, len(data)
    while place < end:
        key, place = _varint(data, place)
        field, kind = key >> 3, key & 7
        if kind == 0:
            value, place = _varint(data, place)
            yield field, value
            continue
        if kind == 2:
            size, place = _varint(data, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if place + size > end:
            raise ValueError("cut off")
        yield field, data[place : place + size]
        place += size


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number too long")
