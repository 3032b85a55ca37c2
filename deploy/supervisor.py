"""Start the pieces in order, start again what dies, end everything: the process behind `team run` and `team start`.

Every process of a team has a mark in its environment, which its children inherit: so what a killed worker or server
left behind can be found, whatever session it lives in. If the supervisor itself is killed, its pieces get a signal from
the kernel, and the process at the end of a pipe (`python -m deploy.supervisor`) ends the rest.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import psutil

from chainrule.system import locks
from chainrule.system.errors import ChainruleError
from deploy.piece import Piece
from deploy.settings import MARK

START_SECONDS = 120.0
"""A piece has so long to answer; the first start makes databases."""
END_SECONDS = 15.0
"""A piece has so long to end by itself."""
LEFT_SECONDS = 5.0
"""And what it leaves behind, so long."""
LONGEST_PAUSE = 30.0
POLL_SECONDS = 0.2
LOG_BYTES = 20_000_000
"""A log that is larger when its piece starts is set aside, in the place of the one before it."""
PR_SET_PDEATHSIG = 1


class Running(NamedTuple):
    """A piece and its process."""

    piece: Piece
    process: subprocess.Popen[bytes]
    since: float


def lock_file(folder: Path) -> Path:
    """Return the file that the supervisor of this team holds while it lives."""
    return folder / "supervisor.lock"


def state_file(folder: Path) -> Path:
    """Return the file in which the supervisor says how far it is; one that was killed leaves it behind."""
    return folder / "state.json"


def state(folder: Path) -> dict[str, Any]:
    """Return what the supervisor last wrote: its pid, whether all answered, each piece's pid and its restarts."""
    try:
        written: dict[str, Any] = json.loads(state_file(folder).read_text())
    except FileNotFoundError:
        return {}
    return written


def run(folder: Path, make: Callable[[], list[Piece]], say: Callable[[str], None]) -> None:
    """Run the pieces until SIGTERM, SIGINT or SIGHUP; nothing of them is left when this returns, however it does.

    Raises ChainruleError if another supervisor has this folder, or a piece cannot be started or does not answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)  # as root, PostgreSQL's own user has to get through
    lock = locks.take(lock_file(folder))
    if lock is None:
        raise ChainruleError(f"the team in {folder} runs already")
    told: list[int] = []

    def tell(number: int, frame: FrameType | None) -> None:
        told.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, tell)
    mark = f"{folder}|{os.getpid()}-{time.time_ns()}|"
    running: dict[str, Running] = {}
    restarts: dict[str, int] = {}
    try:
        end_marked(f"{folder}|")  # what a killed supervisor left
        pieces = make()
        with _heir(mark):
            try:
                for piece in pieces:
                    _check_port(piece)
                    running[piece.name] = _start(folder, piece, mark, say)
                    _write_state(folder, running, restarts, ready=False)
                    if not _wait(folder, running[piece.name], told):
                        return
                    piece.settle()
                    say(f"{piece.name}: answers, {piece.address}")
                _write_state(folder, running, restarts, ready=True)
                say("all answer")
                _watch(folder, running, restarts, mark, told, say)
            finally:
                _end(folder, running, mark, say)
    finally:
        state_file(folder).unlink(missing_ok=True)
        os.close(lock)


def _check_port(piece: Piece) -> None:
    if piece.port is None:
        return
    number = int(piece.address.rpartition(":")[2])
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError as error:
            raise ChainruleError(
                f"{piece.name}: port {number} cannot be had ({error.strerror}): "
                f"end what listens there, or set {piece.port} to another"
            ) from None


def _start(folder: Path, piece: Piece, mark: str, say: Callable[[str], None]) -> Running:
    piece.prepare()
    log = _log(folder, piece)
    log.parent.mkdir(mode=0o700, exist_ok=True)
    if log.is_file() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    libc, parent, ending = ctypes.CDLL(None), os.getpid(), int(piece.end)

    def die_with_parent() -> None:
        libc.prctl(PR_SET_PDEATHSIG, ending)
        if os.getppid() != parent:
            os._exit(1)

    with log.open("ab") as file:
        process = subprocess.Popen(
            piece.command,
            env={**piece.env, MARK: f"{mark}{piece.name}"},
            cwd=piece.cwd or folder,
            user=piece.user,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    say(f"{piece.name}: started, pid {process.pid}, log {log}")
    return Running(piece, process, time.monotonic())


def _log(folder: Path, piece: Piece) -> Path:
    return folder / "logs" / f"{piece.name}.log"


def _wait(folder: Path, started: Running, told: list[int]) -> bool:
    """Wait until a piece answers; False if the supervisor was told to end meanwhile."""
    name, log = started.piece.name, _log(folder, started.piece)
    end = time.monotonic() + START_SECONDS
    while not told:
        wrong = started.piece.wrong()
        code = started.process.poll()
        if code is not None:
            last = log.read_text(errors="replace").strip().splitlines()[-3:]
            raise ChainruleError(f"{name}: ended with {code} instead of answering; {log} ends: {' / '.join(last)}")
        if wrong is None:
            return True
        if time.monotonic() > end:
            raise ChainruleError(f"{name}: no right answer after {START_SECONDS:.0f} s ({wrong}); see {log}")
        time.sleep(POLL_SECONDS)
    return False


def _watch(
    folder: Path,
    running: dict[str, Running],
    restarts: dict[str, int],
    mark: str,
    told: list[int],
    say: Callable[[str], None],
) -> None:
    """Start again what ends, after a pause that doubles while it keeps ending; return when told to."""
    due: dict[str, float] = {}
    pauses: dict[str, float] = {}
    while not told:
        now = time.monotonic()
        for name, (piece, process, since) in list(running.items()):
            if process.poll() is None:
                continue
            if name not in due:
                pauses[name] = 0.5 if now - since > 60 else min(2 * pauses.get(name, 0.25), LONGEST_PAUSE)
                due[name] = now + pauses[name]
                say(f"{name}: ended with {process.returncode}; starts again in {pauses[name]:.1f} s")
            elif now >= due[name]:
                del due[name]
                # Left-over children of a server hold its port. A worker's flow runs go on and report by themselves.
                if piece.port is not None:
                    end_marked(f"{mark}{name}")
                running[name] = _start(folder, piece, mark, say)
                restarts[name] = restarts.get(name, 0) + 1
                _write_state(folder, running, restarts, ready=True)
        time.sleep(POLL_SECONDS)


def _write_state(folder: Path, running: dict[str, Running], restarts: dict[str, int], *, ready: bool) -> None:
    pieces = {name: {"pid": one.process.pid, "restarts": restarts.get(name, 0)} for name, one in running.items()}
    fresh = folder / ".state.json"
    fresh.write_text(json.dumps({"pid": os.getpid(), "ready": ready, "pieces": pieces}))
    fresh.replace(state_file(folder))


def _end(folder: Path, running: dict[str, Running], mark: str, say: Callable[[str], None]) -> None:
    """End the pieces, the last started first, and what they started before what it needs."""
    for name in reversed(list(running)):
        piece, process, _ = running[name]
        if process.poll() is None:
            process.send_signal(piece.end)
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        left = end_marked(f"{mark}{name}")
        say(f"{name}: ended" + (f", and {left} processes that it had started" if left else ""))
    end_marked(mark)


def marked(prefix: str) -> list[psutil.Process]:
    """Return the processes whose mark begins so, this one excepted."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(MARK, "").startswith(prefix):
                found.append(process)
    return found


def end_marked(prefix: str) -> int:
    """End the processes whose mark begins so, after LEFT_SECONDS by force; return how many there were."""
    ended: set[int] = set()
    end = time.monotonic() + LEFT_SECONDS
    while found := marked(prefix):
        force = time.monotonic() > end
        for process in found:
            with suppress(psutil.Error):
                if force:
                    process.kill()
                elif process.pid not in ended:
                    # PostgreSQL waits for its clients on SIGTERM; on SIGINT it sends them away.
                    postgres = process.environ()[MARK].endswith("|postgres")
                    process.send_signal(signal.SIGINT if postgres else signal.SIGTERM)
        ended |= {process.pid for process in found}
        psutil.wait_procs(found, timeout=POLL_SECONDS)
    return len(ended)


@contextmanager
def _heir(mark: str) -> Iterator[None]:
    """Keep a process that ends everything with this mark if this one dies before the block is over."""
    heir = subprocess.Popen(
        [sys.executable, "-m", "deploy.supervisor", mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[1],
        start_new_session=True,
    )
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            heir.communicate(b"done")


if __name__ == "__main__" and sys.stdin.buffer.read() != b"done":
    end_marked(sys.argv[1])
