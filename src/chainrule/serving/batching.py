"""Dynamic batching: a worker that is free takes what is queued and waits for nobody.

Requests come from one event loop, runs happen in threads, and the loop is told once per run. A lone request finds a
worker waiting; under load the queue grows while the workers run, so the next batch is larger. To wake a worker, and the
loop again, costs a tenth of a millisecond: for a client that is alone the loop does a short run itself.
"""

import asyncio
import contextlib
import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

import numpy as np

from chainrule.serving.errors import Refusal
from chainrule.serving.padding import filled, together

Arrays = dict[str, np.ndarray]

# Cells of a batch per cell that was asked for: with more padding than this the shared run costs more than it saves.
PADDED = 1.25
# Seconds of the longest run that the loop does itself; all else, health checks too, waits meanwhile.
SHORT = 0.005
MAX_RETRY_SECONDS = 30
_log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What a model answered to one request."""

    outputs: Arrays
    version: str
    """The version that computed all of it."""
    batch: int
    """Items in the run that this request was part of."""
    queued: float
    """Seconds from submission until its run began."""
    computed: float
    """Seconds of that run."""


class Ran(NamedTuple):
    """What is to be counted about one run, or about requests that were refused before one."""

    requests: int
    items: int
    queued: float
    """Seconds in the queue, summed over the requests."""
    assembled: float
    """Seconds to put the inputs together."""
    computed: float
    """Seconds in ONNX Runtime."""
    failed: bool


@dataclass(slots=True, eq=False)
class _Request:
    inputs: Arrays
    items: int
    sizes: tuple[int, ...]
    """The varying sizes of one item: texts of one length have the same."""
    cells: int
    """Their product: what an item costs, roughly."""
    future: "asyncio.Future[Answer]"
    arrived: float
    deadline: float


class _Done(NamedTuple):
    requests: list[_Request]
    outputs: Arrays | None
    error: Refusal | None
    began: float
    ran: Ran


class Batcher:
    """A bounded queue before one model, and the threads that empty it."""

    def __init__(
        self,
        run: Callable[[Arrays], Arrays],
        *,
        version: str,
        workers: int,
        abreast: int,
        max_batch: int,
        max_cells: int,
        queue: int,
        deadline: float,
        padding: dict[str, int | float],
        mixes: bool,
        counted: Callable[[Ran], None],
    ) -> None:
        """Start the workers; needs a running event loop, from which every method is called.

        run: computes all outputs of a batch, from any thread; version: named in every answer; abreast: runs that share
        the work between them, each on a core of its own (1 on a GPU, whose other workers but prepare); max_batch,
        max_cells: most items of one run, and most of their varying cells together (a larger request runs in parts);
        queue: most items waiting; deadline: most seconds of waiting; padding: what fills each input; mixes: whether
        items of unlike size may run together, filled up; counted: told of every run, on the loop.
        """
        self._loop = asyncio.get_running_loop()
        self._run = run
        self._version = version
        self._abreast = abreast
        self._max_batch = max_batch
        self._max_cells = max_cells
        self._limit = queue
        self._deadline = deadline
        self._padding = padding
        self._mixes = mixes
        self._counted = counted
        self._ready = threading.Condition(threading.Lock())  # guards the four that follow
        self._waiting: deque[_Request] = deque()
        self._items = 0
        self._idle = 0
        self._closed = False
        self._pace = 0.0  # seconds per item, all workers together, of late
        self._cost = math.inf  # seconds per cell of the last run
        self._timer: asyncio.TimerHandle | None = None
        self._workers = [
            threading.Thread(target=self._work, name=f"run-{version}-{number}", daemon=True)
            for number in range(workers)
        ]
        for worker in self._workers:
            worker.start()

    @property
    def queued(self) -> int:
        """Items that wait."""
        return self._items

    async def submit(self, inputs: Arrays, items: int, sizes: tuple[int, ...] = (), *, alone: bool = False) -> Answer:
        """Return the answer for `items` items; `sizes` are their varying sizes, all inputs together.

        alone: nobody else asks the server for anything, so that the loop may do a short run itself.
        Raises Refusal: the queue is full, the deadline passed before a run began, the run failed. A caller that is
        cancelled leaves the queue.
        """
        now = perf_counter()
        future: asyncio.Future[Answer] = self._loop.create_future()
        request = _Request(inputs, items, sizes, math.prod(sizes), future, now, now + self._deadline)
        with self._ready:
            if self._closed:
                raise Refusal(503, "this version is no longer served; ask again", "closed", 1)
            if self._items + items > self._limit:
                raise self._full()
            free = not self._waiting and self._idle == len(self._workers)
            here = alone and free and items * request.cells * self._cost <= SHORT
            if not here:
                self._waiting.append(request)
                self._items += items
                if self._idle:
                    self._ready.notify()
        if here:
            self._deliver(self._compute([request]))
            return future.result()
        if self._timer is None:
            self._timer = self._loop.call_later(self._deadline, self._expire)
        try:
            return await future
        except asyncio.CancelledError:
            self._withdraw(request)
            raise

    async def close(self) -> None:
        """Take no more requests, answer those that wait, end the workers."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
        for worker in self._workers:
            await asyncio.to_thread(worker.join)
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.sleep(0)  # the last answers were handed to the loop before the workers ended
        self._run = _nothing  # the weights go now, not when a collector of cycles comes by

    def _full(self) -> Refusal:
        seconds = min(MAX_RETRY_SECONDS, max(1, math.ceil(self._items * self._pace)))
        return Refusal(503, f"{self._items} items wait already; ask again in {seconds} s", "queue_full", seconds)

    def _withdraw(self, request: _Request) -> None:
        with self._ready, contextlib.suppress(ValueError):  # it is running, or was
            self._waiting.remove(request)
            self._items -= request.items

    def _expire(self) -> None:
        """Refuse what has waited too long, and look again when the next one will have."""
        now = self._loop.time()
        late: list[_Request] = []
        clock = perf_counter()
        with self._ready:
            while self._waiting and self._waiting[0].deadline <= clock:
                request = self._waiting.popleft()
                self._items -= request.items
                late.append(request)
            rest = self._waiting[0].deadline - clock if self._waiting else None
        self._timer = None if rest is None else self._loop.call_at(now + rest, self._expire)
        self._refuse_late(late)

    def _refuse_late(self, late: list[_Request]) -> None:
        clock = perf_counter()
        for request in late:
            self._counted(Ran(1, request.items, clock - request.arrived, 0.0, 0.0, failed=True))
            if not request.future.done():
                message = f"no run began within {self._deadline:g} s; ask again"
                request.future.set_exception(Refusal(503, message, "deadline", self._full().retry_after))

    # ---- in the workers

    def _work(self) -> None:
        while (batch := self._take()) is not None:
            done = self._compute(batch)
            self._tell(self._deliver, done)
            del batch, done  # a worker that waits holds nobody's arrays

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to answer
            self._loop.call_soon_threadsafe(what, *arguments)

    def _take(self) -> list[_Request] | None:
        """Return the next batch, waiting for it; None when the queue is closed and empty."""
        while True:
            with self._ready:
                while not self._waiting:
                    if self._closed:
                        return None
                    self._idle += 1
                    self._ready.wait()
                    self._idle -= 1
                batch = self._choose()
                self._items -= sum(request.items for request in batch)
            clock = perf_counter()
            late = [request for request in batch if request.deadline <= clock]
            if late:
                self._tell(self._refuse_late, late)
                batch = [request for request in batch if request.deadline > clock]
            if batch:
                return batch

    def _choose(self) -> list[_Request]:
        """Take from the queue the oldest request and those nearest to it in size, up to the limit.

        No more than a fair share of what waits: with all of it in one run the other cores would have nothing to do.
        """
        share = -(-self._items // self._abreast)
        first = self._waiting.popleft()
        batch, items = [first], first.items
        if all(request.sizes == first.sizes for request in self._waiting):
            most = min(self._part(first.cells), share)
            while self._waiting and items + self._waiting[0].items <= most:
                request = self._waiting.popleft()
                items += request.items
                batch.append(request)
            return batch
        cells, largest = items * first.cells, first.cells
        for request in sorted(self._waiting, key=lambda request: abs(request.cells - first.cells)):
            if request.sizes != first.sizes and not self._mixes:
                continue
            together, longest = items + request.items, max(largest, request.cells)
            if together > min(self._part(longest), share):
                continue
            if longest * together > PADDED * (cells + request.items * request.cells):
                break
            items, largest, cells = together, longest, cells + request.items * request.cells
            batch.append(request)
        taken = set(map(id, batch))
        self._waiting = deque(request for request in self._waiting if id(request) not in taken)
        return batch

    def _part(self, cells: int) -> int:
        """Return how many items of this many cells make a full run."""
        return max(1, min(self._max_batch, self._max_cells // cells))

    def _compute(self, batch: list[_Request]) -> list[_Done]:
        """Run a batch; if that fails, each of its requests alone, so that one cannot spoil the others."""
        done = self._run_once(batch)
        if done.error is None or len(batch) == 1:
            return [done]
        return [self._run_once([request]) for request in batch]

    def _run_once(self, batch: list[_Request]) -> _Done:
        start = perf_counter()
        items = sum(request.items for request in batch)
        outputs: Arrays | None = None
        error: Refusal | None = None
        began = start
        try:
            inputs = batch[0].inputs if len(batch) == 1 else together([each.inputs for each in batch], self._padding)
            began = perf_counter()
            outputs = self._run_parts(inputs, items, self._part(max(request.cells for request in batch)))
        except Exception as raised:  # ONNX Runtime has no common class of its own
            error = _refusal(raised)
        ended = perf_counter()
        queued = sum(start - request.arrived for request in batch)
        ran = Ran(len(batch), items, queued, began - start, ended - began, error is not None)
        return _Done(batch, outputs, error, start, ran)

    def _run_parts(self, inputs: Arrays, items: int, most: int) -> Arrays:
        """Run at most `most` items at a time."""
        if items <= most:
            return self._run(inputs)
        parts = [self._run(split(inputs, place, most)) for place in range(0, items, most)]
        return {name: filled([part[name] for part in parts]) for name in parts[0]}

    # ---- on the loop

    def _deliver(self, done: list[_Done]) -> None:
        for requests, outputs, error, began, ran in done:
            self._counted(ran)
            share = (ran.assembled + ran.computed) / ran.items / len(self._workers)
            self._pace = 0.8 * self._pace + 0.2 * share if self._pace else share
            if outputs is not None:
                self._cost = ran.computed / (ran.items * max(request.cells for request in requests))
            place = 0
            for request in requests:
                future = request.future
                if not future.done():
                    if outputs is None:
                        future.set_exception(error or AssertionError("neither outputs nor error"))
                    else:
                        mine = outputs if len(requests) == 1 else split(outputs, place, request.items)
                        queued = began - request.arrived
                        future.set_result(Answer(mine, self._version, ran.items, queued, ran.computed))
                place += request.items


def _nothing(inputs: Arrays) -> Arrays:
    raise AssertionError("the queue is closed")


def split(arrays: Arrays, place: int, items: int) -> Arrays:
    """Return the part that belongs to the `items` items that begin at `place`."""
    return {name: array[place : place + items] for name, array in arrays.items()}


def _refusal(error: Exception) -> Refusal:
    """Say what went wrong in a run: ONNX Runtime knows an input it cannot take from a fault of its own."""
    reason = " ".join(str(error).split())[:300]
    if type(error).__name__ == "InvalidArgument":
        return Refusal(400, f"the model does not take these values: {reason}", "values")
    _log.error("a run failed: %s: %s", type(error).__name__, reason)
    return Refusal(500, "the model failed on this input; the server's log has the reason", "run")
