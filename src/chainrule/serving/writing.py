"""Texts that are written for requests: one thread makes a token of all of them at each step, what comes joins them."""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainrule.serving.batching import Answer, Arrays, Ran
from chainrule.serving.decoding import decode, rows, words
from chainrule.serving.decoding.engine import Engine, Job
from chainrule.serving.decoding.rows import Writer
from chainrule.serving.decoding.search import GONE, LATE, Found, Token
from chainrule.serving.decoding.settings import Settings, read
from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits
from chainrule.serving.padding import together

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ATTENTION = "attention"
"""The further output that a request may ask for, where a graph has it: where each token looked in its source."""
_log = logging.getLogger(__name__)


class Piece(NamedTuple):
    """What became certain in a step."""

    text: str
    tokens: list[Token]
    draft: str = ""
    """Of beams, which are certain of nothing before their end: the best text so far."""


@dataclass(frozen=True)
class Written:
    """A text that is done."""

    found: Found
    text: str
    inputs: Arrays
    attention: np.ndarray | None
    """float32 [T, S], where it was asked for."""
    queued: float
    """Seconds until it was begun."""
    first: float
    """Seconds until its first token."""
    seconds: float
    """Seconds from submission until it was done."""


class Text:
    """A text under way: its pieces in turn, then `written`. To be left by whoever does not wait for its end."""

    def __init__(self, inputs: Arrays, settings: Settings, streams: bool, attention: bool) -> None:
        self.inputs, self.settings, self.streams, self.attention = inputs, settings, streams, attention
        self.arrived = perf_counter()
        self.job: Job | None = None
        self.gone = False
        self.written: Written | None = None
        self.begun = self.first = 0.0
        self.pieces: words.Pieces | None = None
        self._events: asyncio.Queue[Piece | Written | Refusal] = asyncio.Queue()

    def __aiter__(self) -> "Text":
        return self

    async def __anext__(self) -> Piece:
        """Return the next piece. Raises Refusal where no text comes of it."""
        event = await self._events.get()
        if isinstance(event, Refusal):
            raise event
        if isinstance(event, Written):
            self.written = event
            raise StopAsyncIteration
        return event

    async def whole(self) -> Written:
        """Return the text when it is done. Raises Refusal."""
        async for _ in self:
            pass
        assert self.written is not None
        return self.written

    def leave(self) -> None:
        """Let it be: nobody waits for it, at the next step it ends."""
        self.gone = True
        if self.job is not None:
            self.job.gone = True

    def put(self, event: "Piece | Written | Refusal") -> None:
        """Tell whoever waits; on the loop."""
        self._events.put_nowait(event)


class Writing:
    """A model that writes, with what it has in hand; every method but `_work` and what it calls is the loop's."""

    def __init__(
        self,
        writer: Writer,
        *,
        version: str,
        limits: Limits,
        counted: Callable[[Ran], None],
        wrote: Callable[[Written], None],
    ) -> None:
        """Start the thread; needs a running event loop. counted, wrote: told of every text, on the loop."""
        self._loop = asyncio.get_running_loop()
        self._writer, self._version, self._limits = writer, version, limits
        self._counted, self._wrote = counted, wrote
        self.positions = min(writer.rules.positions, limits.prompt_tokens + limits.new_tokens)
        self._cells = max(1, limits.cache_bytes // cell_bytes(writer))
        keeps = [ATTENTION] if ATTENTION in writer.outputs else []
        self._engine = Engine(
            writer.step(keeps), writer.shapes, positions=writer.positions, rows=limits.texts, cells=self._cells
        )
        self._ready = threading.Condition(threading.Lock())  # guards the two that follow
        self._new: deque[Text] = deque()
        self._closed = False
        self._in_hand: dict[Job, Text] = {}
        self._count = 0  # texts that were submitted and are not done; the loop's
        self._events: list[tuple[Text, Piece | Written | Refusal]] = []
        self._thread = threading.Thread(target=self._work, name=f"write-{version}", daemon=True)
        self._thread.start()

    @property
    def tokenizer(self) -> "Tokenizer":
        """The model's."""
        return self._writer.tokenizer

    @property
    def queued(self) -> int:
        """Texts that wait to be begun."""
        return len(self._new) + self._engine.waiting

    @property
    def under_way(self) -> int:
        """Texts that wait or are being written."""
        return self._count

    def settings(self, asked: Mapping[str, object]) -> Settings:
        """Return how a text is to be written, of what a request says. Raises DataError, and Refusal (400)."""
        limits, own = self._limits, self._writer.rules.defaults
        found = read(asked, replace(own, max_new_tokens=min(own.max_new_tokens, limits.new_tokens)))
        if found.max_new_tokens > limits.new_tokens:
            raise Refusal(
                400, f"max_new_tokens may be {limits.new_tokens:,} here, not {found.max_new_tokens:,}", "tokens"
            )
        if found.beams > limits.texts:
            raise Refusal(400, f"beams may be {limits.texts:,} here, not {found.beams:,}", "beams")
        return found

    def submit(self, inputs: Arrays, settings: Settings, *, streams: bool = False, attention: bool = False) -> Text:
        """Have a text written for one row's inputs, [1, T] each.

        Raises Refusal: too long a beginning or source (413), more memory than there is (413), too many texts (503).
        """
        length = int(inputs["attention_mask"].sum())
        self._refuse_long(length, settings)
        text = Text(inputs, settings, streams, attention and ATTENTION in self._writer.outputs)
        with self._ready:
            if self._closed:
                raise Refusal(503, "this version is no longer served; ask again", "closed", 1)
            if self._count >= self._limits.texts + self._limits.texts_waiting:
                raise Refusal(503, f"{self._count} texts are being written already; ask again in 1 s", "queue_full", 1)
            self._new.append(text)
            self._count += 1
            self._ready.notify()
        return text

    async def infer(self, inputs: Arrays, settings: Settings) -> Answer:
        """Return texts for every row, when all are done, as `rows.as_outputs` has them. Raises Refusal."""
        texts: list[Text] = []
        try:
            for row in range(len(inputs["input_ids"])):
                one = {name: array[row : row + 1] for name, array in inputs.items()}
                texts.append(self.submit(one, settings))
            done = [await text.whole() for text in texts]
        except BaseException:
            for text in texts:
                text.leave()
            raise
        return self.answer(done)

    def answer(self, done: list[Written]) -> Answer:
        """Return texts that are done as the answer to a request."""
        outputs = rows.as_outputs([each.found for each in done], self._writer.tokenizer)
        queued = max(each.queued for each in done)
        return Answer(outputs, self._version, len(done), queued, max(each.seconds for each in done) - queued)

    async def close(self) -> None:
        """Take no more requests, finish those in hand, end the thread."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        await asyncio.to_thread(self._thread.join)
        await asyncio.sleep(0)  # the last events were handed to the loop before the thread ended

    def _refuse_long(self, length: int, settings: Settings) -> None:
        causal = self._writer.encoder is None
        most = (
            min(self._limits.prompt_tokens, self._writer.rules.positions - 1) if causal else self._limits.prompt_tokens
        )
        if length > most:
            raise Refusal(413, f"the text has {length:,} tokens or more; at most {most:,} are taken", "too_large")
        cells = settings.beams * (length + min(settings.max_new_tokens, self._writer.rules.positions))
        if cells > self._cells:
            raise Refusal(
                413,
                "a text of so many tokens and beams needs more memory than one may have; ask for fewer",
                "too_large",
            )

    # ---- in the thread

    def _work(self) -> None:
        while (new := self._take()) is not None:
            try:
                if new:
                    self._begin(new)
                self._engine.step()
            except Exception as raised:  # ONNX Runtime has no common class of its own
                self._events += [(self._in_hand.pop(job), _failed(raised)) for job in self._engine.drop()]
            self._flush()

    def _take(self) -> list[Text] | None:
        """Return what came, waiting for it if nothing is under way; None when all is done and the queue is closed."""
        with self._ready:
            while not self._new and not self._engine.busy:
                if self._closed:
                    return None
                self._ready.wait()
            most = max(0, self._limits.texts - self._engine.waiting)
            return [self._new.popleft() for _ in range(min(most, len(self._new)))]

    def _begin(self, new: list[Text]) -> None:
        """Read the sources of what came, together, and give all of it to the engine."""
        limits = self._limits
        waited = [text for text in new if not text.gone and perf_counter() < text.arrived + limits.deadline_seconds]
        for text in new:
            if text not in waited:
                self._events.append((text, _gone() if text.gone else _late(limits)))
        for part in _parts(waited, limits.max_cells):
            self._read(part)

    def _read(self, part: list[Text]) -> None:
        """Read the sources of some texts together, and give them to the engine."""
        try:
            begun = rows.begun(self._writer, together([text.inputs for text in part], {}))
        except Exception as raised:  # ONNX Runtime has no common class of its own
            if len(part) > 1:  # one cannot spoil the others
                for text in part:
                    self._read([text])
            else:
                self._events.append((part[0], _failed(raised)))
            return
        for text, (prompt, source) in zip(part, begun, strict=True):
            text.job = decode.job(
                prompt,
                source,
                self._writer.rules,
                text.settings,
                deadline=text.arrived + self._limits.write_seconds,
                begin_by=text.arrived + self._limits.deadline_seconds,
                keeps=frozenset({ATTENTION} if text.attention else ()),
                told=self._told,
            )
            if text.streams:
                text.pieces = words.Pieces(self._writer.tokenizer, () if source else prompt)
            text.job.gone = text.gone  # it may have been left meanwhile
            self._in_hand[text.job] = text
            self._engine.add(text.job)

    def _told(self, job: Job) -> None:
        """Take what a step made of a text."""
        text = self._in_hand[job]
        if job.steps and not text.first:
            text.first = perf_counter()
        if text.pieces is not None and (fresh := job.search.fresh()):
            said = "".join(map(text.pieces.add, (token.id for token in fresh)))
            if job.reason:
                said += text.pieces.rest()
            self._events.append((text, Piece(said, fresh)))
        elif text.pieces is not None and job.search.width > 1 and not job.reason:
            self._events.append((text, Piece("", [], words.text(self._writer.tokenizer, job.search.best().tokens))))
        if job.reason:
            del self._in_hand[job]
            self._events.append((text, self._done(text, job)))

    def _done(self, text: Text, job: Job) -> "Written | Refusal":
        if job.reason == LATE:
            return _late(self._limits)
        if job.reason == GONE:
            return _gone()
        now = perf_counter()
        found = job.found()
        looked = job.outputs(ATTENTION) if text.attention and found.tokens else None
        return Written(
            found,
            words.text(self._writer.tokenizer, found.tokens),
            text.inputs,
            looked,
            job.begun - text.arrived,
            (text.first or now) - text.arrived,
            now - text.arrived,
        )

    def _flush(self) -> None:
        events, self._events = self._events, []
        if events:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to answer
                self._loop.call_soon_threadsafe(self._deliver, events)

    # ---- on the loop

    def _deliver(self, events: "list[tuple[Text, Piece | Written | Refusal]]") -> None:
        for text, event in events:
            if not isinstance(event, Piece):
                self._count -= 1
                failed = isinstance(event, Refusal)
                queued = 0.0 if isinstance(event, Refusal) else event.queued
                seconds = perf_counter() - text.arrived if isinstance(event, Refusal) else event.seconds
                self._counted(Ran(1, 1, queued, 0.0, seconds - queued, failed))
                if isinstance(event, Written):
                    self._wrote(event)
            text.put(event)


def _parts(texts: Sequence[Text], cells: int) -> Iterator[list[Text]]:
    """Yield the texts whose sources are read together: no more than so many tokens, filled up to the longest."""
    part: list[Text] = []
    longest = 0
    for text in texts:
        longest = max(longest, text.inputs["input_ids"].size)
        if part and longest * (len(part) + 1) > cells:
            yield part
            part, longest = [], text.inputs["input_ids"].size
        part.append(text)
    if part:
        yield part


def cell_bytes(writer: Writer) -> int:
    """Return the bytes of one token of one sequence in the cache."""
    return sum(heads * width * 4 for heads, width in writer.shapes.values())


def _late(limits: Limits) -> Refusal:
    return Refusal(503, f"no text was begun within {limits.deadline_seconds:g} s; ask again", "deadline", 1)


def _failed(raised: Exception) -> Refusal:
    reason = " ".join(str(raised).split())[:300]
    _log.error("a text failed: %s: %s", type(raised).__name__, reason)
    return Refusal(500, "the model failed on this input; the server's log has the reason", "run")


def _gone() -> Refusal:
    return Refusal(499, "the client went away", "gone")
