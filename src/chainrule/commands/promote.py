"""`chainrule promote`: try a version and serve it."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("recipe", help="name of a recipe")
    parser.add_argument("version", nargs="?", type=int, help="number of a version (default: the newest)")
    parser.add_argument("--reason", default="no reason given", help="why; kept in the history")
    parser.add_argument("--below-floor", action="store_true", help="also a version that is under its floor")
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Promote and say what happened; ChainruleError if the version does not pass its trial."""
    from chainrule.release import promotion

    recipe, root = arguments.recipe, arguments.root.resolve()
    move = promotion.promote(
        root, recipe, arguments.version, reason=arguments.reason, below_floor=arguments.below_floor
    )
    if move is None:
        print(f"{recipe}: version {promotion.served_version(root, recipe)} is champion and served here")
    else:
        was = "there was none" if move.before is None else f"it was {move.before}"
        print(f"{recipe}: version {move.after} is champion ({was}); a running server takes it over")
    return 0
