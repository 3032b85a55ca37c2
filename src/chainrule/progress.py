"""Progress of everything longer than two seconds: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Collection, Iterator
from typing import TypeVar

Item = TypeVar("Item")
LINE_SECONDS = 10.0
FIRST_SECONDS = 2.0


class Progress:
    """Counts towards a total and shows it: a bar on a terminal, at most one line in ten seconds elsewhere."""

    def __init__(self, label: str, total: int, unit: str = "rows", done: int = 0) -> None:
        self.label, self.total, self.unit, self.done, self.note = label, total, unit, done, ""
        self._next_line = time.monotonic() + FIRST_SECONDS
        self._bar = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(desc=label, total=total, initial=done, unit=f" {unit}", delay=FIRST_SECONDS, leave=False)

    def advance(self, count: int = 1, note: str = "") -> None:
        """Add `count` to what is done; `note` is shown beside it."""
        self.done += count
        self.note = note or self.note
        if self._bar is not None:
            self._bar.set_postfix_str(self.note, refresh=False)
            self._bar.update(count)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_SECONDS
            share = f"{self.done / max(self.total, 1):.0%}"
            print(f"{self.label}: {share} of {self.total:,} {self.unit} {self.note}".rstrip(), flush=True)

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
