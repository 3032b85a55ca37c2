"""PostgreSQL, an S3 server, MLflow, Prefect with two workers and the model server on this machine, without Docker.

    uv run python -m deploy.team start     start them, each when what it needs answers
    uv run python -m deploy.team status    what answers; exit code 1 unless all do
    uv run python -m deploy.team env       the variables for a shell: eval "$(uv run python -m deploy.team env)"
    uv run python -m deploy.team stop      end them, and all that they started
    uv run python -m deploy.team run       the same as start, in the foreground; Ctrl-C ends them

docs/deploy.md explains the rest. Everything listens on 127.0.0.1.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from chainrule.system import locks
from chainrule.system.errors import ChainruleError
from deploy import servers, settings, supervisor
from deploy.piece import Piece
from deploy.postgres import postgres
from deploy.s3 import s3
from deploy.settings import Settings
from pipelines import cron

PROJECT = Path(__file__).resolve().parents[1]
STOP_SECONDS = 150.0


def pieces(team: Settings) -> list[Piece]:
    """Return the pieces in the order in which they start. Raises ChainruleError if a program is missing."""
    above = [servers.mlflow(team), servers.prefect(team), *servers.workers(team), servers.serve(team)]
    return [postgres(team), s3(team), *above]


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def start(team: Settings) -> int:
    """Start the team in the background and return when all of it answers; 0 also if it runs already."""
    if locks.is_held(supervisor.lock_file(team.folder)):
        say(f"the team in {team.folder} runs already")
        return status(team)
    pieces(team)  # what is missing is said here, not in a log
    cron.check_file(team.project / "prefect.yaml")
    log = team.folder / "logs" / "team.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    supervisor.state_file(team.folder).unlink(missing_ok=True)
    with log.open("ab") as file:
        offset = file.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.team", "run", "--folder", str(team.folder)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=PROJECT,
            start_new_session=True,
        )
    try:
        while process.poll() is None and not supervisor.state(team.folder).get("ready"):
            time.sleep(supervisor.POLL_SECONDS)
            offset = _show(log, offset)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
    _show(log, offset)
    return process.poll() or 0


def _show(log: Path, offset: int) -> int:
    """Print the whole lines after byte `offset` and return the offset after them."""
    with log.open("rb") as file:
        file.seek(offset)
        lines, _, _ = file.read().rpartition(b"\n")
    if not lines:
        return offset
    say(lines.decode(errors="replace"))
    return offset + len(lines) + 1


def stop(team: Settings) -> int:
    """End the team, also what a killed supervisor left; 0 when nothing of it is left."""
    pid = supervisor.state(team.folder).get("pid")
    lock = supervisor.lock_file(team.folder)
    if locks.is_held(lock):
        if pid is None:
            raise ChainruleError(f"the team in {team.folder} is just starting or ending: try again in a moment")
        os.kill(pid, signal.SIGTERM)
        try:
            psutil.Process(pid).wait(STOP_SECONDS)
        except psutil.NoSuchProcess:
            pass
        except psutil.TimeoutExpired:
            raise ChainruleError(f"the supervisor (pid {pid}) does not end: kill -9 {pid}, then stop again") from None
    left = supervisor.end_marked(f"{team.folder}|")
    say("everything is ended" + (f" ({left} processes were left over)" if left else ""))
    return 0


def status(team: Settings) -> int:
    """Print a line per piece; 0 if all answer."""
    held = locks.is_held(supervisor.lock_file(team.folder))
    known = supervisor.state(team.folder).get("pieces", {}) if held else {}
    if not held:
        say(f"the team in {team.folder} does not run: python -m deploy.team start")
        return 1
    right = True
    for piece in pieces(team):
        one = known.get(piece.name)
        wrong = piece.wrong() if one and psutil.pid_exists(one["pid"]) else "not running"
        right = right and wrong is None
        again = f", restarted {one['restarts']} times" if one and one["restarts"] else ""
        say(f"{piece.name:10} {wrong or 'answers'}  {piece.address}  pid {one['pid'] if one else '-'}{again}")
    return 0 if right else 1


def env(team: Settings) -> int:
    """Print the variables with which DVC, MLflow and Prefect find the team, for a shell."""
    for name, text in settings.client(team).items():
        print(f"export {name}={shlex.quote(text)}")
    return 0


def run(team: Settings) -> int:
    """Run the team in the foreground until it is told to end."""
    supervisor.run(team.folder, lambda: pieces(team), say)
    return 0


COMMANDS: dict[str, Callable[[Settings], int]] = {
    "start": start,
    "status": status,
    "env": env,
    "stop": stop,
    "run": run,
}


def main(words: list[str] | None = None) -> int:
    """Run one of the commands and return its exit code; a mistake is one line on stderr and 1."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="python -m deploy.team", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=COMMANDS)
    default = PROJECT / ".chainrule" / "team"
    parser.add_argument("--folder", type=Path, default=default, help="data, logs and secrets (default: %(default)s)")
    asked = parser.parse_args(words)
    try:
        return COMMANDS[asked.command](settings.read(PROJECT, asked.folder))
    except ChainruleError as error:
        print(f"deploy.team: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
