"""`chainrule new`: look at data, say what it is and what is doubtful about it, and write a recipe for it."""

import argparse
from pathlib import Path

from chainrule.system.errors import ParamsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("name", help="of the new recipe: lower-case letters, digits, - and _")
    parser.add_argument("--data", required=True, metavar="PATH", help="a file or folder of examples")
    parser.add_argument("--target", metavar="COLUMN", help="the column that is to be told, by name or number from 0")
    parser.add_argument("--task", help="such as text_classification, where the examples allow several")
    parser.add_argument("--group", metavar="COLUMN", help="the column whose equal values a split keeps together")
    parser.add_argument("--sheet", metavar="NAME", help="the sheet of a workbook of several")
    parser.add_argument("--base", metavar="NAME", help="pretrained weights that are here, or `nothing`")
    parser.add_argument("--dry-run", action="store_true", help="show the recipe and write nothing")
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Write the recipe, unless it is a dry run, and print what was found.

    Raises DataError for data of which no recipe can be made, ParamsError where the user has to choose between columns,
    for a name that is taken, and for a recipe that would be refused.
    """
    from chainrule.inspection import choices, detection, doubts, machine, writing
    from chainrule.inspection.examples import Options
    from chainrule.recipes import rewriting
    from chainrule.recipes.check import RECIPE_NAME, find_mistakes
    from chainrule.tasks.catalogue import TASKS

    root, name = arguments.root.resolve(), arguments.name
    if not RECIPE_NAME.fullmatch(name):
        raise ParamsError(f"{name}: a recipe's name is lower-case letters, digits, - and _")
    if not arguments.data:
        raise ParamsError("--data is empty; it names a file or folder of examples")
    if arguments.task not in (None, *TASKS):
        raise ParamsError(f"--task {arguments.task}: one of {', '.join(TASKS)} is needed")
    rewriting.added(root, name, {}, "")  # there is none of that name
    options = Options(arguments.target, arguments.task, arguments.group, arguments.sheet)
    found = detection.detect(Path(arguments.data), options)
    plan = choices.choose(found, root, arguments.base, machine.this_machine())
    block = writing.block(found, plan, root)
    if mistakes := find_mistakes({"recipes": {name: block}}):
        raise ParamsError("\n  ".join(["no recipe for these data is right:", *map(str, mistakes)]))
    before, after = rewriting.added(root, name, block, writing.title(found, Path(arguments.data)))
    doubtful = [*found.doubts, *doubts.of_rows(found.rows), *doubts.of_labels(found.labels)]
    print("\n".join(_said(found.found, plan.why, doubtful)))
    print(after.removeprefix(before.rstrip()).strip("\n"))
    if arguments.dry_run:
        print("\nnothing is written: a dry run")
        return 0
    rewriting.write(root, before, after)
    print(f"\nwritten into params.yaml as recipes.{name}. Now:\n")
    print(f"  uv run dvc repro export@{name}\n  open reports/{name}/report.html")
    return 0


def _said(found: tuple[str, ...], why: tuple[str, ...], doubts: list[str]) -> list[str]:
    """Return what was found, chosen and doubted, a line each."""
    return [
        *found,
        "",
        *why,
        *(["", *(f"look at this: {doubt}" for doubt in doubts)] if doubts else []),
        "",
    ]
