"""What a server saw, kept on disk for a look at drift: a share of the inputs and answers, bounded, off by default.

data/observed/<model>/<time>-<process>-<number>.jsonl   a line per item; of a server's files the newest last by name
data/observed/<model>/.lock                             held by whoever makes room for a file and begins it

A line holds the time, the version, the inputs as the graph got them and the task's answer; nothing about who asked. A
request only puts its item into a bounded queue; one thread does the rest.

Several servers may write below one root. Each writes files of its own, whose lock it holds meanwhile, and only files
that nobody writes are removed. A model's files together take at most the megabytes that were asked for, a file that is
being written counted as full: so it is for up to FILES servers with the same bound. Of more servers, or with different
bounds, each still gets its one file: together they take at most the largest bound and an eighth of each one's.
"""

import base64
import errno
import fcntl
import logging
import os
import random
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
import orjson

from chainrule.serving import plain
from chainrule.system import locks
from chainrule.system.errors import ChainruleError, DataError

if TYPE_CHECKING:
    from chainrule.serving.batching import Answer, Arrays
    from chainrule.serving.bundle import Bundle
    from chainrule.serving.models import Model

FOLDER = Path("data/observed")
MEBIBYTE = 1024 * 1024
FILES = 8
"""A full file is one of so many parts of a model's bound: the oldest go when a new one is begun."""
BLOCK = 4096
"""What the smallest file counts as: it takes a block of the disk."""
WAITING = 512
"""Most items between the requests and the writer."""
WAITING_BYTES = 16 * MEBIBYTE
"""Most bytes of inputs and outputs between them."""
CLOSE_SECONDS = 5.0
LOCK = ".lock"
_KINDS = "biuf"  # NumPy's kinds of numbers
_log = logging.getLogger(__name__)


class Row(NamedTuple):
    """One item as it was seen."""

    time: datetime
    version: str
    answer: dict[str, Any] | None
    """The task's; None where the graph gave what is no number."""
    inputs: dict[str, np.ndarray]
    """What the graph got, [1, ...] each."""


class _Item(NamedTuple):
    model: str
    version: str
    variant: str
    bundle: "Bundle"
    time: datetime
    inputs: "Arrays"
    outputs: "Arrays"
    size: int


class Observer:
    """Takes items on the event loop, writes them in a thread of its own."""

    def __init__(self, root: Path, share: float, megabytes: int) -> None:
        """Start the writer.

        share: of the items, above 0, at most 1; megabytes: most of a model's files together, whoever wrote them.
        """
        self.counts: Counter[tuple[str, str]] = Counter()
        """Items by model and what became of them: written; dropped, as the writer was behind; too_large for a file;
        lost, since a file could not be written."""
        self._folder = root / FOLDER
        self._share = share
        self._file_bytes = megabytes * MEBIBYTE // FILES
        self._ready = threading.Condition()  # guards the four that follow
        self._waiting: deque[_Item] = deque()
        self._bytes = 0
        self._closed = False
        self._failed = False
        self._files: dict[str, BinaryIO] = {}
        self._number = 0
        self._random = random.Random()
        self._writer = threading.Thread(target=self._write, name="observed", daemon=True)
        self._writer.start()

    def __call__(self, model: "Model", inputs: "Arrays", answer: "Answer") -> None:
        """Take this share of a request's items; never waits, never raises for want of room."""
        items = len(next(iter(inputs.values())))
        chosen = [index for index in range(items) if self._random.random() < self._share]
        if not chosen:
            return
        if plain.face(model.bundle) is None or any(each.dtype.kind not in _KINDS for each in inputs.values()):
            return  # nothing here could read it again
        now = datetime.now(UTC)
        for index in chosen:
            own, outputs = _one(inputs, index), _one(answer.outputs, index)
            size = sum(each.nbytes for each in (*own.values(), *outputs.values()))
            item = _Item(model.name, answer.version, model.variant, model.bundle, now, own, outputs, size)
            with self._ready:
                if self._failed:
                    self.counts[model.name, "lost"] += 1
                elif len(self._waiting) >= WAITING or self._bytes + size > WAITING_BYTES:
                    self.counts[model.name, "dropped"] += 1
                else:
                    self._waiting.append(item)
                    self._bytes += size
                    self._ready.notify()

    def close(self) -> None:
        """Write what waits, for at most CLOSE_SECONDS, and end."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        self._writer.join(CLOSE_SECONDS)

    def _write(self) -> None:
        try:
            for items in self._batches():
                for place, item in enumerate(items):
                    try:
                        self.counts[item.model, self._append(item.model, _line(item))] += 1
                    except OSError:
                        self._give_up(items[place:])
                        raise
        except OSError as error:
            _log.error("%s: %s; nothing more is observed until the server starts anew", self._folder, error)
        finally:
            for file in self._files.values():
                file.close()

    def _give_up(self, items: list[_Item]) -> None:
        with self._ready:
            self._failed = True
            for item in (*items, *self._waiting):
                self.counts[item.model, "lost"] += 1
            self._waiting.clear()

    def _batches(self) -> Iterator[list[_Item]]:
        """Yield what waits, all of it at a time, until the end."""
        while True:
            with self._ready:
                while not self._waiting and not self._closed:
                    self._ready.wait()
                items = list(self._waiting)
                self._waiting.clear()
                self._bytes = 0
            if not items:
                return
            yield items

    def _append(self, model: str, line: bytes) -> str:
        """Write a line to the model's file, whole or not at all; return what became of it. Raises OSError."""
        if len(line) > self._file_bytes:
            return "too_large"
        file = self._files.get(model)
        if file is not None and (file.tell() + len(line) > self._file_bytes or not os.fstat(file.fileno()).st_nlink):
            file.close()  # full, or somebody removed it
            file = None
        if file is None:
            file = self._files[model] = self._next_file(model)
        begun = file.tell()
        if file.write(line) != len(line):
            file.truncate(begun)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder / model))
        return "written"

    def _next_file(self, model: str) -> BinaryIO:
        """Begin a file, locked for as long as it is open, after old ones that leave no room for it are gone."""
        folder = self._folder / model
        with locks.held(folder / LOCK):
            _make_room(folder, FILES * self._file_bytes, self._file_bytes)
            self._number += 1
            path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}-{self._number}.jsonl"
            # Inputs may be private: readable by whoever runs the server, and nobody else.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            file = os.fdopen(descriptor, "ab", buffering=0)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BaseException:
                file.close()
                raise
            return file


def _one(arrays: "Arrays", index: int) -> "Arrays":
    """Return an item's own copies: a view would keep the whole request's body in memory."""
    return {name: each[index : index + 1].copy() for name, each in arrays.items()}


def _make_room(folder: Path, most: int, wanted: int) -> None:
    """Remove the oldest files that nobody writes until `wanted` bytes more are at most `most`, or none is left."""
    at_rest: list[tuple[Path, int]] = []
    taken = wanted
    for path in files(folder):
        try:
            size = max(path.stat().st_size, BLOCK)
            written = locks.is_held(path)
        except FileNotFoundError:
            continue  # by hand, this moment
        taken += max(size, wanted) if written else size
        if not written:
            at_rest.append((path, size))
    for path, size in at_rest:
        if taken <= most:
            break
        path.unlink(missing_ok=True)
        taken -= size


def files(folder: Path) -> list[Path]:
    """Return the files of a model, first the one that was begun first; none if nothing was observed."""
    return sorted(folder.glob("*.jsonl"))


def read(root: Path, model: str, newest: int) -> tuple[list[Row], int]:
    """Return (the newest rows of all servers, at most so many, the oldest of them first; lines that are no rows).

    A line that its server was stopped in the middle of is one of the latter. Raises DataError if a file cannot be read.
    """
    rows: list[Row] = []
    broken = 0
    for path, written in _last_written_first(root / FOLDER / model):
        if len(rows) == newest and rows[0].time > written:
            break
        try:
            lines = path.read_bytes().splitlines()
        except FileNotFoundError:
            continue  # a server has just removed it
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}); remove it or mend its rights") from None
        found: list[Row] = []
        for line in reversed(lines):
            if len(found) == newest:
                break
            try:
                found.append(_row(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                broken += 1
        rows = sorted([*found[::-1], *rows], key=lambda row: row.time)[-newest:]
    return rows, broken


def _last_written_first(folder: Path) -> list[tuple[Path, datetime]]:
    """Return a model's files with the time after which nothing was added to them."""
    found = []
    for path in files(folder):
        with suppress(FileNotFoundError):  # a server has just removed it
            found.append((path, datetime.fromtimestamp(path.stat().st_mtime, UTC)))
    return sorted(found, key=lambda each: each[1], reverse=True)


def _line(item: _Item) -> bytes:
    try:
        answer = plain.answer(item.bundle, item.variant, item.outputs)
    except ChainruleError:
        answer = None
    said: dict[str, Any] = {
        "time": item.time.isoformat(timespec="milliseconds"),
        "version": item.version,
        "answer": answer,
        "inputs": {
            name: {
                "type": array.dtype.newbyteorder("<").str,
                "shape": array.shape,
                "data": base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode(),
            }
            for name, array in item.inputs.items()
        },
    }
    return orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE)


def _row(line: bytes) -> Row:
    said = orjson.loads(line)
    inputs = {}
    for name, entry in said["inputs"].items():
        kind = np.dtype(entry["type"])
        if kind.kind not in _KINDS or entry["shape"][0] != 1:
            raise ValueError(f"{name} is {kind} {entry['shape']}")
        data = base64.b64decode(entry["data"], validate=True)
        inputs[name] = np.frombuffer(data, kind).reshape(entry["shape"])
    if not inputs:
        raise ValueError("a row without inputs")
    answer = said["answer"] if "answer" in said else _older_answer(said)
    return Row(datetime.fromisoformat(said["time"]), str(said["version"]), answer, inputs)


def _older_answer(said: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of a line of an earlier release, which kept the best label and all probabilities unnamed."""
    return {"labels": [{"label": str(said["label"]), "probability": max(said["probabilities"])}]}
