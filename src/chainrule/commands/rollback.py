"""`chainrule rollback`: back to the champion before."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("recipe", help="name of a recipe")
    parser.add_argument("--reason", default="no reason given", help="why; kept in the history")
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Roll back and say what happened; ChainruleError if there is no former champion or it fails its trial."""
    from chainrule.release import promotion

    move = promotion.rollback(arguments.root.resolve(), arguments.recipe, reason=arguments.reason)
    print(
        f"{arguments.recipe}: back from version {move.before} to version {move.after}; a running server takes it over"
    )
    return 0
