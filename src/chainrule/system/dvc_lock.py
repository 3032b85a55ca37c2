"""What dvc.lock records: per stage, the hash of everything that it read and wrote."""

import time
from pathlib import Path
from typing import Any


def read(root: Path) -> dict[str, Any]:
    """Return address -> entry of the stages in a project's dvc.lock; empty if there is none."""
    path = root / "dvc.lock"
    if not path.exists():
        return {}
    content, before_that = path.read_bytes(), None
    while content != before_that:
        # Another recipe's dvc may be writing it, and does not do so in one step.
        time.sleep(0.02)
        content, before_that = path.read_bytes(), content
    return parse(content)


def parse(content: bytes) -> dict[str, Any]:
    """Return address -> entry of the stages in the bytes of a dvc.lock."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    stages: dict[str, Any] = (yaml.load(content, Loader=loader) or {}).get("stages", {})  # noqa: S506 - both are safe
    return stages
