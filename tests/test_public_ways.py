"""No private name of a library is touched: a leading underscore is its author's word that it may go tomorrow."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("src", "pipelines", "deploy", "benchmarks")
DOCUMENTED = {"_asdict", "_exit", "_fields", "_make", "_replace"}
"""Of Python's own named tuples, and of `os`."""
NO_OTHER_WAY = {
    # (file, name): why there is no public way.
    (
        "benchmarks/training_speed.py",
        "_attn_implementation",
    ): "transformers says nowhere else which attention it chose, and the two sides must have the same",
}


def touched(source: str) -> Iterator[tuple[int, str]]:
    """(Line, name) of each private name in a module's source that the module does not define itself."""
    tree = ast.parse(source)
    own = set(defined(tree))
    for node in ast.walk(tree):
        for name in named(node):
            if name.startswith("_") and not name.startswith("__") and name not in own | DOCUMENTED:
                yield getattr(node, "lineno", 0), name


def defined(tree: ast.AST) -> Iterator[str]:
    """What a module defines: functions, classes, variables and attributes of its own objects."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


def named(node: ast.AST) -> Iterator[str]:
    """The names that a node reaches for in something else: what is imported, attributes, and those named in words."""
    match node:
        case ast.Import(names=names):
            yield from (part for alias in names for part in alias.name.split("."))
        case ast.ImportFrom(module=module, names=names):
            yield from (module or "").split(".")
            yield from (alias.name for alias in names)
        case ast.Attribute(attr=name):
            yield name
        case ast.Call(
            func=ast.Name(id="getattr" | "setattr" | "hasattr" | "delattr"), args=[_, ast.Constant(str(name)), *_]
        ):
            yield name


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_private_name_is_touched(folder: str) -> None:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    found = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in files
        for line, name in touched(file.read_text())
        if (str(file.relative_to(ROOT)), name) not in NO_OTHER_WAY
    ]
    assert found == []


def test_every_exception_is_still_needed() -> None:
    for file, name in NO_OTHER_WAY:
        assert name in {found for _, found in touched((ROOT / file).read_text())}, f"{file} touches no {name}"


@pytest.mark.parametrize(
    "source",
    [
        "from dvc.utils.serialize import _common",
        "from torch._dynamo import config",
        "import torch._inductor.config",
        "accelerator.gradient_state._set_sync_gradients(True)",
        "getattr(model, '_state')",
        "class Own(Library):\n    def act(self):\n        return self._theirs",
        "library._patched = 1",
    ],
)
def test_it_is_found_in_every_form(source: str) -> None:
    assert list(touched(source))


@pytest.mark.parametrize(
    "source",
    [
        "class Own:\n    def __init__(self):\n        self._mine = 1\ndef f(own):\n    return own._mine",
        "import __future__\nrow._replace(a=1)\nos._exit(1)",
        "def _mine(): ...\n_mine()",
    ],
)
def test_ones_own_and_what_is_documented_is_none(source: str) -> None:
    assert list(touched(source)) == []
