"""`chainrule rates`: which learning rates a recipe's training bears, tried on its own net, rows and objective."""

import argparse
import subprocess
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe of params.yaml")
    parser.add_argument("--stage", choices=("finetune", "pretrain"), default="finetune", help="default: finetune")
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Run the test as the stage runs, a process of its own with the cores that are free, and return its exit code."""
    command = [sys.executable, "-m", "chainrule.stages.rates", arguments.stage, arguments.recipe]
    return subprocess.run(command, cwd=arguments.root, check=False).returncode
