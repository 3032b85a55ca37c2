"""`chainrule crossvalidate`: what a recipe is worth on rows that it does not train on, each of k parts in turn."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("recipe", help="name of a recipe; what goes before its training must be up to date")
    parser.add_argument("--folds", type=int, default=5, metavar="K", help="parts that are held out (default: 5)")
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Train K times, from where an earlier call was interrupted, and say mean and spread.

    Raises ParamsError for a mistaken params.yaml or number, DataError where inputs are stale or groups too few.
    """
    from chainrule.crossvalidation import course, plan, summary

    root = arguments.root.resolve()
    made = plan.make(root, arguments.recipe, arguments.folds)
    print(f"{made.name}: {made.folds} trainings on training and validation rows; test rows are not read", flush=True)
    told = course.run(made, lambda line: print(line, flush=True))
    print()
    for line in summary.in_words(told, told["primary"]["unit"]):
        print(line)
    print(f"report: {', '.join(str(path.relative_to(root)) for path in course.places(made))}")
    return 0
