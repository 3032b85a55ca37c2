"""A bundle as the server takes it: every file listed and hashed, every graph whole in itself, or it is refused."""

import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chainrule.exporting.signature import VERSION, version_2
from chainrule.fields import windows
from chainrule.serving import graph, tiles
from chainrule.serving.decoding import rules, settings
from chainrule.system import plugins
from chainrule.system.errors import DataError
from chainrule.tasks.catalogue import TASKS
from chainrule.tasks.field import Field

GRAPH, SIGNATURE, CARD, TOKENIZER, SUMS = (
    "model.onnx", "signature.json", "MODEL_CARD.md", "tokenizer.json", "SHA256SUMS",
)  # fmt: skip
VARIANT_FILES = {"fp32": GRAPH, "int8": "model.int8.onnx", "fp16": "model.fp16.onnx"}
MODEL, DECODER = "model", "decoder"
GRAPH_FILES = {
    (graph, variant): file.replace(MODEL, graph)
    for graph in (MODEL, DECODER)
    for variant, file in VARIANT_FILES.items()
}
"""The file of a graph's variant; a decoder is there where a model writes from what its encoder read."""
CARD_DATA = "model_card.json"
KNOWN = {SIGNATURE, CARD, CARD_DATA, TOKENIZER, *GRAPH_FILES.values()}
# Files are read whole. A graph is a protobuf, which ends at 2 GiB; nothing else in a bundle is large.
GRAPH_BYTES, JSON_BYTES = 2 * 1024**3, 64 * 1024 * 1024
# The protocol's names for ONNX's types.
DATATYPES = {
    "BOOL": "BOOL", "STRING": "BYTES", "BFLOAT16": "BF16", "FLOAT16": "FP16", "FLOAT": "FP32", "DOUBLE": "FP64",
    **{f"{sign}INT{bits}": f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)},
}  # fmt: skip
BY_BATCH = "its scales are those of a whole batch, so that an answer would depend on what shares it; export it again"
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_.-]+)")


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


@dataclass(frozen=True)
class Bundle:
    """What a bundle's directory says, checked. Weights are not held: a session reads them from `variants`."""

    name: str
    version: str
    folder: Path
    digest: str
    """sha256 of SHA256SUMS, which names every byte of the bundle."""
    signature: dict[str, Any]
    """As `exporting.signature` describes it, whatever version the bundle has."""
    fields: tuple[Field, ...]
    """The columns of a row; a request brings those whose role is "input"."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    card: str
    """The model card, Markdown."""
    tokenizer: str | None
    """Content of tokenizer.json."""
    variants: dict[str, Path]
    """The graph's file by variant: fp32, int8, fp16."""
    graphs: dict[str, tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]
    """Inputs and outputs of each graph: `model`, and `decoder` where there is one."""
    decoding: dict[str, Any] | None
    """How it writes token by token (see `serving.decoding`); None if it does not."""
    left_out: dict[str, str]
    """Why a variant that is there is not to be served."""
    sums: dict[str, str]
    """sha256 by file name."""
    padding: dict[str, int | float]
    """What fills the varying axes of an input when items of unlike size run together."""
    highest: dict[str, int | list[int]]
    """The largest value that an input may have, where the bundle says one, or that of each column of its last axis; the
    smallest is then 0."""


def read(folder: Path, name: str, version: str) -> Bundle:
    """Read and check the bundle in `folder`.

    Raises DataError, with the file and the remedy, if it is not to be trusted.
    """
    listing, sums = _sums(folder)
    content: dict[str, bytes] = {}
    files: dict[tuple[str, str], Path] = {}
    left_out: dict[str, str] = {}
    graph_of = {file: key for key, file in GRAPH_FILES.items()}
    for file, expected in sums.items():
        data = _checked(folder / file, expected)
        if file in graph_of:
            graph.refuse_outside(data, folder / file)
            files[graph_of[file]] = folder / file
            variant = graph_of[file][1]
            if variant != "fp32" and graph.scales_by_batch(data):
                left_out[variant] = BY_BATCH
        else:
            content[file] = data
    for file in (GRAPH, SIGNATURE, CARD):
        if file not in sums:
            raise DataError(f"{folder / file}: missing from the bundle; export it again")
    signature = _signature(content[SIGNATURE], folder / SIGNATURE)
    inputs = _tensors(signature, "inputs", folder)
    outputs = _tensors(signature, "outputs", folder)
    fields = _fields(signature, folder / SIGNATURE)
    _check_task(signature, fields, folder / SIGNATURE)
    if fault := tiles.fault(signature):
        raise DataError(f"{folder / SIGNATURE}: {fault}; export the bundle again")
    gaps = _of_parts("gaps", signature, fields, set())
    tokenizer = _text(content[TOKENIZER], folder / TOKENIZER) if TOKENIZER in content else None
    decoding = _decoding(signature, fields, folder)
    graphs = _graphs(signature, inputs, outputs, decoding, folder)
    declared = _declared(signature, files, set(graphs), folder)
    return Bundle(
        name=name,
        version=version,
        folder=folder,
        digest=hashlib.sha256(listing).hexdigest(),
        signature=signature,
        fields=fields,
        inputs=tuple(replace(tensor, gaps=tensor.name in gaps) for tensor in inputs),
        outputs=outputs,
        card=_text(content[CARD], folder / CARD),
        tokenizer=tokenizer,
        variants={name: path for name, path in declared.items() if name not in left_out},
        graphs=graphs,
        decoding=decoding,
        left_out=left_out,
        sums=sums,
        padding=_padding(signature, inputs, folder),
        highest={
            **_of_parts("highest", signature, fields, {}),
            **(_highest(tokenizer, inputs, folder) if tokenizer else {}),
        },
    )


CHARACTERS = "characters"
"""The axis of a text's code points, of which there are more than tokens."""


def longest(bundle: Bundle, axis: str = "") -> int | None:
    """Return the largest size of a varying axis, such as the tokens of a text; None if the signature names none."""
    rules = bundle.signature["preprocessing"].values()
    if axis == CHARACTERS:
        return max((each["normalise"]["max_characters"] for each in rules), default=None)
    found = [each.get("max_length") for each in rules] + [each.get("windows", {}).get("most") for each in rules]
    return max((most for most in found if isinstance(most, int)), default=None)


def asked(bundle: Bundle) -> tuple[Tensor, ...]:
    """Return the fields that a request brings as inputs of the protocol: a text, or the JSON of a row, per item."""
    return tuple(Tensor(field.name, "BYTES", (None,), ("items",)) for field in input_fields(bundle))


def input_fields(bundle: Bundle) -> tuple[Field, ...]:
    """Return the fields that a request brings, in their order."""
    return tuple(field for field in bundle.fields if field.role == "input")


def graph_bytes(bundle: Bundle, variant: str, graph: str = MODEL) -> bytes:
    """Return a graph of a variant, proven once more to be what was checked. Raises DataError if it changed."""
    path = bundle.folder / GRAPH_FILES[graph, variant]
    return _checked(path, bundle.sums[path.name])


def _sums(folder: Path) -> tuple[bytes, dict[str, str]]:
    """Return SHA256SUMS as it stands and as sha256 by file; refuse a directory with anything else in it."""
    if not folder.is_dir():
        raise DataError(f"{folder}: not found; export the bundle or promote a version of it")
    present = set()
    for path in folder.iterdir():
        if path.is_symlink():
            raise DataError(
                f"{path}: a link, where a bundle is plain files; if DVC made it, `dvc config cache.type reflink,copy` "
                f"and `dvc checkout --relink {folder}` put the file itself there"
            )
        if not path.is_file():
            raise DataError(f"{path}: not a plain file; a bundle is one directory of plain files, export it again")
        present.add(path.name)
    if SUMS not in present:
        raise DataError(f"{folder / SUMS}: not found; without its hashes a bundle is not served, export it again")
    listing = (folder / SUMS).read_bytes()
    sums = listed(listing, folder / SUMS)
    for file in sorted(present - {SUMS} - set(sums)):
        raise DataError(f"{folder / file}: not in {SUMS}; remove the file, nobody vouches for it")
    for file in sorted(set(sums) - present):
        raise DataError(f"{folder / file}: named in {SUMS} but missing; export the bundle again")
    for file in sorted(set(sums) - KNOWN):
        raise DataError(f"{folder / file}: no file of a bundle; it holds only {', '.join(sorted(KNOWN))}")
    return listing, sums


def listed(listing: bytes, path: Path) -> dict[str, str]:
    """Return sha256 by file from the content of SHA256SUMS. Raises DataError if a line is not readable."""
    sums: dict[str, str] = {}
    for line in listing.decode("utf-8", "replace").splitlines():
        found = _LINE.fullmatch(line)
        if found is None or found[2] in sums:
            raise DataError(f"{path}: not readable at {line[:80]!r}; export the bundle again")
        sums[found[2]] = found[1]
    return sums


def most_bytes(file: str) -> int:
    """Return how large a file of a bundle may be."""
    return GRAPH_BYTES if file in GRAPH_FILES.values() else JSON_BYTES


def _checked(path: Path, expected: str) -> bytes:
    try:
        size = path.stat().st_size
        if size > most_bytes(path.name):
            raise DataError(f"{path}: {size:,} bytes; at most {most_bytes(path.name):,} are read, export it again")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: not readable ({error.strerror}); export the bundle again") from None
    if hashlib.sha256(data).hexdigest() != expected:
        raise DataError(f"{path}: its sha256 is not the one in {SUMS}; export or download the bundle again")
    return data


def _json(data: bytes, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON ({error}); export the bundle again") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: not a JSON object; export the bundle again")
    return content


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8; export the bundle again") from None


def _tensors(signature: dict[str, Any], which: str, folder: Path) -> tuple[Tensor, ...]:
    """Return the signature's inputs or outputs; the first axis of each must vary, it is the batch."""
    path = folder / SIGNATURE
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


def _fields(signature: dict[str, Any], path: Path) -> tuple[Field, ...]:
    """Return the fields of a row; each input of a kind that a server takes must say how it is prepared."""
    try:
        fields = tuple(Field(str(each["name"]), str(each["kind"]), each["role"]) for each in signature["fields"])
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


def _declared(
    signature: dict[str, Any], files: dict[tuple[str, str], Path], graphs: set[str], folder: Path
) -> dict[str, Path]:
    """Return the variants that ship; what the signature declares and what is there must be the same."""
    declared = signature.get("variants", {"fp32": {"file": GRAPH}})
    variants = {variant: path for (name, variant), path in files.items() if name == MODEL}
    for name, variant in [(name, variant) for name in (MODEL, DECODER) for variant in {each for _, each in files}]:
        if ((name, variant) in files) != (name in graphs):
            found = "is one graph too many" if (name, variant) in files else "is missing from the bundle"
            raise DataError(f"{folder / GRAPH_FILES[name, variant]}: {found}; export it again")
    if not isinstance(declared, dict) or set(declared) != set(variants):
        raise DataError(
            f"{folder / SIGNATURE}: declares the variants {sorted(declared)}, the directory has {sorted(variants)}; "
            "export the bundle again"
        )
    return variants


def _decoding(signature: dict[str, Any], fields: tuple[Field, ...], folder: Path) -> dict[str, Any] | None:
    """Return how a model writes, checked; None if it does not."""
    block = signature.get("decoding")
    if block is None:
        return None
    problem = f"{folder / SIGNATURE}: decoding is not as export writes it"
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
    folder: Path,
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
        raise DataError(f"{folder / SIGNATURE}: graphs must be {' and '.join(sorted(wanted))}; export the bundle again")
    found = {
        name: (_tensors(each, "inputs", folder), _tensors(each, "outputs", folder)) for name, each in named.items()
    }
    given, gives = ({tensor.name for tensor in side} for side in found[decoding["graph"]])
    if not {"input_ids", "attention_mask"} <= given or "logits" not in gives:
        raise DataError(f"{folder / SIGNATURE}: the graph that decodes lacks input_ids, attention_mask or logits")
    return found


def _padding(signature: dict[str, Any], inputs: tuple[Tensor, ...], folder: Path) -> dict[str, int | float]:
    padding = signature.get("padding", {})
    names = {tensor.name for tensor in inputs}
    if (
        not isinstance(padding, dict)
        or not set(padding) <= names
        or not all(type(value) in (int, float) for value in padding.values())
    ):
        raise DataError(f"{folder / SIGNATURE}: padding names no input or no number; export the bundle again")
    return padding


def _highest(tokenizer: str, inputs: tuple[Tensor, ...], folder: Path) -> dict[str, int | list[int]]:
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
        raise DataError(f"{folder / TOKENIZER}: its vocabulary is not readable; export the bundle again")
    known: dict[str, int | list[int]] = {
        "input_ids": most,
        "attention_mask": 1,
        "token_type_ids": 1,
        "places": windows.HIGHEST,
    }
    return {tensor.name: known[tensor.name] for tensor in inputs if tensor.name in known and "INT" in tensor.datatype}
