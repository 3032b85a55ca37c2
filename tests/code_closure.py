"""The first-party import closure of a stage, read from the source: what its code deps in dvc.yaml must equal.

Plug-ins are loaded by name (`plugins.load("nets", name)`): the file a recipe names stands for the package.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "chainrule"
NO_INPUT = "src/chainrule/__init__.py"
"""Defaults of the environment, which change no output (tests/test_dvc_yaml.py)."""
# What can only watch, wait or refuse: editing it makes no model stale.
WATCHERS = {
    f"src/chainrule/{name}.py"
    for name in (
        *(
            "stages/runner",
            "stages/launching",
            "recipes/check",
            "recipes/in_force",
            "recipes/mistakes",
            "recipes/together",
        ),
        *("runs/tracking", "runs/journal"),
        *("system/progress", "system/locks", "system/processes", "system/quick", "system/dvc_lock"),
    )
}
# Where a recipe names the plug-ins of each package.
NAMED_BY: dict[str, tuple[tuple[str, ...], ...]] = {
    "fields": (("modality",), ("target",)),
    "data.sources": (("source", "kind"), ("incoming", "kind")),
    "evaluation.explanation.parts": (("modality",),),
    "evaluation.explanation.paths": (("modality",),),
    "evaluation.explanation.targets": (("target",),),
    "evaluation.figures": (("target",),),
    "evaluation.floors": (("modality",), ("target",)),
    "evaluation.robustness": (("modality",),),
    "evaluation.mistakes": (("target",),),
    "evaluation.scores": (("target",),),
    "evaluation.slices.traits": (("modality",),),
    "evaluation.uncertainty": (("target",),),
    "examination.answers": (("target",),),
    "exploration.inputs": (("modality",),),
    "exploration.targets": (("target",),),
    "evaluation.uncertainty.foreign": (("modality",),),
    "exploration.doubts": (("target",),),
    "exploration.simple": (("modality",),),
    "nets": (("net", "name"),),
    "training.bases": (("base", "from"),),
    "training.bodies": (("modality",),),
    "training.inputs": (("modality",),),
    "training.objectives": (("pretrain", "objective", "name"),),
    "training.strategies": (("finetune", "strategy", "name"),),
    "training.targets": (("target",),),
}


def closure(source: Path, stage: str, recipe: Mapping[str, Any]) -> set[str]:
    """Return the paths below `source`'s parent of every module with code that a stage of a recipe can import."""
    found: set[str] = set()
    waiting = [f"{PACKAGE}.stages.{stage}"]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            path = module_path(source, module)
            waiting += [module for imported in imports(source, path) for module in resolve(imported, recipe)]
    return {name for module in found if (name := counted(source, module)) is not None}


@cache
def counted(source: Path, module: str) -> str | None:
    """Return the path of a module below `source`'s parent; None of one without code that counts."""
    path = module_path(source, module)
    name = path.relative_to(source.parent).as_posix()
    return None if name == NO_INPUT or docstring_only(path) else name


@cache
def module_path(source: Path, module: str) -> Path:
    """Return the file of a first-party module."""
    path = source.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def resolve(imported: str | tuple[str, ...], recipe: Mapping[str, Any]) -> list[str]:
    """Return the module for an import, or all that a plug-in (package, name) may be in a recipe."""
    if isinstance(imported, str):
        return [imported]
    package, name = imported
    if package == "tasks":
        return [f"{PACKAGE}.tasks.{recipe['task']}.{name}"]
    # The code may say which of several it loads: `plugins.load("fields", block["target"])`.
    said = [keys for keys in NAMED_BY[package] if keys[-1] in name] or NAMED_BY[package]
    return [f"{PACKAGE}.{package}.{value_at(recipe, keys)}" for keys in said]


def value_at(recipe: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    """Return what stands at a place in a recipe's block."""
    value: Any = recipe
    for key in keys:
        value = value[key]
    return value


@cache
def imports(source: Path, path: Path) -> tuple[str | tuple[str, ...], ...]:
    """Return the first-party modules that a file imports anywhere, and the plug-ins that it loads."""
    return tuple(_imports(source, ast.parse(path.read_text(encoding="utf-8"))))


def _imports(source: Path, tree: ast.AST) -> Iterator[str | tuple[str, ...]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            yield node.module
            for alias in node.names:
                if module_path(source, f"{node.module}.{alias.name}").is_file():
                    yield f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "plugins.load":
            yield _plug_in(node)


def _plug_in(call: ast.Call) -> tuple[str, ...]:
    package, name = call.args
    if isinstance(package, ast.JoinedStr):  # f"tasks.{task}"
        assert isinstance(name, ast.Constant)
        return ("tasks", str(name.value))
    assert isinstance(package, ast.Constant)
    return (str(package.value), ast.unparse(name))


@cache
def docstring_only(path: Path) -> bool:
    """Return whether a file holds nothing but its docstring."""
    return all(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in ast.parse(path.read_text()).body
    )
