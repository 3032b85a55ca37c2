"""Continuous batching (Yu et al. 2022, Orca, OSDI): every step makes a token of whatever is under way.

What is added waits until there is room, its prompt is read in parts between the steps of the others, and it joins them;
what is done leaves at once. One thread steps an engine at a time.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from chainrule.serving.decoding import caches
from chainrule.serving.decoding.caches import Arrays, Cache
from chainrule.serving.decoding.search import GONE, LATE, TIME, Found, Search
from chainrule.serving.padding import together
from chainrule.system.errors import ChainruleError

ENCODER_MASK = "encoder_mask"
_PAST, _PRESENT = "past_", "present_"


@dataclass(eq=False)
class Job:
    """One source whose text is made."""

    prompt: list[int]
    """Tokens to begin with, at least one."""
    search: Search
    fixed: Arrays = field(default_factory=dict)
    """Inputs of the decoder that stay, [1, ...]: the source's keys, values and mask."""
    most: int = 0
    """Tokens that may be made at most."""
    deadline: float = np.inf
    """When it ends with what there is, by `perf_counter`."""
    begin_by: float = np.inf
    """When it ends if it was not begun."""
    begun: float = 0.0
    """When its prompt began to be read."""
    keeps: frozenset[str] = frozenset()
    """Further outputs of the graph to be kept of each token."""
    gone: bool = False
    """Whether nobody waits for it any more; it ends at the next step."""
    told: Callable[["Job"], None] = lambda _: None
    """Called, in the engine's thread, after each step of it, and when it is done."""
    reason: str = ""
    """Why it ended; "" while it goes on."""
    steps: int = 0
    kept: list[Arrays] = field(default_factory=list)
    """By step, further outputs [rows, ...] for the token made in it."""

    @property
    def places(self) -> int:
        """Places in the cache that each of its rows may come to take, those of the source among them."""
        source = self.fixed.get(ENCODER_MASK)
        return len(self.prompt) + self.most + (0 if source is None else source.shape[1])

    def found(self) -> Found:
        """Return the text, or what there is of it."""
        best = self.search.best()
        best.reason = self.reason or best.reason
        return best

    def outputs(self, name: str) -> np.ndarray:
        """Return a further output [L, ...] that was kept of each of the best text's tokens."""
        path = self.search.best().path
        return np.stack([step[name][row] for step, row in zip(self.kept, path, strict=False)])


@dataclass
class _Reading:
    """Prompts that are read together, flush on the left."""

    jobs: list[Job]
    tokens: np.ndarray
    lengths: np.ndarray
    fixed: Arrays
    past: Arrays
    read: int = 0
    logits: list[np.ndarray | None] = field(default_factory=list)
    further: list[Arrays] = field(default_factory=list)


class Engine:
    """A decoder graph and what it decodes."""

    def __init__(
        self,
        run: Callable[[Arrays], Arrays],
        shapes: Mapping[str, tuple[int, int]],
        *,
        positions: bool = False,
        rows: int = 32,
        cells: int = 65536,
        part: int = 256,
    ) -> None:
        """Take what runs the graph, and by name of its `past_` inputs their heads and the width of one.

        positions: whether the graph wants `position_ids`; rows, cells: sequences, and places of the cache, of all that
        is under way (what needs more cells is decoded alone); part: tokens of a prompt, of all that are read together,
        at a time, which bounds how long the others wait and the memory of their logits.
        """
        self._run, self._shapes, self._positions = run, dict(shapes), positions
        self._rows, self._cells, self._part = rows, cells, part
        self._waiting: deque[Job] = deque()
        self._reading: _Reading | None = None
        self._running: list[Job] = []
        self._widths: list[int] = []
        self._tokens = np.zeros(0, np.int64)
        self._cache = caches.empty(shapes, 0)
        self._fixed: Arrays = {}
        self._fixed_for: list[tuple[Job, int]] = []  # whose rows they are, and how many of each

    @property
    def waiting(self) -> int:
        """Jobs that were not begun."""
        return len(self._waiting)

    @property
    def under_way(self) -> list[Job]:
        """Jobs that were begun and are not done."""
        return [*(self._reading.jobs if self._reading else ()), *self._running]

    @property
    def busy(self) -> bool:
        """Whether anything is to be done."""
        return bool(self._waiting or self._reading or self._running)

    def add(self, job: Job) -> None:
        """Have a text made; it is begun at a later step."""
        self._waiting.append(job)

    def step(self) -> None:
        """Read a part of what was added, and make one token of all that is under way.

        Raises what running the graph raises, and ChainruleError for logits that are no numbers; what was under way is
        then lost, and `drop` gives it back.
        """
        self._end_late()
        self._begin()
        if self._reading:
            self._read()
        if self._running:
            self._advance()

    def drop(self) -> list[Job]:
        """Forget everything that is under way, and return it."""
        dropped = self.under_way
        self._reading, self._running, self._widths = None, [], []
        self._tokens, self._cache = np.zeros(0, np.int64), caches.empty(self._shapes, 0)
        self._fixed, self._fixed_for = {}, []
        return dropped

    # ---- what comes and goes

    def _end_late(self) -> None:
        """End what nobody waits for, or what has taken its time."""
        now = perf_counter()
        for job in self._waiting:
            if now >= job.begin_by:
                job.reason = LATE
        for job in [*self._waiting, *self.under_way]:
            if not job.reason and (job.gone or now >= job.deadline):
                job.reason = GONE if job.gone else TIME
        for job in [each for each in self._waiting if each.reason]:
            self._waiting.remove(job)
            job.told(job)
        if self._reading and all(job.reason for job in self._reading.jobs):
            jobs, self._reading = self._reading.jobs, None
            for job in jobs:
                job.told(job)
        late = [job for job in self._running if job.reason]
        if late:
            widths = [0 if job.reason else width for job, width in zip(self._running, self._widths, strict=True)]
            starts = np.cumsum([0, *self._widths[:-1]])
            index = [np.arange(start, start + width) for start, width in zip(starts, widths, strict=True)]
            self._keep(widths, np.concatenate(index), self._tokens[np.concatenate(index)])
            for job in late:
                job.told(job)

    def _begin(self) -> None:
        """Begin to read the prompts for which there is room, oldest first."""
        if self._reading or not self._waiting:
            return
        rows = sum(job.search.width for job in self._running)
        places = max((job.places for job in self._running), default=0)
        jobs: list[Job] = []
        while self._waiting:
            job = self._waiting[0]
            rows, places = rows + job.search.width, max(places, job.places)  # all are filled up to the longest
            if (jobs or self._running) and (rows > self._rows or rows * places > self._cells):
                break
            jobs.append(self._waiting.popleft())
            job.begun = perf_counter()
        if jobs:
            self._reading = self._opened(jobs)

    def _opened(self, jobs: list[Job]) -> _Reading:
        lengths = np.array([len(job.prompt) for job in jobs])
        tokens = np.zeros((len(jobs), int(lengths.max())), np.int64)
        for row, job in zip(tokens, jobs, strict=True):
            row[: len(job.prompt)] = job.prompt
        past = caches.empty(self._shapes, len(jobs)).past
        fixed = _batch([job.fixed for job in jobs])
        return _Reading(jobs, tokens, lengths, fixed, past, 0, [None] * len(jobs), [{} for _ in jobs])

    # ---- steps

    def _read(self) -> None:
        """Read a part of the prompts; when all of each is read, they join what is under way."""
        reading = self._reading
        assert reading is not None
        end = min(reading.tokens.shape[1], reading.read + max(1, self._part // len(reading.jobs)))
        places = np.arange(end)
        mask = (places < reading.lengths[:, None]).astype(np.int64)
        outputs = self._ask(reading.tokens[:, reading.read : end], mask, reading.past, reading.fixed)
        for row, (job, length) in enumerate(zip(reading.jobs, reading.lengths, strict=True)):
            if reading.read < length <= end:
                last = int(length) - 1 - reading.read
                reading.logits[row] = outputs["logits"][row, last]
                reading.further[row] = {name: outputs[name][row : row + 1, last] for name in job.keeps}
        reading.past = _past(outputs)
        reading.read = end
        if end == reading.tokens.shape[1]:
            self._reading = None
            self._join(reading)

    def _join(self, reading: _Reading) -> None:
        cache = caches.flush_right(reading.past, reading.lengths)
        first = len(self._running)
        self._cache = caches.joined([self._cache, cache] if self._running else [cache])
        self._tokens = np.concatenate([self._tokens, np.zeros(len(reading.jobs), np.int64)])
        self._running += reading.jobs
        self._widths += [1] * len(reading.jobs)
        logits = np.stack([each for each in reading.logits if each is not None])
        self._take(first, logits, reading.further)

    def _advance(self) -> None:
        outputs = self._ask(self._tokens[:, None], self._cache.mask(1), self._cache.past, self._fixed)
        self._cache = Cache(_past(outputs), self._cache.lengths + 1)
        further, row = [], 0
        for job, width in zip(self._running, self._widths, strict=True):
            further.append({name: outputs[name][row : row + width, 0] for name in job.keeps})
            row += width
        self._take(0, outputs["logits"][:, 0], further)

    def _take(self, first: int, logits: np.ndarray, further: list[Arrays]) -> None:
        """Give the searches from the `first` on the logits [R, V] of their rows, and go on with what they choose."""
        if not np.isfinite(logits).all():
            raise ChainruleError("logits are no numbers; train and export the model again")
        before = sum(self._widths[:first])
        widths = self._widths[:first]
        index, tokens = [np.arange(before)], [self._tokens[:before]]
        row = 0
        jobs = self._running[first:]
        for job, width, also in zip(jobs, self._widths[first:], further, strict=True):
            following = self._chosen(job, logits[row : row + width], also)
            widths.append(0 if following is None else len(following[0]))
            if following is not None:
                tokens.append(following[0])
                index.append(before + row + following[1])
            row += width
        self._keep(widths, np.concatenate(index), np.concatenate(tokens))
        for job in jobs:
            job.told(job)

    def _chosen(self, job: Job, logits: np.ndarray, further: Arrays) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the next tokens of a job and the rows they follow; None if it has ended."""
        if job.reason:
            return None
        chosen = job.search.advance(logits)
        job.steps += 1
        if job.keeps:
            job.kept.append(further)
        if job.search.done:
            job.reason = job.search.best().reason
            return None
        return chosen

    def _keep(self, widths: list[int], index: np.ndarray, tokens: np.ndarray) -> None:
        """Go on with these rows; widths: of each job that is under way, 0 for one that is done."""
        self._cache = self._cache.rows(index)
        self._tokens = tokens
        self._running = [job for job, width in zip(self._running, widths, strict=True) if width]
        self._widths = [width for width in widths if width]
        rows = list(zip(self._running, self._widths, strict=True))
        if rows != self._fixed_for:
            fixed = _batch([job.fixed for job in self._running])
            self._fixed = {name: array.repeat(self._widths, axis=0) for name, array in fixed.items()}
            self._fixed_for = rows

    def _ask(self, tokens: np.ndarray, mask: np.ndarray, past: Arrays, fixed: Arrays) -> Arrays:
        feeds = {"input_ids": tokens, "attention_mask": mask, **past, **fixed}
        if self._positions:
            feeds["position_ids"] = (mask.cumsum(axis=1) - 1).clip(min=0)[:, -tokens.shape[1] :]
        return self._run(feeds)


def _past(outputs: Arrays) -> Arrays:
    """Return what a step leaves as the next one takes it."""
    return {_PAST + name.removeprefix(_PRESENT): array for name, array in outputs.items() if name.startswith(_PRESENT)}


def _batch(parts: list[Arrays]) -> Arrays:
    """Return what stays of several sources as one batch, filled up with zeros where they are of unlike length."""
    return dict(together(parts, {})) if parts else {}
