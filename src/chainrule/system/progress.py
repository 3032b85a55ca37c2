"""Progress of everything longer than two seconds: a bar on a terminal, plain lines elsewhere."""

import io
import sys
import time
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

Item = TypeVar("Item")
LINE_SECONDS = 10.0
FIRST_SECONDS = 2.0
# How far apart lines may be, in thousandths of the total; where items are fewer than FEW, each has its line.
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
FEW = 100


def write_anything() -> None:
    """Let stdout and stderr write the number of a sign that their encoding lacks, rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class Progress:
    """Counts towards a total and shows it: a bar on a terminal, elsewhere lines at round marks.

    A mark is a multiple of the least of 0.1%, 0.2%, 0.5%, 1%, … that takes ten seconds at the pace so far; the first
    one takes two. Fewer than a hundred items are counted instead.
    """

    def __init__(self, label: str, total: int, unit: str = "rows", done: int = 0) -> None:
        self.label, self.total, self.unit, self.done = label, total, unit, done
        self.note: Callable[[], str] = str
        self._began, self._found, self._shown = time.monotonic(), done, 0
        self._wait, self._next_line = FIRST_SECONDS, self._began + FIRST_SECONDS
        self._bar = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(desc=label, total=total, initial=done, unit=f" {unit}", delay=FIRST_SECONDS, leave=False)

    def advance(self, count: int = 1, note: Callable[[], str] | None = None) -> None:
        """Add `count` to what is done; the words that `note` returns, called when they are shown, stand beside it."""
        self.done += count
        self.note = note or self.note
        if self._bar is not None:
            if self._bar.update(count):
                self._bar.set_postfix_str(self.note(), refresh=False)
        elif (now := time.monotonic()) >= self._next_line:
            self._show(now)

    def _show(self, now: float) -> None:
        """Print a line if another mark has been passed."""
        few = self.total < FEW
        mark = self.done if few else self._share(now)
        if mark > self._shown:
            self._shown, self._wait, self._next_line = mark, LINE_SECONDS, now + LINE_SECONDS
            share = f"{mark} of {self.total}" if few else f"{mark / 10:g}% of {self.total:,}"
            print(f"{self.label}: {share} {self.unit} {self.note()}".rstrip(), flush=True)

    def _share(self, now: float) -> int:
        """Return the last mark that was passed, in thousandths."""
        per_item = (now - self._began) / max(self.done - self._found, 1)
        thousandth = per_item * self.total / 1000
        step = next((step for step in STEPS if step * thousandth >= 0.9 * self._wait), STEPS[-1])
        return self.done * 1000 // self.total // step * step

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


def track(items: Collection[Item], label: str, unit: str = "rows") -> Iterator[Item]:
    """Yield the items, showing progress."""
    progress = Progress(label, len(items), unit)
    try:
        for item in items:
            yield item
            progress.advance()
    finally:
        progress.close()


def counter(label: str, unit: str) -> Callable[[int, int, Callable[[], str]], None]:
    """Return what shows work as it is told of: (done, total, note), first before anything new is done.

    Where what is done is all there is, the bar is taken away.
    """
    shown: list[Progress] = []

    def count(done: int, total: int, note: Callable[[], str]) -> None:
        if not shown:
            shown.append(Progress(label, total, unit, done))
        shown[0].advance(done - shown[0].done, note)
        if done == total:
            shown[0].close()

    return count
