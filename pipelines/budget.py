"""Who may run now: cores and GPUs are counted, and lent to the stage that has the most behind it."""

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from chainrule.system.errors import ChainruleError
from chainrule.system.processes import CORES, available_cores, wanted_cores

TRAINS = frozenset({"pretrain", "finetune", "evaluate", "examine", "export"})
"""Stages that keep every core they are lent busy (`trains=True` in their modules), and a GPU."""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Share:
    """What a stage is lent."""

    cores: int
    gpu: str | None
    """As CUDA_VISIBLE_DEVICES names it; None for a stage without one."""
    trains: bool

    def environment(self) -> dict[str, str]:
        """Return the variables that keep a stage within its share."""
        if not self.trains:
            return dict.fromkeys(ONE_THREAD, "1")
        return {CORES: str(self.cores)} | ({VISIBLE: self.gpu} if self.gpu is not None else {})


class ClosedError(Exception):
    """The budget lends nothing any more: the flow is ending."""


class Budget:
    """Cores and GPUs that stages borrow; never more at once than there are."""

    def __init__(self, cores: int, gpus: Sequence[str] = ()) -> None:
        """`cores` is at least 1; `gpus` are names for CUDA_VISIBLE_DEVICES."""
        self.cores = self.free = cores
        self.gpus = tuple(gpus)
        self.idle = list(gpus)
        self._waiting: list[tuple[int, int, int, bool]] = []  # (-urgency, order of arrival, cores, trains)
        self._arrivals = 0
        self._closed = False
        self._change = threading.Condition()

    def wish(self, stage: str) -> tuple[int, bool]:
        """Return (cores, whether it trains) of a stage, such as `finetune`.

        A training takes all cores, for their number decides the last bits of the weights; with several GPUs each
        takes its part of them.
        """
        trains = stage in TRAINS
        return (max(1, self.cores // max(1, len(self.gpus))) if trains else 1), trains

    @contextmanager
    def lend(self, stage: str, urgency: int = 0) -> Iterator[Share]:
        """Wait until the stage's share is free and hold it for the block; raises ClosedError once `close` was called.

        Of those whose share is free the most urgent goes first. A small one may pass a large one that does not fit
        yet: stages end, so the large one's turn comes.
        """
        cores, trains = self.wish(stage)
        with self._change:
            self._arrivals += 1
            mine = (-urgency, self._arrivals, cores, trains)
            self._waiting.append(mine)
            try:
                while not self._closed and min(filter(self._fits, self._waiting), default=None) != mine:
                    self._change.wait()
            finally:
                self._waiting.remove(mine)
                self._change.notify_all()
            if self._closed:
                raise ClosedError
            self.free -= cores
            gpu = self.idle.pop(0) if trains and self.gpus else None
        try:
            yield Share(cores, gpu, trains)
        finally:
            with self._change:
                self.free += cores
                if gpu is not None:
                    self.idle.append(gpu)
                self._change.notify_all()

    def _fits(self, wanted: tuple[int, int, int, bool]) -> bool:
        _, _, cores, trains = wanted
        return cores <= self.free and (not trains or not self.gpus or bool(self.idle))

    def close(self) -> None:
        """Lend nothing any more; whoever waits gets ClosedError."""
        with self._change:
            self._closed = True
            self._change.notify_all()


def cores_for(wish: int | None) -> int:
    """Return the cores of a budget: `wish`, else CHAINRULE_CORES, else all; at most those that there are.

    Raises ChainruleError for fewer than 1.
    """
    if wish is None:
        return wanted_cores()
    if wish < 1:
        raise ChainruleError(f"--cores {wish}: at least 1 is needed")
    return min(wish, available_cores())


def visible_gpus() -> list[str]:
    """Return the GPUs that stages may use, as CUDA_VISIBLE_DEVICES names them; empty where there is no driver."""
    chosen = os.environ.get(VISIBLE)
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False, timeout=20)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return []
    there = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]
    if listed.returncode != 0 or not there:
        return []
    if chosen is None:
        return [str(number) for number in range(len(there))]
    return [name.strip() for name in chosen.split(",") if name.strip() and name.strip() != "-1"]


def urgencies(after: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return how many stages the longest way from each stage to the end of the chain has, itself included.

    after: stage -> the stages it waits for, all of them keys, without circles.
    """
    behind: dict[str, list[str]] = {stage: [] for stage in after}
    for stage, waited_for in after.items():
        for name in waited_for:
            behind[name].append(stage)
    lengths: dict[str, int] = {}

    def length(stage: str) -> int:
        if stage not in lengths:
            lengths[stage] = 1 + max(map(length, behind[stage]), default=0)
        return lengths[stage]

    return {stage: length(stage) for stage in after}
