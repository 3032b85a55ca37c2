"""The flow's side of `pipelines.dvc_runner`: start it, read its plan, let it run stages, end it with all it started."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from chainrule.system.errors import ChainruleError, ParamsError
from chainrule.system.processes import STARTER, identity
from pipelines.dvc_runner import end_session

END_SECONDS = 5.0
GONE = "the process that runs the stages is gone; start the flow again"
PROGRESS_SECONDS = 10.0
"""A bar that redraws itself becomes a line at most this often."""


@dataclass(frozen=True)
class Plan:
    """What there is to do."""

    stages: dict[str, list[str]]
    """Address of each stage that is stale or follows a stale one -> those among them that it waits for."""
    stale: list[str]
    """The addresses of those that are stale whatever the others write."""


class Runner:
    """A runner process, and the stages it runs for this flow."""

    def __init__(self, root: Path, recipes: Sequence[str] = (), *, force: bool = False) -> None:
        """Start the runner, which makes its plan at once; `recipes` are all if empty."""
        self.root = root
        ours, theirs = socket.socketpair()
        tools = Path(sys.executable).parent  # not resolved: the link in the virtual environment finds its packages
        environment = os.environ | {
            STARTER: identity(),
            "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-m", "pipelines.dvc_runner", str(theirs.fileno()), "force" if force else "stale"]
        with theirs:
            self._process = subprocess.Popen(
                [*command, *recipes],
                cwd=root,
                env=environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is the flow's to act on
            )
        self._socket = ours
        self._plan: Future[dict[str, Any]] = Future()
        self._started: dict[int, Future[int]] = {}
        self._ended: dict[int, Future[int]] = {}
        self._leaders: dict[int, int] = {}  # id of a run that goes on -> the process that leads its session
        self._numbers = count()
        self._sending = threading.Lock()
        self._state = threading.Lock()
        self.ending = False
        """Whether `end` was called: what stages come to after that is no news."""
        self._gone = False
        threading.Thread(target=self._listen, name="dvc-runner", daemon=True).start()

    def plan(self) -> Plan:
        """Wait for the plan. Raises ChainruleError with what the user has to mend, ParamsError for params.yaml."""
        message = self._plan.result()
        if "refusal" in message:
            raise (ParamsError if message["code"] == ParamsError.exit_code else ChainruleError)(message["refusal"])
        return Plan(**message["plan"])

    def run(self, address: str, environment: dict[str, str], say: Callable[[str], object], *, force: bool) -> int:
        """Reproduce one stage, give each line it prints to `say`, and return its exit code when it has ended."""
        number = next(self._numbers)
        read_end, write_end = os.pipe()
        request = {"run": number, "address": address, "environment": environment, "force": force}
        ended: Future[int] = Future()
        with self._state:
            started: Future[int] = Future()
            self._started[number], self._ended[number] = started, ended
        with open(read_end, "rb", buffering=0) as output:
            try:
                # The answer is awaited: messages with a descriptor must not run into one another.
                with self._sending:
                    self._check()
                    socket.send_fds(self._socket, [json.dumps(request).encode()], [write_end])
                    os.close(write_end)
                    write_end = -1
                    started.result()
            finally:
                if write_end >= 0:
                    os.close(write_end)
            for line in lines(output.fileno()):
                say(line)
        return ended.result()

    def _check(self) -> None:
        if self.ending or self._gone:
            raise ChainruleError(GONE)

    def _listen(self) -> None:
        """Hand the runner's messages out; when it is gone, end what it ran."""
        with self._socket.makefile("rb") as messages:
            try:
                for line in messages:
                    self._take(json.loads(line))
            except OSError:
                pass  # closed by `end`
        with self._state:
            self._gone = True
            leaders = list(self._leaders.values())
            waiting: list[Future[Any]] = [*self._started.values(), *self._ended.values(), self._plan]
        for leader in leaders:
            end_session(leader)
        for future in waiting:
            if not future.done():
                future.set_exception(ChainruleError(GONE))

    def _take(self, message: dict[str, Any]) -> None:
        if "started" in message:
            with self._state:
                self._leaders[message["started"]] = message["pid"]
            self._started.pop(message["started"]).set_result(message["pid"])
        elif "ended" in message:
            with self._state:
                del self._leaders[message["ended"]]
                ended = self._ended.pop(message["ended"])
            ended.set_result(message["code"])
        else:
            self._plan.set_result(message)

    def end(self) -> None:
        """End the runner and every process of every stage it runs; when this returns they are gone."""
        self.ending = True
        with suppress(OSError):  # the runner went first
            self._socket.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with self._state:
            leaders = list(self._leaders.values())
        for leader in leaders:
            end_session(leader)
        deadline = time.monotonic() + END_SECONDS
        while any(map(_session_lives, leaders)) and time.monotonic() < deadline:
            time.sleep(0.01)
        self._socket.close()


def _session_lives(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def lines(descriptor: int) -> Iterator[str]:
    """Yield the lines that come out of a pipe, until its last writer is gone.

    What ends in a carriage return is a bar that redraws itself: it becomes a line at most every ten seconds.
    """
    rest = b""
    next_progress = time.monotonic() + PROGRESS_SECONDS
    while chunk := os.read(descriptor, 1 << 16):
        rest += chunk.replace(b"\r\n", b"\n")
        *whole, rest = rest.split(b"\n")
        for line in whole:
            yield line.rpartition(b"\r")[2].decode(errors="replace")
        if b"\r" in rest:
            drawn, _, newest = rest.rpartition(b"\r")
            shown = drawn.rpartition(b"\r")[2]
            if shown and time.monotonic() >= next_progress:
                next_progress = time.monotonic() + PROGRESS_SECONDS
                yield shown.decode(errors="replace")
            rest = b"\r" + newest
    if last := rest.strip(b"\r"):
        yield last.decode(errors="replace")
