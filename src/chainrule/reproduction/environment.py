"""What of the machine and the packages is not as it was when a model was made: the likely causes of a difference."""

import platform
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from chainrule.reproduction.building import cores
from chainrule.reproduction.origin import Origin
from chainrule.system import processes
from chainrule.system.machine import processor

DECIDING = (
    "accelerate", "ftfy", "numpy", "onnx", "onnxruntime", "onnxruntime-gpu", "onnxscript", "pandas", "pillow",
    "pyarrow", "safetensors", "scikit-learn", "scipy", "tokenizers", "torch", "torchvision", "transformers",
)  # fmt: skip
"""The packages whose version decides a byte of a bundle."""


def differences(project: Path, origin: Origin, signature: dict[str, Any]) -> list[str]:
    """A phrase for each thing that is known to differ, or is not known.

    project: the checkout, whose uv.lock says which packages belong to the commit; signature: of the registered bundle.
    """
    return [*_packages(project, signature), *_machine(origin)]


def _packages(project: Path, signature: dict[str, Any]) -> Iterator[str]:
    used = {name: {str(version)} for name, version in signature.get("versions", {}).items()}
    locked = _locked(project / "uv.lock")
    for name in DECIDING:
        here = _installed(name)
        # What the bundle says was really used; the commit says what should have been.
        was, where = (used[name], "when it was exported") if name in used else (locked.get(name), "in that uv.lock")
        if was is not None and here is not None and _public(here) not in set(map(_public, was)):
            yield f"{name} is {here}, was {' or '.join(sorted(was))} {where}"


def _locked(path: Path) -> dict[str, set[str]]:
    """Versions by package; a lock may hold several, for several Pythons or platforms."""
    found: dict[str, set[str]] = {}
    for entry in tomllib.loads(path.read_text())["package"] if path.is_file() else ():
        found.setdefault(entry["name"], set()).add(entry.get("version", ""))
    return found


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _public(version: str) -> str:
    """The version without what a build adds (2.15.0+cu132)."""
    return version.partition("+")[0]


def _machine(origin: Origin) -> Iterator[str]:
    here = {"processor": processor(), "python": platform.python_version()}
    for what, value in here.items():
        was = origin.tags.get(f"chainrule.{what}")
        if was != value:
            yield f"{what} is {value}, was {was or 'not recorded'}: another one may round otherwise"
    had, has = cores(origin), processes.available_cores()
    if had is None:
        yield "on how many cores it was trained is not recorded: another number changes the last bits of the weights"
    elif had > has:
        yield f"it was trained on {had} cores, here are {has}: that changes the last bits of the weights"
