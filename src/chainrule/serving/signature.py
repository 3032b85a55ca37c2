"""What a bundle's signature says, or it is refused: fields, inputs and outputs, how it decodes, bounds of values."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chainrule.exporting.bundle import DECODER, MODEL, TOKENIZER
from chainrule.exporting.signature import VERSION, version_2
from chainrule.fields import windows
from chainrule.serving import tiles
from chainrule.serving.decoding import rules, settings
from chainrule.system import plugins
from chainrule.system.errors import DataError
from chainrule.tasks.catalogue import TASKS
from chainrule.tasks.field import Field

# The protocol's names for ONNX's types.
DATATYPES = {
    "BOOL": "BOOL", "STRING": "BYTES", "BFLOAT16": "BF16", "FLOAT16": "FP16", "FLOAT": "FP32", "DOUBLE": "FP64",
    **{f"{sign}INT{bits}": f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)},
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """An input or an output."""

    name: str
    datatype: str
    """The protocol's name: FP32, INT64, UINT8, BYTES, ..."""
    shape: tuple[int | None, ...]
    """None where the size varies; the first axis is the batch and always varies."""
    axes: tuple[str, ...]
    """A name per axis: inputs with an axis of the same name must agree on its size; "" for a fixed axis."""
    gaps: bool = False
    """Whether NaN (in JSON null) says that a value is missing."""
    optional: bool = False
    """Whether a request may do without it, as long as there is another."""


@dataclass(frozen=True)
class Said:
    """What a signature says of a model, checked."""

    signature: dict[str, Any]
    """As `exporting.signature` describes it, whatever version the bundle has."""
    fields: tuple[Field, ...]
    """The columns of a row; a request brings those whose role is "input"."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    graphs: dict[str, tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]
    """Inputs and outputs of each graph: `model`, and `decoder` where there is one."""
    decoding: dict[str, Any] | None
    """How it writes token by token (see `serving.decoding`); None if it does not."""
    padding: dict[str, int | float]
    """What fills the varying axes of an input when items of unlike size run together."""
    highest: dict[str, int | list[int]]
    """The largest value that an input may have, where the bundle says one, or that of each column of its last axis; the
    smallest is then 0."""


def read(data: bytes, tokenizer: str | None, path: Path) -> Said:
    """Return what the signature at `path` says. tokenizer: content of the bundle's tokenizer.json.

    Raises DataError, with the file and the remedy, if it is not as export writes it.
    """
    signature = _signature(data, path)
    inputs = _tensors(signature, "inputs", path)
    outputs = _tensors(signature, "outputs", path)
    fields = _fields(signature, path)
    _check_task(signature, fields, path)
    if fault := tiles.fault(signature):
        raise DataError(f"{path}: {fault}; export the bundle again")
    gaps = _of_parts("gaps", signature, fields, set())
    decoding = _decoding(signature, fields, path)
    return Said(
        signature=signature,
        fields=fields,
        inputs=tuple(replace(tensor, gaps=tensor.name in gaps) for tensor in inputs),
        outputs=outputs,
        graphs=_graphs(signature, inputs, outputs, decoding, path),
        decoding=decoding,
        padding=_padding(signature, inputs, path),
        highest={
            **_of_parts("highest", signature, fields, {}),
            **(_highest(tokenizer, inputs, path.with_name(TOKENIZER)) if tokenizer else {}),
        },
    )


def _json(data: bytes, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON ({error}); export the bundle again") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: not a JSON object; export the bundle again")
    return content


def _signature(data: bytes, path: Path) -> dict[str, Any]:
    """Return the signature as this version has it. Raises DataError for one of a version that is not known here."""
    signature = version_2(_json(data, path))
    version = signature["version"]
    if version != VERSION:
        raise DataError(
            f"{path}: a signature of version {version!r:.20}, here is {VERSION}; serve it with a newer Chainrule, or "
            "export the bundle again"
        )
    for name, kind in (("fields", list), ("target", dict), ("preprocessing", dict)):
        if not isinstance(signature.get(name), kind):
            raise DataError(f"{path}: {name} are missing or not as export writes them; export the bundle again")
    if not all(isinstance(rules, dict) for rules in signature["preprocessing"].values()):
        raise DataError(f"{path}: preprocessing is not by field; export the bundle again")
    return signature


def _tensors(signature: dict[str, Any], which: str, path: Path) -> tuple[Tensor, ...]:
    """Return the signature's inputs or outputs; the first axis of each must vary, it is the batch."""
    found: list[Tensor] = []
    try:
        for entry in signature[which]:
            shape = tuple(axis if isinstance(axis, int) else None for axis in entry["shape"])
            axes = tuple("" if isinstance(axis, int) else str(axis) for axis in entry["shape"])
            found.append(Tensor(str(entry["name"]), DATATYPES[entry["type"]], shape, axes))
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: {which} are not as export writes them ({error!r}); export the bundle again") from None
    if not found or len({tensor.name for tensor in found}) < len(found):
        raise DataError(f"{path}: {which} are missing or named twice; export the bundle again")
    for tensor in found:
        if not tensor.shape or tensor.shape[0] is not None or tensor.axes[0] != found[0].axes[0]:
            raise DataError(f"{path}: the first axis of {tensor.name} is no batch that varies; export it with one")
        if any(size is not None and size < 1 for size in tensor.shape):
            raise DataError(f"{path}: {tensor.name} has an axis of no size; export the bundle again")
    return tuple(found)


def _fields(signature: dict[str, Any], path: Path) -> tuple[Field, ...]:
    """Return the fields of a row; each input of a kind that a server takes must say how it is prepared."""
    try:
        fields = tuple(
            Field(str(each["name"]), str(each["kind"]), each["role"], each.get("optional", False) is True)
            for each in signature["fields"]
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: fields are not as export writes them ({error!r}); export the bundle again") from None
    # One column may be given and told.
    twice = len({(field.name, field.role) for field in fields}) < len(fields)
    if twice or {field.role for field in fields} - {"input", "target"}:
        raise DataError(f"{path}: a field is named twice, or has no role; export the bundle again")
    return fields


def _check_task(signature: dict[str, Any], fields: tuple[Field, ...], path: Path) -> None:
    """Refuse a bundle that names a task whose plain route could answer nothing with it."""
    task = signature.get("task")
    if not isinstance(task, str | None):
        raise DataError(f"{path}: the task is not a text; export the bundle again")
    if task not in TASKS:
        return
    asked = [field.name for field in fields if field.role == "input"]
    modality = signature.get("modality")
    known = plugins.load(f"tasks.{task}", "fields")
    expected = known.fields(modality) if modality in known.MODALITIES else ()
    if fields != expected or set(signature["preprocessing"]) != set(asked):
        raise DataError(
            f"{path}: {task} of {modality!r} has the fields {_named(expected)}, each input with its preprocessing; "
            f"here are {_named(fields)}, with preprocessing of {', '.join(signature['preprocessing']) or 'none'}; "
            "export the bundle again"
        )
    try:
        plugins.load(f"tasks.{task}", "service").check(signature)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _named(fields: tuple[Field, ...]) -> str:
    return ", ".join(field.name for field in fields) or "none"


def _of_parts(what: str, signature: dict[str, Any], fields: tuple[Field, ...], nothing: Any) -> Any:
    """Return what the only input field of a known task says of the graph's inputs; `nothing` where none says so."""
    asked = [field for field in fields if field.role == "input"]
    if signature.get("task") not in TASKS or len(asked) != 1:
        return nothing
    part = plugins.load("serving.parts", asked[0].kind)
    return getattr(part, what)(signature["preprocessing"][asked[0].name]) if hasattr(part, what) else nothing


def _decoding(signature: dict[str, Any], fields: tuple[Field, ...], path: Path) -> dict[str, Any] | None:
    """Return how a model writes, checked; None if it does not."""
    block = signature.get("decoding")
    if block is None:
        return None
    problem = f"{path}: decoding is not as export writes it"
    if not isinstance(block, dict) or block.get("graph") not in (MODEL, DECODER):
        raise DataError(f"{problem}; export the bundle again")
    try:
        found = rules.of_signature(block)
        settings.read(block.get("defaults", {}), settings.Settings())
        tokens = [*found.start, *found.end, *found.never, *(() if found.first is None else (found.first,))]
        whole = all(type(each) is int and 0 <= each < 2**31 for each in (*tokens, found.positions))
    except (DataError, TypeError, ValueError) as error:
        raise DataError(f"{problem} ({error}); export the bundle again") from None
    if not whole or not found.start or sum(field.role == "input" for field in fields) != 1:
        raise DataError(f"{problem}: it names a token that is none, no start, or writes from more than one field")
    return block


def _graphs(
    signature: dict[str, Any],
    inputs: tuple[Tensor, ...],
    outputs: tuple[Tensor, ...],
    decoding: dict[str, Any] | None,
    path: Path,
) -> dict[str, tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]:
    """Return the graphs' inputs and outputs: one graph, which are the model's own, but of a model that writes."""
    if decoding is None:
        return {MODEL: (inputs, outputs)}
    named = signature.get("graphs")
    wanted = {MODEL, decoding["graph"]}
    if (
        not isinstance(named, dict)
        or set(named) != wanted
        or not all(isinstance(each, dict) for each in named.values())
    ):
        raise DataError(f"{path}: graphs must be {' and '.join(sorted(wanted))}; export the bundle again")
    found = {name: (_tensors(each, "inputs", path), _tensors(each, "outputs", path)) for name, each in named.items()}
    given, gives = ({tensor.name for tensor in side} for side in found[decoding["graph"]])
    if not {"input_ids", "attention_mask"} <= given or "logits" not in gives:
        raise DataError(f"{path}: the graph that decodes lacks input_ids, attention_mask or logits")
    return found


def _padding(signature: dict[str, Any], inputs: tuple[Tensor, ...], path: Path) -> dict[str, int | float]:
    padding = signature.get("padding", {})
    names = {tensor.name for tensor in inputs}
    if (
        not isinstance(padding, dict)
        or not set(padding) <= names
        or not all(type(value) in (int, float) for value in padding.values())
    ):
        raise DataError(f"{path}: padding names no input or no number; export the bundle again")
    return padding


def _highest(tokenizer: str, inputs: tuple[Tensor, ...], path: Path) -> dict[str, int | list[int]]:
    """Return the largest token that the tokenizer knows, 1 for the mask of real tokens, and bounds of places by column.

    Nobody else may look: on a GPU a token beyond the embeddings is answered with whatever lies there.
    """
    try:
        content = json.loads(tokenizer)
        vocabulary = content["model"]["vocab"]
        tokens = vocabulary.values() if isinstance(vocabulary, dict) else range(len(vocabulary))
        most = max([*tokens, *(token["id"] for token in content.get("added_tokens", []))])
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        most = None
    if type(most) is not int:
        raise DataError(f"{path}: its vocabulary is not readable; export the bundle again")
    known: dict[str, int | list[int]] = {
        "input_ids": most,
        "attention_mask": 1,
        "token_type_ids": 1,
        "places": windows.HIGHEST,
    }
    return {tensor.name: known[tensor.name] for tensor in inputs if tensor.name in known and "INT" in tensor.datatype}
