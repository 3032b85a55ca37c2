"""The decisions of retraining, one JSON line each, the newest last: `.chainrule/decisions/<recipe>.jsonl`.

The file is this machine's memory of what was decided; MLflow has the same as runs of the stage `retrain`.
"""

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from chainrule.system import locks

FOLDER = Path(".chainrule/decisions")
PROMOTED, REFUSED, NOTHING, FAILED = "promoted", "refused", "nothing to do", "failed"
ACTIONS = (PROMOTED, REFUSED, NOTHING, FAILED)


@dataclass(frozen=True)
class Decision:
    """What one retraining came to."""

    when: str
    """UTC, ISO 8601."""
    recipe: str
    trigger: tuple[str, ...]
    """Why it trained: "new data: 120 rows", "drift: …", "age: 31 days", "forced", "no champion yet"; or nothing."""
    batch: str | None
    """The batch that it took in."""
    rows: int
    """Usable rows of the batch."""
    set_aside: int
    """Files that it put into data/rejected."""
    drift: dict[str, Any] | None
    """{"flagged": bool, "tests": [str]}; None if none was looked for."""
    action: str
    """One of ACTIONS."""
    reason: str
    challenger: int | None
    champion: int | None
    """The versions that were compared; of a promotion, the champion is the one before."""
    difference: dict[str, Any] | None
    """By how much the challenger is better, with its 95% interval: {"value", "low", "high", "primary": {"name",
    "more_is_better", "unit"}}; of accuracy where `primary` is missing."""
    commit: str | None
    """What it committed in git."""
    seconds: float
    flow_run: str | None
    """Prefect's id."""
    batches: tuple[str, ...] = ()
    """All batches that were in the data of the model it is about; empty where none was trained."""


def append(root: Path, decision: Decision) -> None:
    """Add a decision; it is on the disk when this returns. Raises OSError."""
    path = root / FOLDER / f"{decision.recipe}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(asdict(decision), ensure_ascii=False, allow_nan=False) + "\n"
    descriptor = locks.take(path, wait=True)
    assert descriptor is not None
    try:
        end = os.lseek(descriptor, 0, os.SEEK_END)
        # After half a line (a full disk, a power cut) the next one begins anew.
        torn = end and os.pread(descriptor, 1, end - 1) != b"\n"
        os.write(descriptor, (("\n" if torn else "") + line).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(root: Path, recipe: str) -> list[dict[str, Any]]:
    """Return the recipe's decisions as plain data, by the names of Decision's fields, the newest last.

    Half a line, which a crash left, is none.
    """
    try:
        lines = (root / FOLDER / f"{recipe}.jsonl").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    found = [_parsed(line) for line in lines]
    return [decision for decision in found if decision is not None]


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        content = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(content, dict) and {field.name for field in fields(Decision)} <= content.keys()
    return content if whole else None
