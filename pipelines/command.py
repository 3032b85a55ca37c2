"""The command line of `python -m pipelines.chain`; imports Prefect only when there is something to do."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from chainrule.system import quick
from chainrule.system.errors import ChainruleError
from pipelines import flow_runs, server
from pipelines.budget import cores_for
from pipelines.runner import Runner

RETRIES = 2


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    words = argparse.ArgumentParser(
        "python -m pipelines.chain",
        description="Run every stale stage of the chain, independent ones side by side, as a Prefect flow.",
        epilog="Exit codes: 0 done or nothing to do, 1 a stage failed, 2 mistakes in params.yaml or in the arguments, "
        "130 Ctrl-C, 143 SIGTERM or a closed terminal, 3 cancelled.",
    )
    words.add_argument("recipes", nargs="*", help="recipes of params.yaml (default: all)")
    words.add_argument("--cores", type=int, help="cores to use at most (default: CHAINRULE_CORES, else all)")
    words.add_argument(
        "--retries", type=int, default=RETRIES, help=f"further attempts at a stage that may pass (default: {RETRIES})"
    )
    words.add_argument("--force", action="store_true", help="run every stage, stale or not")
    return words


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; a mistake of the user's is one line on stderr."""
    arguments = parser().parse_args(argv)
    server.set_defaults()
    signal.signal(signal.SIGHUP, _terminal_closed)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        if arguments.retries < 0:
            raise ChainruleError(f"--retries {arguments.retries}: at least 0 is needed")
        cores = cores_for(arguments.cores)
        # DVC's plan is made in a process of its own while this one imports Prefect.
        runner = Runner(Path.cwd(), arguments.recipes, force=arguments.force)
        try:
            return _run(runner, arguments, cores)
        finally:
            runner.end()
    except server.GoneError as error:
        print(f"chain: {error}", file=sys.stderr, flush=True)
        os._exit(error.exit_code)  # at a usual exit Prefect would try for minutes to send what it still has
    except ChainruleError as error:
        print(f"chain: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("chain: interrupted", file=sys.stderr)
        return 130


def _run(runner: Runner, arguments: argparse.Namespace, cores: int) -> int:
    from pipelines import chain

    quick.started()
    plan = runner.plan()
    flow_runs.send_what_waits(runner.root)
    if not plan.stages:
        print(f"chain: nothing is stale in {', '.join(arguments.recipes) or 'any recipe'}", flush=True)
        flow_runs.close_dead_if_reachable()
        return 0
    server.at_hand()
    state = chain.start(runner, arguments.recipes, arguments.force, cores, arguments.retries)
    if state.is_completed():
        return 0
    print(f"chain: {state.message}", file=sys.stderr)
    return 3 if state.is_cancelled() else 1


def _terminal_closed(*_: object) -> None:
    """Treat SIGHUP as SIGTERM, which Prefect knows how to record."""
    os.kill(os.getpid(), signal.SIGTERM)


def _terminated(*_: object) -> None:
    """Leave through every `finally`; during the flow Prefect's handler stands in this one's place."""
    sys.exit(128 + signal.SIGTERM)
