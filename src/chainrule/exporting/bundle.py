"""The bundle: one directory with all that a server needs, nothing of it executable."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainrule.system.files import write_json

GRAPH, SIGNATURE, CARD, SUMS = "model.onnx", "signature.json", "MODEL_CARD.md", "SHA256SUMS"
CARD_DATA, TOKENIZER = "model_card.json", "tokenizer.json"
REFERENCE = "fp32"
MODEL, DECODER = "model", "decoder"
"""The names of graphs."""
FILES = {REFERENCE: GRAPH, "int8": "model.int8.onnx", "fp16": "model.fp16.onnx"}
DECODERS = {variant: file.replace(MODEL, DECODER) for variant, file in FILES.items()}
"""Where a model writes from what its encoder read, each variant's second graph."""


def write(
    folder: Path,
    graph: bytes,
    signature: dict[str, Any],
    card: str,
    tokenizer: str | None,
    variants: Mapping[str, bytes] | None = None,
    card_data: Mapping[str, Any] | None = None,
    decoders: Mapping[str, bytes] | None = None,
) -> None:
    """Write a bundle: the graph and its variants, signature.json, MODEL_CARD.md, tokenizer.json for text, SHA256SUMS.

    variants: further graphs by their name in FILES; the signature's `variants` says which there are. card_data: what
    the card says, for machines, in model_card.json. decoders: the second graph of each variant, where there is one.
    """
    folder.mkdir()
    graphs = {REFERENCE: graph, **(variants or {})}
    for name, content in graphs.items():
        (folder / FILES[name]).write_bytes(content)
    for name, content in (decoders or {}).items():
        (folder / DECODERS[name]).write_bytes(content)
    write_json(folder / SIGNATURE, {"variants": {name: {"file": FILES[name]} for name in graphs}, **signature})
    (folder / CARD).write_text(card, encoding="utf-8")
    if card_data is not None:
        write_json(folder / CARD_DATA, dict(card_data))
    if tokenizer is not None:
        (folder / TOKENIZER).write_text(tokenizer, encoding="utf-8")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / SUMS).write_text("".join(sums), encoding="ascii")
