"""How a stage shares the machine: it dies with the process that started it, and cores are lent, not grabbed."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from chainrule.runs.journal import birth
from chainrule.system import locks
from chainrule.system.errors import ChainruleError

POLL_SECONDS = 0.25
CORES = "CHAINRULE_CORES"
STARTER = "CHAINRULE_STARTER"
"""`<pid>:<birth>` of the flow that all this is part of; processes end when it is gone, however far above them it is."""
DVC_MODULES = ("dvc", "pipelines.dvc_runner")
"""Modules that reproduce stages when they are run with `python -m`."""
PR_SET_PDEATHSIG = 1


def is_dvc(process: psutil.Process) -> bool:
    """Whether a process is DVC's command line, or a flow's stand-in for it, however it was started."""
    try:
        words = process.cmdline()[:3]
    except psutil.Error:
        return False
    named = any(Path(word).name in ("dvc", "dvc.exe") for word in words)
    return named or (words[1:2] == ["-m"] and words[2] in DVC_MODULES)


def starters() -> list[psutil.Process]:
    """Return the ancestors up to the nearest DVC process; the parent alone when there is none.

    DVC starts a stage through a shell, which outlives a killed DVC: watching the parent alone is not enough.
    """
    ancestors = psutil.Process().parents()
    for position, ancestor in enumerate(ancestors):
        if is_dvc(ancestor):
            return ancestors[: position + 1]
    return ancestors[:1]


def identity() -> str:
    """Return what CHAINRULE_STARTER must be for processes that are to end with this one."""
    return f"{os.getpid()}:{birth(os.getpid())}"


def flow_process() -> tuple[int, str] | None:
    """Return (pid, birth) from CHAINRULE_STARTER, None where it is not set; ChainruleError if it is malformed."""
    word = os.environ.get(STARTER)
    if not word:
        return None
    pid, found, born = word.partition(":")
    if not found or not pid.isdecimal() or not born:
        raise ChainruleError(f"{STARTER}={word!r}: <pid>:<birth> is needed; a flow sets it, nobody else needs to")
    return int(pid), born


def die_with_starters() -> None:
    """End this process, at once and without clean-up, as soon as one of its starters is gone.

    A stage that outlived its DVC would write beside the copy that the next `dvc repro` starts. Raises ChainruleError
    for a CHAINRULE_STARTER that is malformed.
    """
    watched = starters()
    flow = flow_process()

    def watch() -> None:
        while all(_alive(process) for process in watched) and (flow is None or birth(flow[0]) == flow[1]):
            time.sleep(POLL_SECONDS)
        os._exit(137)

    threading.Thread(target=watch, name="die-with-starters", daemon=True).start()


def end_with_parent() -> None:
    """Let the kernel kill this process when the thread that started it ends, where the kernel can (Linux)."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the kernel was asked
            os._exit(137)


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def available_cores() -> int:
    """Return how many cores this process may use: its affinity, cut down by a container's CPU quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota_file = Path("/sys/fs/cgroup/cpu.max")
    if quota_file.is_file():
        quota, period = quota_file.read_text().split()
        if quota != "max":
            cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def wanted_cores() -> int:
    """Return CHAINRULE_CORES if it is set (at most what is there), else every core this process may use."""
    wish = os.environ.get(CORES)
    if wish is None:
        return available_cores()
    if not wish.isdecimal() or int(wish) < 1:
        raise ChainruleError(f"{CORES}={wish!r}: a whole number of cores, at least 1, is needed")
    return min(int(wish), available_cores())


@contextmanager
def lent_cores(name: str, folder: Path) -> Iterator[int]:
    """Wait until `wanted_cores` of the project are free, hold them for the block and yield their number.

    folder: where the project keeps its locks of cores. One training of a project after the other: side by side none
    would end sooner, and both would need their memory at once. Other projects on the machine are not waited for; the
    kernel shares the cores out. A fixed number of cores rather than whatever is left over: the number of threads
    decides the last bits of the weights.
    """
    wanted = wanted_cores()
    folder.mkdir(parents=True, exist_ok=True)
    cores = [folder / f"core-{index}.lock" for index in range(available_cores())]
    said = False

    def say() -> None:
        nonlocal said
        if not said:
            print(f"{name}: {_why_it_waits(wanted, cores)}", flush=True)
        said = True

    with ExitStack() as held:
        # One process at a time collects cores, so that two cannot hold half each and wait for ever.
        with ExitStack() as queue:
            while not _take(folder / "queue.lock", name, queue):
                time.sleep(POLL_SECONDS)
                if locks.is_held(folder / "queue.lock"):  # by one that waits, not one that just passes
                    say()
            taken: set[Path] = set()
            while len(taken) < wanted:
                for core in cores:
                    if len(taken) < wanted and core not in taken and _take(core, name, held):
                        taken.add(core)
                if len(taken) < wanted:
                    say()
                    time.sleep(POLL_SECONDS)
        yield wanted


def _take(path: Path, name: str, until: ExitStack) -> bool:
    """Take a lock in this name, to be let go when `until` closes; False if another process has it."""
    descriptor = locks.take(path)
    if descriptor is None:
        return False
    until.callback(os.close, descriptor)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{name} (process {os.getpid()})".encode())
    return True


def _why_it_waits(wanted: int, cores: list[Path]) -> str:
    """Return what is waited for, who has it and how to go on, in words."""
    holders = sorted({core.read_text("utf-8", "replace") for core in cores if locks.is_held(core)} - {""})
    who = f", held by {', '.join(holders)}" if holders else ""
    return (
        f"waits for {wanted} of {len(cores)} cores{who}; it goes on by itself when they are free, "
        f"or end that process, or set {CORES}=1 for all stages to run them side by side"
    )
