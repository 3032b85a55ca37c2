"""`chainrule tune`: search for better settings of a recipe on its validation rows, and show what to change."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from chainrule.system.errors import ParamsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes; what is not said stands in the recipe's section `search`, or has its default."""
    parser.add_argument("recipe", help="name of a recipe; what goes before its training must be up to date")
    add_options(parser)
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="processes, which share the cores (default: 1)"
    )
    parser.add_argument("--apply", action="store_true", help="write the best values into params.yaml")
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what says how to search."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUES",
        help="search this key, such as finetune.learning_rate=1e-5..1e-3:log, finetune.epochs=2..8:2, "
        "finetune.batch_size=16,32; instead of the recipe's own space",
    )  # fmt: skip
    parser.add_argument("--trials", type=int, metavar="N", help="so many trials in all, those of before included")
    parser.add_argument("--sampler", help="tpe, random or grid")
    parser.add_argument("--pruner", help="median, hyperband or none")
    parser.add_argument("--seed", type=int, help="seed of the sampler (default: the recipe's)")
    parser.add_argument(
        "--storage", metavar="URL", help="a database of several machines (default: .chainrule/search.db)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Search and show what was found; 1 where no trial could be trained.

    Raises ParamsError for options or a params.yaml that are mistaken, DataError where what the trials read is stale.
    """
    from chainrule.search import finding, plan, study, worker

    if arguments.jobs < 1:
        raise ParamsError(f"--jobs {arguments.jobs}: at least 1")
    options = {"space": parsed(arguments.set) or None} | {
        name: getattr(arguments, name) for name in ("trials", "sampler", "pruner")
    }
    root = arguments.root.resolve()
    made = plan.make(root, arguments.recipe, options, seed=arguments.seed, storage=arguments.storage)
    opened = study.open_study(made)
    print(worker.heading(made, study.left(opened, made)))
    worker.run(made, arguments.jobs, lambda line: print(line, flush=True))
    return finding.show(made, opened, arguments.apply, again(arguments))


def parsed(given: list[str]) -> dict[str, Any]:
    """Return the space that `--set` options say: a range stays text, anything else is a list of YAML's values."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    space: dict[str, Any] = {}
    for option in given:
        key, found, text = option.partition("=")
        if not found or not key or not text:
            raise ParamsError(f"--set {option}: KEY=VALUES is needed, such as finetune.epochs=2..8")
        try:
            space[key] = text if ".." in text else YAML(typ="safe").load(f"[{text}]")
        except YAMLError as error:
            raise ParamsError(f"--set {option}: {' '.join(str(error).split())[:120]}") from None
    return space


def again(arguments: argparse.Namespace) -> str:
    """Return the command that applies what this one finds."""
    words = ["chainrule", "tune", arguments.recipe, *(f"--set={option}" for option in arguments.set)]
    words += [
        f"--{name}={getattr(arguments, name)}"
        for name in ("trials", "sampler", "storage")
        if getattr(arguments, name) is not None
    ]
    return shlex.join([*words, "--apply"])
