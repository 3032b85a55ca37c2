"""Read params.yaml, put defaults where it says nothing, and type the sections that a stage uses.

A stage imports this module and the sections it reads, nothing else of the package: what one stage reads can then
change without making the others stale. `chainrule.recipes.check` looks at the whole file before any stage works.

What a key is by default stands in one of three places. What is the same for every recipe: in the model of its section.
What goes by the kind of the inputs or by the task: in `recipes/defaults/<modality>.py` (with more for a training that
starts from a base) and `tasks/<task>/defaults.py`, of which the second wins. What goes by a plug-in: in the catalogue
of its kind. The last two are literals that dvc.yaml lists as parameters of exactly the stages that use them; they are
read here by name.
"""

import copy
import importlib
import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent

from chainrule.system.errors import ParamsError

PARAMS = "params.yaml"
WITH_DEFAULTS = ("clean", "split", "augment", "pretrain", "finetune", "evaluate", "export", "retrain")
"""The sections that modality and task say something of."""
PLUG_IN_DEFAULTS = {
    ("source",): ("kind", "chainrule.data.sources.catalogue", "DEFAULTS"),
    ("incoming",): ("kind", "chainrule.data.sources.catalogue", "BATCH_DEFAULTS"),
    ("base",): ("from", "chainrule.training.bases.catalogue", "DEFAULTS"),
    ("net",): ("name", "chainrule.nets.catalogue", "DEFAULTS"),
    ("pretrain", "objective"): ("name", "chainrule.training.objectives.catalogue", "DEFAULTS"),
    ("finetune", "strategy"): ("name", "chainrule.training.strategies.catalogue", "DEFAULTS"),
    ("finetune", "loss"): ("name", "chainrule.training.targets.catalogue", "DEFAULTS"),
}
"""Where a recipe names a plug-in: the key of the name, and where the options that it starts with stand."""


PARTS_OF_NETS = ("image", "text")
"""Where a net of several kinds of inputs names the nets that it is made of."""


class Section(BaseModel):
    """One block of params.yaml; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


AnySection = TypeVar("AnySection", bound=Section)


def read_params(root: Path) -> dict[str, Any]:
    """Return params.yaml below `root` as plain dictionaries, read as DVC reads it; ParamsError if it is not YAML."""
    path = root / PARAMS
    if not path.is_file():
        raise ParamsError(f"{path}: not found; run from the top folder of the project")
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except DuplicateKeyError as error:
        raise ParamsError(f"{PARAMS}: {_twice(error)}") from None
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except YAMLError as error:
        raise ParamsError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not isinstance(content.get("recipes"), dict) or not content["recipes"]:
        raise ParamsError(f"{path}: has no recipes; add a block under `recipes:`")
    return content


def aliases(root: Path) -> list[tuple[int, str]]:
    """Return the line and the name of each alias (`*name`) in params.yaml below `root`, which must be YAML."""
    text = (root / PARAMS).read_text(encoding="utf-8-sig")
    events = YAML(typ="safe").parse(text) if "*" in text else ()
    return [(event.start_mark.line + 1, event.anchor) for event in events if isinstance(event, AliasEvent)]


def _twice(error: DuplicateKeyError) -> str:
    found = re.search('"(.*?)"', str(error.problem))
    line = error.problem_mark.line + 1 if error.problem_mark else "?"
    return f"line {line}: key {found[1] if found else '?'!r} is given twice in one block; keep one of them"


def recipe_block(root: Path, recipe: str) -> dict[str, Any]:
    """Return the block of one recipe with its defaults; ParamsError when there is none, or none that can have them."""
    return complete(given_block(root, recipe))


def given_block(root: Path, recipe: str) -> dict[str, Any]:
    """Return the block of one recipe as it is written; ParamsError when there is none of that name."""
    recipes = read_params(root)["recipes"]
    if recipe not in recipes:
        raise ParamsError(f"{PARAMS}: recipes.{recipe}: no such recipe; there are {', '.join(map(str, recipes))}")
    block = recipes[recipe]
    if not isinstance(block, dict):
        raise ParamsError(f"{PARAMS}: recipes.{recipe}: found {block!r}; a block of settings is needed")
    return block


def complete(block: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe's block with what its modality, its task and its plug-ins start with; what is given wins.

    The models of the sections add what is the same for every recipe. A modality, task or plug-in that is not there adds
    nothing: the check says so.
    """
    values = {"search": {}, **block}
    for found in _by_kind(block):
        for name in WITH_DEFAULTS:
            values[name] = merged(found.get(name, {}), values.get(name, {}))
    for place, (key, module, defaults) in PLUG_IN_DEFAULTS.items():
        chosen = at(values, place)
        if isinstance(chosen, dict) and key in chosen:
            options = _defaults(module, defaults).get(str(chosen[key]).partition("/")[0], {})
            at(values, place[:-1])[place[-1]] = {key: chosen[key], **options, **chosen}
    for part in PARTS_OF_NETS:
        inner = at(values, ("net", part))
        if isinstance(inner, dict) and "name" in inner:
            options = _defaults("chainrule.nets.catalogue").get(str(inner["name"]), {})
            values["net"][part] = {"name": inner["name"], **options, **inner}
    if at(block, ("pretrain", "training")) is None and at(block, ("pretrain", "objective", "name")) == "none":
        values["pretrain"]["training"] = None
    tokenizer = at(values, ("pretrain", "tokenizer"))
    longest = at(values, ("net", "max_length")) or at(values, ("net", "text", "max_length"))
    if isinstance(tokenizer, dict) and longest and not at(block, ("pretrain", "tokenizer", "max_length")):
        values["pretrain"]["tokenizer"] = {**tokenizer, "max_length": longest}
    return values


def _by_kind(block: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a recipe starts with by its task, by what its training starts from, and by its modality."""
    modality = f"chainrule.recipes.defaults.{block.get('modality')}"
    based = at(block, ("base", "from")) not in (None, "nothing")
    return [
        _defaults(f"chainrule.tasks.{block.get('task')}.defaults"),
        *([_defaults(modality, "WITH_BASE")] if based else []),
        _defaults(modality),
    ]


def merged(below: Any, above: Any) -> Any:
    """Return `above`, and what only `below` has; blocks are merged key by key, anything else is taken whole."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return {**below, **{key: merged(below[key], value) if key in below else value for key, value in above.items()}}


def at(block: Any, place: tuple[str, ...]) -> Any:
    """Return what stands at a place in a block; None if that is not there."""
    for key in place:
        block = block.get(key) if isinstance(block, dict) else None
    return block


def _defaults(module: str, name: str = "DEFAULTS") -> dict[str, Any]:
    """Return a copy of a module's literal; nothing where there is no such module."""
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not module.startswith(str(error.name)):
            raise
        return {}
    defaults: dict[str, Any] = copy.deepcopy(getattr(found, name))
    return defaults


def section(block: dict[str, Any], name: str, model: type[AnySection]) -> AnySection:
    """Return one section of a recipe's block, typed; ParamsError when it does not fit."""
    try:
        return model.model_validate(block.get(name))
    except ValidationError as error:
        raise ParamsError(f"{PARAMS}: {name}: {error}") from None


def plug_in(options: dict[str, Any], key: str) -> tuple[str, dict[str, Any]]:
    """Split a plug-in's block into the name under `key` and the options passed to it as keyword arguments."""
    return options[key], {name: value for name, value in options.items() if name != key}
