"""The full check of params.yaml: every mistake at once, before any work.

`python -m chainrule.recipes.check` checks the file and prints the recipes, or the mistakes (exit code 2);
`--values` prints every value in force, given or default; `--schema` the JSON Schema for editors, `--options` the same
as a page, docs/options.md.
"""

import argparse
import importlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, Field

from chainrule.data.sources.catalogue import ALSO_CALLED, INCOMING, SOURCES
from chainrule.fields.catalogue import MODALITIES
from chainrule.nets.catalogue import NETS
from chainrule.recipes import starts, together
from chainrule.recipes.asked import not_given, unknown_kinds
from chainrule.recipes.augment import Augment
from chainrule.recipes.clean import Clean
from chainrule.recipes.evaluate import Evaluate
from chainrule.recipes.export import Export
from chainrule.recipes.file import PARAMS, Section, aliases, at, complete, given_block, read_params
from chainrule.recipes.mistakes import Mistake, endless, nearest, number, typed, unknown
from chainrule.recipes.retrain import Retrain
from chainrule.recipes.search import Search, space_mistakes, with_values
from chainrule.recipes.split import Split
from chainrule.recipes.training import Finetune, Pretrain
from chainrule.system.errors import ChainruleError, ParamsError
from chainrule.tasks.catalogue import TASKS
from chainrule.training.bases.catalogue import BASES, kind
from chainrule.training.inputs.catalogue import INPUTS
from chainrule.training.objectives.catalogue import OBJECTIVES
from chainrule.training.strategies.catalogue import STRATEGIES
from chainrule.training.targets.catalogue import LOSSES

ALL_DEFAULT = "{} takes every default"
RECIPE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class File(Section):
    """The whole file: the settings of every recipe by name."""

    recipes: dict[Any, Any]


class Recipe(Section):
    """One recipe; its plug-ins' options are checked against the tables beside the plug-ins."""

    task: str = Field(description="what kind of problem")
    modality: str = Field(description="the kind of the inputs")
    target: str = Field(description="the kind of what is to be told of them")
    seed: int = Field(ge=0, lt=2**31, description="seed of everything random in this recipe")
    source: dict[str, Any] = Field(description="where the raw rows come from")
    incoming: dict[str, Any] = Field(description="what the files in data/incoming look like")
    clean: dict[str, Any] = Field(description=ALL_DEFAULT)
    split: dict[str, Any] = Field(description=ALL_DEFAULT)
    augment: dict[str, Any] = Field(description=ALL_DEFAULT)
    base: dict[str, Any] = Field(description="where training starts: `{from: nothing}` is random numbers")
    net: dict[str, Any] = Field(description="the architecture")
    pretrain: dict[str, Any] = Field(description="at least objective: {name: none}")
    finetune: dict[str, Any] = Field(description="at least strategy: {name: full}")
    evaluate: dict[str, Any] = Field(description=ALL_DEFAULT)
    export: dict[str, Any] = Field(description=ALL_DEFAULT)
    retrain: dict[str, Any] = Field(
        default={}, description="when to train anew; no stage reads it, so it may be left out"
    )
    search: dict[str, Any] = Field(
        default={}, description="what `chainrule tune` varies; no stage reads it, so it may be left out"
    )


SECTIONS: dict[str, type[Section]] = {
    "clean": Clean,
    "split": Split,
    "augment": Augment,
    "pretrain": Pretrain,
    "finetune": Finetune,
    "evaluate": Evaluate,
    "export": Export,
    "retrain": Retrain,
    "search": Search,
}


CORRUPTED = (("evaluate", "examine", "robustness", "corruptions"), ("retrain", "robustness", "corruptions"))
"""Where corruptions of the modality are named."""
MOST_LOST: dict[tuple[str, ...], float] = {
    ("retrain", "margin"): 1,
    ("retrain", "robustness", "margin"): 1,
    ("export", "variants", "loses"): 0.1,
}
"""Of a metric that is a share, the most that a challenger or a variant may be allowed to lose."""


class PlugIns(NamedTuple):
    """Where a recipe names a plug-in: the block's path, the key of the name, the options by name."""

    path: tuple[str, ...]
    key: str
    options: Mapping[str, type[BaseModel]]


PLUG_INS = (
    PlugIns(("source",), "kind", SOURCES),
    PlugIns(("incoming",), "kind", INCOMING),
    PlugIns(("base",), "from", {name: entry.options for name, entry in BASES.items()}),
    PlugIns(("net",), "name", {name: net.options for name, net in NETS.items()}),
    PlugIns(("pretrain", "objective"), "name", {name: entry.options for name, entry in OBJECTIVES.items()}),
    PlugIns(("finetune", "strategy"), "name", {name: entry.options for name, entry in STRATEGIES.items()}),
    PlugIns(("finetune", "loss"), "name", {name: entry.options for name, entry in LOSSES.items()}),
)


def check(root: Path, recipe: str | None = None, values: Mapping[str, Any] | None = None) -> None:
    """Check params.yaml below `root`; ParamsError lists every mistake in it.

    values: what a recipe of it would have at dotted keys.
    """
    params = read_params(root)
    if recipe is not None:
        params["recipes"][recipe] = with_values(given_block(root, recipe), values or {})
    mistakes = find_mistakes(params) + list(_aliases(root))
    if mistakes:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise ParamsError("\n  ".join([f"{count} in {root / PARAMS}:", *map(str, mistakes)]))


def _aliases(root: Path) -> Iterator[Mistake]:
    """Refuse what YAML repeats: where `dvc exp run -S` sets such a value, another recipe gets it, or none."""
    for line, name in aliases(root):
        needed = (
            "write the keys out, most have defaults: `dvc exp run -S` loses what it sets there, or sets it elsewhere"
        )
        yield Mistake(f"line {line}", f"*{name}", needed)


def recipes(root: Path) -> list[str]:
    """Return the names of the recipes in params.yaml below `root`, in its order."""
    return list(read_params(root)["recipes"])


def find_mistakes(params: Mapping[str, Any]) -> list[Mistake]:
    """Return every mistake in the content of params.yaml, in the order of the file's recipes."""
    mistakes = list(typed(File, params, ""))
    for name, block in params["recipes"].items():
        path = f"recipes.{name}"
        if not isinstance(name, str) or not RECIPE_NAME.fullmatch(name):
            mistakes.append(Mistake(path, repr(name), "a recipe's name is lower-case letters, digits, - and _"))
        else:
            mistakes += _recipe(block, path)
            mistakes += starts.mistakes(block, params["recipes"], path)
            mistakes += space_mistakes(block, path, partial(_recipe, path=path))
    return mistakes


def _recipe(block: Any, path: str) -> Iterator[Mistake]:
    yield from typed(Recipe, block, path)
    if not isinstance(block, dict):
        return
    yield from endless(block, path)
    yield from _kinds(block, path)
    values = complete(block)
    whole = block.get("task") in TASKS and block.get("modality") in MODALITIES
    for name, model in SECTIONS.items():
        if isinstance(values[name], dict):
            found = typed(model, values[name], f"{path}.{name}")
            # Without its task or modality a recipe has not all of its defaults: what is missing is not missed.
            yield from found if whole else (mistake for mistake in found if mistake.found != "nothing")
    for plug_ins in PLUG_INS:
        yield from _plug_in(values, plug_ins, path)
    if whole and block["modality"] in task_fields(block["task"]).MODALITIES:
        fields = task_fields(block["task"]).fields(block["modality"])
        yield from unknown_kinds(block["task"], fields, path) or not_given(values, block["task"], fields, path)
    if block.get("task") in TASKS:
        yield from _losses(values, block["task"], path)
        yield from _objective(values, task_fields(block["task"]).TARGET, path)
    if block.get("modality") in MODALITIES:
        yield from _modality(values, block["modality"], path)
        yield from together.mistakes(values, block["modality"], path)


def task_fields(task: str) -> Any:
    """Return the module `fields` of a task."""
    return importlib.import_module(f"chainrule.tasks.{task}.fields")


def targets() -> tuple[str, ...]:
    """Return the kinds of targets that tasks have."""
    return tuple(sorted({task_fields(task).TARGET for task in TASKS}))


def _kinds(block: dict[str, Any], path: str) -> Iterator[Mistake]:
    """Check the task, and that the kinds of inputs and target are the task's."""
    task = block.get("task")
    if isinstance(task, str):
        yield from unknown(task, TASKS, f"{path}.task")
    known = task_fields(task) if task in TASKS else None
    allowed = {"modality": tuple(MODALITIES), "target": targets()}
    if known is not None:
        allowed = {"modality": known.MODALITIES, "target": (known.TARGET,)}
    for key, kinds in allowed.items():
        found = block.get(key)
        if isinstance(found, str) and found not in kinds:
            said = f"task {task} takes {' or '.join(kinds)}" if known else f"one of {', '.join(kinds)} is needed"
            yield Mistake(f"{path}.{key}", repr(found), said, nearest(found, kinds))


def _losses(block: dict[str, Any], task: str, path: str) -> Iterator[Mistake]:
    """Check what may be lost of the metric that decides where that is a share: 3 may be meant for 3 points."""
    for place, most in MOST_LOST.items():
        lost = number(block, *place)
        if lost is not None and lost > most:
            from chainrule.evaluation.primary import SHARE, words  # with NumPy, which no other check needs

            decisive = importlib.import_module(f"chainrule.tasks.{task}.metrics").measure.PRIMARY
            if decisive.unit == SHARE:
                said = f"at most {most:g} of {words(decisive.name)}, a share, is allowed; 0.01 is one point"
                yield Mistake(".".join((path, *place)), f"{lost:g}", said)


def _objective(block: dict[str, Any], target: str, path: str) -> Iterator[Mistake]:
    """Check that what fine-tuning minimises is a loss of the task's target."""
    loss = at(block, ("finetune", "loss", "name"))
    if loss in LOSSES and target not in LOSSES[loss].targets:
        fitting = ", ".join(name for name, entry in LOSSES.items() if target in entry.targets)
        yield Mistake(f"{path}.finetune.loss.name", repr(loss), f"the target is a {target}: {fitting} is needed")


def _plug_in(block: dict[str, Any], plug_ins: PlugIns, path: str) -> Iterator[Mistake]:
    chosen = at(block, plug_ins.path)
    if not isinstance(chosen, dict):
        return  # reported with the section it belongs to
    path = ".".join((path, *plug_ins.path))
    name: Any = kind(chosen.get(plug_ins.key))
    if plug_ins.key not in chosen:
        yield Mistake(f"{path}.{plug_ins.key}", "nothing", f"one of {', '.join(plug_ins.options)} is needed")
    elif name not in plug_ins.options:
        also = ALSO_CALLED if plug_ins.options is SOURCES or plug_ins.options is INCOMING else None
        yield from unknown(name, plug_ins.options.keys(), f"{path}.{plug_ins.key}", also)
    else:
        options = {key: value for key, value in chosen.items() if key != plug_ins.key}
        yield from typed(plug_ins.options[name], options, path)


def _modality(block: dict[str, Any], modality: str, path: str) -> Iterator[Mistake]:
    """Check what the modality's own tables say: normalisation, copies, distortions, tokenizer."""
    rows, inputs = MODALITIES[modality], INPUTS[modality]
    tables = [
        (("clean", "normalise"), rows.normalise),
        (("augment", "options"), rows.augment),
        (("pretrain", "training", "distort"), inputs.distort),
        (("finetune", "distort"), inputs.distort),
    ]
    for place, model in tables:
        if isinstance(at(block, place), dict):
            yield from typed(model, at(block, place), ".".join((path, *place)))
    for name in ("mixup", "cutmix"):
        if (share := number(block, "pretrain", "training", "distort", name)) is not None and share > 0:
            needed = "0 is needed: it mixes targets as well, and pretraining sees none"
            yield Mistake(f"{path}.pretrain.training.distort.{name}", f"{share:g}", needed)
    for place in CORRUPTED:
        chosen = at(block, place)
        if isinstance(chosen, list) and chosen:
            # With NumPy and SciPy, which no other check needs.
            known = importlib.import_module(f"chainrule.evaluation.robustness.{modality}").CORRUPTIONS
            for name in chosen:
                yield from unknown(name, list(known), ".".join((path, *place)))
    alike = number(block, "clean", "near_duplicates")
    if modality == "table" and alike not in (None, 0, 1):
        needed = "1 is needed, equal rows stay together, or 0, they may part"
        yield Mistake(f"{path}.clean.near_duplicates", f"{alike:g}", needed)
    tokenizer = at(block, ("pretrain", "tokenizer"))
    if inputs.tokenizer is None and tokenizer is not None:
        yield Mistake(f"{path}.pretrain.tokenizer", repr(tokenizer), f"null is needed for modality {modality}")
    if inputs.tokenizer is not None:
        yield from typed(inputs.tokenizer, tokenizer, f"{path}.pretrain.tokenizer")


def main() -> None:
    """Check params.yaml in the current folder, or print what it may hold: a JSON Schema, or a page of tables."""
    parser = argparse.ArgumentParser(prog="python -m chainrule.recipes.check", description=main.__doc__)
    parser.add_argument("--values", action="store_true", help="print every value in force, and which are defaults")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema")
    parser.add_argument("--options", action="store_true", help="print docs/options.md")
    arguments = parser.parse_args()
    if arguments.schema:
        print(json.dumps(importlib.import_module("chainrule.recipes.schema").json_schema(), indent=2))
        return
    if arguments.options:
        print(importlib.import_module("chainrule.recipes.options").page(), end="")
        return
    try:
        check(Path.cwd())
    except ChainruleError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    if arguments.values:
        print(importlib.import_module("chainrule.recipes.in_force").page(read_params(Path.cwd())), end="")
        return
    for name, block in read_params(Path.cwd())["recipes"].items():
        print(f"{name}: {block['task']}, {block['source']['kind']}, {block['net']['name']}")


if __name__ == "__main__":
    main()
