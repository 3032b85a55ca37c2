"""Two bundles of the same version, the registered and the rebuilt: byte for byte, then what differs and by how much."""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainrule.exporting.bundle import SUMS
from chainrule.serving import answered, offline, plain
from chainrule.serving.bundle import Bundle
from chainrule.serving.limits import Limits
from chainrule.system import plugins
from chainrule.system.errors import ChainruleError

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 512
"""Validation rows that both models answer."""
MOST_LINES = 6
"""Lines shown of what differs in a file."""


def differing(registered: Path, rebuilt: Path) -> list[str]:
    """The names of the files that are not the same in both folders, or in only one of them."""
    here, there = _files(registered), _files(rebuilt)
    return sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def details(registered: Path, rebuilt: Path, name: str) -> Iterator[str]:
    """Lines that say how a file differs."""
    if not (rebuilt / name).exists():
        yield "is registered, and was not built again"
    elif not (registered / name).exists():
        yield "was built, and is not registered"
    elif name.endswith(".onnx"):
        yield from graphs(registered / name, rebuilt / name)
    elif name == SUMS:
        yield "follows from the others"
    else:
        before, after = ((folder / name).read_text().splitlines() for folder in (registered, rebuilt))
        marked = difflib.unified_diff(before, after, lineterm="", n=0)
        lines = [line for line in marked if not line.startswith(("---", "+++", "@@"))]
        yield from (f"{line[:1]} {line[1:].strip()}" for line in lines[:MOST_LINES])
        if len(lines) > MOST_LINES:
            yield f"and {len(lines) - MOST_LINES} more lines (- registered, + rebuilt)"


def graphs(registered: Path, rebuilt: Path) -> Iterator[str]:
    """Lines that say which weights of two ONNX files differ, and by how much at most."""
    import onnx

    before, after = _weights(registered), _weights(rebuilt)
    for name in sorted(before.keys() ^ after.keys()):
        yield f"{name}: only in the {'registered' if name in before else 'rebuilt'} graph"
    found: list[tuple[float, str]] = []
    for name in before.keys() & after.keys():
        one, other = before[name], after[name]
        if one.shape != other.shape or one.dtype != other.dtype:
            yield f"{name}: {one.dtype} {list(one.shape)}, rebuilt {other.dtype} {list(other.shape)}"
        elif one.tobytes() != other.tobytes():
            found.append((float(np.abs(one.astype(np.float64) - other.astype(np.float64)).max()), name))
    if found:
        yield f"{len(found)} of {len(before)} weights differ, by at most {max(found)[0]:.3g}:"
        yield from (f"{name}: by at most {size:.3g}" for size, name in sorted(found, reverse=True)[:MOST_LINES])
        if len(found) > MOST_LINES:
            yield f"and {len(found) - MOST_LINES} more"
    first, second = (onnx.load(path).graph for path in (registered, rebuilt))
    if [node.SerializeToString() for node in first.node] != [node.SerializeToString() for node in second.node]:
        yield f"the operators differ ({len(first.node)} registered, {len(second.node)} rebuilt)"
    elif not found and before.keys() == after.keys():
        yield "weights and operators are the same; what else the file says differs (such as who produced it)"


def _weights(path: Path) -> dict[str, np.ndarray]:
    import onnx
    from onnx import numpy_helper

    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}


def answers(registered: Bundle, rebuilt: Bundle, rows: "pd.DataFrame") -> str:
    """How the two models' answers to clean rows differ, in a sentence. Raises DataError for a row that no server takes.

    Both are asked as a server asks, each with its own preprocessing; at most MOST_ROWS rows.
    """
    target = registered.signature["target"]
    if target != rebuilt.signature["target"]:
        return f"they answer with other targets: {target}; {rebuilt.signature['target']}"
    rows = rows.head(MOST_ROWS)
    measure = plugins.load(f"tasks.{registered.signature['task']}", "metrics").measure
    one, other = _outputs(registered, rows), _outputs(rebuilt, rows)
    count = int((~measure.agree(one, other, target)).sum())
    most = np.abs(measure.comparable(one, target) - measure.comparable(other, target)).max()
    return f"on {len(rows)} validation rows {count} answers differ; probabilities by at most {most:.3g}"


def _outputs(content: Bundle, rows: "pd.DataFrame") -> offline.Arrays:
    """Return what the fp32 graph gives for every row, by output."""
    limits = Limits(pixels=2**62, characters=2**62)  # the rows were cleaned: no size is a danger
    encoded = [plain.prepare(content, row, limits) for row in rows.to_dict("records")]
    if not encoded:
        raise ChainruleError("there are no validation rows to compare answers on")
    run = answered.of_rows(content, answered.sessions(content, "fp32"), content.folder)
    found = offline.answers(run, encoded, content.padding)
    offline.refuse_not_finite(found, content.folder)
    return found
