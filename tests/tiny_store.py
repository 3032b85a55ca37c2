"""A store of served bundles, laid out as promotion lays it out."""

import json
from pathlib import Path
from typing import Any

import tiny_bundles
from chainrule.serving import bundle


def publish(root: Path, name: str, version: str, **options: Any) -> tuple[Path, dict[str, str]]:
    """Put a version into the store; return its bundle and what `point` makes it champion with."""
    folder = root / "models" / "served" / name / version / "bundle"
    folder.parent.mkdir(parents=True)
    tiny_bundles.image_bundle(folder, **options)
    return folder, {"version": version, "digest": bundle.read(folder, name, version).digest}


def promote(root: Path, name: str, version: str, **options: Any) -> Path:
    """Put a version into the store as its champion, as a promotion does; return its bundle."""
    folder, champion = publish(root, name, version, **options)
    point(root, name, champion)
    return folder


def point(root: Path, name: str, champion: Any) -> None:
    """Replace champion.json in one step."""
    shelf = root / "models" / "served" / name
    shelf.mkdir(parents=True, exist_ok=True)
    fresh = shelf / ".champion.json.new"
    fresh.write_text(champion if isinstance(champion, str) else json.dumps(champion))
    fresh.replace(shelf / "champion.json")


def export(root: Path, name: str, **options: Any) -> Path:
    """Put a bundle where export writes it."""
    folder = root / "models" / "onnx" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    return tiny_bundles.image_bundle(folder, **options)
