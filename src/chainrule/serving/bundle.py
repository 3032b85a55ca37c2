"""A bundle as the server takes it: every file listed and hashed, every graph whole in itself, or it is refused."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from chainrule.exporting.bundle import (
    CARD,
    CARD_DATA,
    DECODER,
    DECODERS,
    FILES,
    GRAPH,
    MODEL,
    SIGNATURE,
    SUMS,
    TOKENIZER,
)
from chainrule.serving import graph, signature
from chainrule.serving.signature import Said, Tensor
from chainrule.system.errors import DataError
from chainrule.tasks.field import Field

GRAPH_FILES = {
    (graph, variant): file for graph, files in ((MODEL, FILES), (DECODER, DECODERS)) for variant, file in files.items()
}
"""The file of a graph's variant; a decoder is there where a model writes from what its encoder read."""
KNOWN = {SIGNATURE, CARD, CARD_DATA, TOKENIZER, *GRAPH_FILES.values()}
# Files are read whole. A graph is a protobuf, which ends at 2 GiB; nothing else in a bundle is large.
GRAPH_BYTES, JSON_BYTES = 2 * 1024**3, 64 * 1024 * 1024
BY_BATCH = "its scales are those of a whole batch, so that an answer would depend on what shares it; export it again"
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_.-]+)")


@dataclass(frozen=True)
class Bundle(Said):
    """What a bundle's directory says, checked. Weights are not held: a session reads them from `variants`."""

    name: str
    version: str
    folder: Path
    digest: str
    """sha256 of SHA256SUMS, which names every byte of the bundle."""
    card: str
    """The model card, Markdown."""
    tokenizer: str | None
    """Content of tokenizer.json."""
    variants: dict[str, Path]
    """The graph's file by variant: fp32, int8, fp16."""
    left_out: dict[str, str]
    """Why a variant that is there is not to be served."""
    sums: dict[str, str]
    """sha256 by file name."""


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
    tokenizer = _text(content[TOKENIZER], folder / TOKENIZER) if TOKENIZER in content else None
    said = signature.read(content[SIGNATURE], tokenizer, folder / SIGNATURE)
    declared = _declared(said, files, folder)
    return Bundle(
        **vars(said),
        name=name,
        version=version,
        folder=folder,
        digest=hashlib.sha256(listing).hexdigest(),
        card=_text(content[CARD], folder / CARD),
        tokenizer=tokenizer,
        variants={name: path for name, path in declared.items() if name not in left_out},
        left_out=left_out,
        sums=sums,
    )


CHARACTERS, WINDOWS = "characters", "windows"
"""The axes of a text's code points, of which there are more than tokens, and of the windows that it is folded into."""


def longest(bundle: Bundle, axis: str = "") -> int | None:
    """Return the largest size of a varying axis, such as the tokens of a text; None if the signature names none."""
    rules = bundle.signature["preprocessing"].values()
    if axis == CHARACTERS:
        return max((each["normalise"]["max_characters"] for each in rules), default=None)
    if axis == WINDOWS:
        found = [(each.get("windows") or {}).get("most") for each in rules]
    else:
        found = [each.get("max_length") for each in rules]
    return max((most for most in found if isinstance(most, int)), default=None)


def asked(bundle: Bundle) -> tuple[Tensor, ...]:
    """Return the fields that a request brings as inputs of the protocol: a text, a file, or JSON of a row, per item."""
    return tuple(
        Tensor(field.name, "BYTES", (None,), ("items",), optional=field.optional) for field in input_fields(bundle)
    )


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


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8; export the bundle again") from None


def _declared(said: Said, files: dict[tuple[str, str], Path], folder: Path) -> dict[str, Path]:
    """Return the variants that ship; what the signature declares and what is there must be the same."""
    declared = said.signature.get("variants", {"fp32": {"file": GRAPH}})
    variants = {variant: path for (name, variant), path in files.items() if name == MODEL}
    for name, variant in [(name, variant) for name in (MODEL, DECODER) for variant in {each for _, each in files}]:
        if ((name, variant) in files) != (name in said.graphs):
            found = "is one graph too many" if (name, variant) in files else "is missing from the bundle"
            raise DataError(f"{folder / GRAPH_FILES[name, variant]}: {found}; export it again")
    if not isinstance(declared, dict) or set(declared) != set(variants):
        raise DataError(
            f"{folder / SIGNATURE}: declares the variants {sorted(declared)}, the directory has {sorted(variants)}; "
            "export the bundle again"
        )
    return variants
