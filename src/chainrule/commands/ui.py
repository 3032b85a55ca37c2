"""`chainrule ui`: MLflow's pages, started quickly, and without what MLflow would tell its makers."""

import argparse
import os
import subprocess
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--port", type=int, default=5000, help="on this machine (default: 5000)")
    parser.add_argument("--root", type=Path, default=Path("."), help="the project (default: here)")


def run(arguments: argparse.Namespace) -> int:
    """Show MLflow's pages of this project's store; a tracking server is named, for it has pages of its own.

    Raises ChainruleError if there is no store yet.
    """
    from chainrule.release import promotion
    from chainrule.runs import places

    root = arguments.root.resolve()
    uri = places.tracking_uri(root)
    if places.sqlite_path(uri) is None:
        print(f"the runs are on a server, which has the pages: {promotion.without_password(uri)}")
        return 0
    with promotion.speaking(root):
        pass  # the store is there, whole, and knows where the project lies
    # One worker and no jobs, which are for generative AI: it is there sooner.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    place = ["--host", "127.0.0.1", "--port", str(arguments.port), "--workers", "1"]
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, *place]
    print(f"MLflow comes up at http://127.0.0.1:{arguments.port}; Ctrl-C ends it", flush=True)
    return subprocess.run(command, cwd=root, check=False).returncode
