"""`chainrule gradcheck`: analytic against numeric derivatives of every block of a recipe's net."""

import argparse
from pathlib import Path
from typing import Any

HEAD = ("block", "made of", "weights", "relative error", "")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("recipe", help="name of a recipe")
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Print a table for fine-tuning and one for pretraining, if there is any; 1 if a derivative is wrong."""
    from chainrule.recipes import check
    from chainrule.recipes.file import recipe_block
    from chainrule.training.audit import derivatives, rehearsal
    from chainrule.training.audit.layers import layers

    root = arguments.root.resolve()
    check.check(root)
    block = recipe_block(root, arguments.recipe)
    wrong = 0
    for trial in rehearsal.trials(root, arguments.recipe, block):
        print(f"{arguments.recipe}: {trial.said}")
        parts = [layer for layer in layers(trial.objective) if layer.modules]
        width = max(len("block"), *(len(layer.name) for layer in parts))
        print(_line(width, *HEAD))
        for found in derivatives.check(trial.objective, parts, trial.batches, int(block["seed"])):
            print(_row(width, found), flush=True)
            wrong += not found.ok
        print()
    if wrong:
        print(f"{wrong} derivatives disagree by more than {derivatives.TOLERANCE:g}: the backward pass there is wrong")
    else:
        print(f"all derivatives agree to {derivatives.TOLERANCE:g}")
    return int(wrong > 0)


def _row(width: int, found: Any) -> str:
    if found.error is None:
        return _line(width, found.name, found.kind, f"{found.parameters:,}", "not called", "")
    verdict = "ok" if found.ok else f"FAILS at {found.worst}"
    return _line(width, found.name, found.kind, f"{found.parameters:,}", f"{found.error:.1e}", verdict)


def _line(width: int, *cells: str) -> str:
    name, kind, weights, error, verdict = cells
    kind = kind if len(kind) <= 36 else f"{kind[:35]}…"
    return f"{name:{width}}  {kind:36}  {weights:>13}  {error:>14}  {verdict}".rstrip()
