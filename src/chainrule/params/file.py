"""Read params.yaml and type the sections that a stage uses.

A stage imports this module and the sections it reads, nothing else of the package: what one stage reads can then
change without making the others stale. `chainrule.params.check` looks at the whole file before any stage works.
"""

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from chainrule.errors import ParamsError

PARAMS = "params.yaml"


class Section(BaseModel):
    """One block of params.yaml; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


AnySection = TypeVar("AnySection", bound=Section)


class UniqueKeyLoader(yaml.SafeLoader):
    """YAML as DVC reads it: 1e-3 is a number, yes and no are texts. A key given twice is refused."""


def _unique_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for position, key in enumerate(keys):
        if key in keys[:position]:
            line = node.value[position][0].start_mark.line + 1
            raise ParamsError(f"{PARAMS}: line {line}: key {key!r} is given twice in one block; keep one of them")
    return dict(zip(keys, [loader.construct_object(value, deep=True) for _, value in node.value], strict=True))


UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)
# DVC reads YAML 1.2, where 1e-3 is a number; plain PyYAML would take it for a string.
_FLOAT = re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)$")
UniqueKeyLoader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
# Nor are yes, no, on and off booleans there.
UniqueKeyLoader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for letter, resolvers in UniqueKeyLoader.yaml_implicit_resolvers.items()
}
_BOOL = re.compile(r"^(true|True|TRUE|false|False|FALSE)$")
UniqueKeyLoader.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOL, list("tTfF"))


def read_params(root: Path) -> dict[str, Any]:
    """Return params.yaml below `root` as plain dictionaries; ParamsError when it is missing or not YAML."""
    path = root / PARAMS
    if not path.is_file():
        raise ParamsError(f"{path}: not found; run from the top folder of the project")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=UniqueKeyLoader)  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not isinstance(content.get("recipes"), dict) or not content["recipes"]:
        raise ParamsError(f"{path}: has no recipes; add a block under `recipes:`")
    return content


def recipe_block(root: Path, recipe: str) -> dict[str, Any]:
    """Return the raw block of one recipe; ParamsError when there is none of that name."""
    recipes = read_params(root)["recipes"]
    if recipe not in recipes:
        raise ParamsError(f"{PARAMS}: recipes.{recipe}: no such recipe; there are {', '.join(map(str, recipes))}")
    block = recipes[recipe]
    if not isinstance(block, dict):
        raise ParamsError(f"{PARAMS}: recipes.{recipe}: found {block!r}; a block of settings is needed")
    return block


def section(block: dict[str, Any], name: str, model: type[AnySection]) -> AnySection:
    """Return one section of a recipe's block, typed; ParamsError when it does not fit."""
    try:
        return model.model_validate(block.get(name))
    except ValidationError as error:
        raise ParamsError(f"{PARAMS}: {name}: {error}") from None


def plug_in(options: dict[str, Any], key: str) -> tuple[str, dict[str, Any]]:
    """Split a plug-in's block into the name under `key` and the options passed to it as keyword arguments."""
    return options[key], {name: value for name, value in options.items() if name != key}
