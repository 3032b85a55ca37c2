"""The command `chainrule`: serving, the registry's moves, and what else is no stage of the chain."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from chainrule.system import progress, quick
from chainrule.system.errors import ChainruleError

COMMANDS = {
    "compare": ("chainrule.commands.compare", "two models on the same rows: metrics, slices, rows that changed sides"),
    "crossvalidate": (
        "chainrule.commands.crossvalidate",
        "what a recipe is worth on rows left out in turn, with its spread",
    ),
    "ensemble": ("chainrule.commands.ensemble", "several models that answer as one, in one bundle"),
    "export-triton": ("chainrule.exporting.triton", "write a bundle as a model repository of Triton and KServe"),
    "gradcheck": ("chainrule.commands.gradcheck", "analytic against numeric derivatives of each block of a net"),
    "models": ("chainrule.commands.models", "what is registered, what is champion and how it came to be"),
    "new": ("chainrule.commands.new", "look at data, say what it is, and write a recipe for it into params.yaml"),
    "predict": ("chainrule.commands.predict", "answer every row of a file, or every file of a folder"),
    "promote": ("chainrule.commands.promote", "try a version of a model and make it the one that is served"),
    "rates": ("chainrule.commands.rates", "try growing learning rates on a recipe's own training, and suggest one"),
    "register": ("chainrule.commands.register", "make a version of a bundle that is here, as after `dvc pull`"),
    "reproduce": ("chainrule.commands.reproduce", "rebuild a registered model from its commit, and compare"),
    "rollback": ("chainrule.commands.rollback", "make the champion before the present one champion again"),
    "serve": ("chainrule.serving.server", "answer for every champion over the Open Inference Protocol v2"),
    "status": ("chainrule.commands.status", "what is stale and why, what is champion, what comes next"),
    "tune": ("chainrule.commands.tune", "search for better settings of a recipe on its validation rows"),
    "ui": ("chainrule.commands.ui", "MLflow's pages of this project's runs and models"),
    "words": ("chainrule.commands.words", "the nearest neighbours of a word, or of a sum such as king - man + woman"),
}
"""Subcommand -> its module, with `add_arguments(parser)` and `run(arguments) -> exit code`, and one line of help."""

BROKEN_PIPE = 141
"""As a shell names the end of a program whose reader has left."""
REMEDY = (
    "in the clone, `uv sync` installs all and `uv sync --no-default-groups --extra serve` what the server needs; "
    'elsewhere, `pip install "FILE.whl[serve]"` (or [train]), where `uv build` in the clone makes FILE.whl'
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit code; a mistake of the user's is one line on stderr."""
    progress.write_anything()
    quick.end_at_once()
    words = list(sys.argv[1:] if argv is None else argv)
    # Only the module of the command that was asked for is imported: each start-up pays for itself alone.
    wanted = next((word for word in words if not word.startswith("-")), None)
    try:
        try:
            arguments = _parse(words, wanted)
            return int(importlib.import_module(COMMANDS[arguments.command][0]).run(arguments))
        finally:
            sys.stdout.flush()  # here, where a reader that has left is no surprise
    except ChainruleError as error:
        print(f"chainrule {wanted}: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "chainrule":
            raise
        print(f"chainrule {wanted}: {error.name} is not installed: {REMEDY}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `chainrule status | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _parse(words: Sequence[str], wanted: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chainrule", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module_name, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name == wanted:
            importlib.import_module(module_name).add_arguments(command)
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
