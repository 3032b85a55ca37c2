"""The sender: a process that takes journals to MLflow while stages run, and a command that does the rest."""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.runs.journal import (
    Event,
    Status,
    birth,
    discard,
    journals,
    owner_lock,
    read_events,
    read_start,
    read_status,
    sender_lock,
    write_status,
)
from chainrule.runs.mlflow_store import connect
from chainrule.runs.places import sqlite_path, sqlite_uri, tracking_uri
from chainrule.runs.recorder import READ_BYTES, one_line, send
from chainrule.system import locks

if TYPE_CHECKING:
    from mlflow import MlflowClient

POLL_SECONDS = 0.1
BATCH_SECONDS = 5.0
"""Metrics of a running stage are held back so long, to be sent together."""
LINGER_SECONDS = 10.0
"""An idle sender waits so long for the next stage of a chain that still lives."""
MAX_PAUSE_SECONDS = 2.0
"""Between attempts at a server that does not answer: short, for a stage that ends waits for the next one."""


def write_killed(folder: Path) -> None:
    """Add the end that a killed stage could not write. Its torn last line, if any, goes."""
    path = folder / "events.jsonl"
    events, ends = read_events(folder, 0)
    if events[-1]["kind"] == "end":
        return
    os.truncate(path, ends[-1])
    end: Event = {
        "kind": "end",
        "time": max(event["time"] for event in events),
        "status": "KILLED",
        "error": "the stage's process ended without a word (killed, or the machine went down)",
        "inputs": {},
    }
    with path.open("ab") as file:
        file.write(json.dumps(end).encode() + b"\n")


class Sender:
    """What a sender remembers between its rounds: its connections, and whom not to ask again yet."""

    def __init__(self, root: Path, to: str | None = None):
        self.root = root
        self.to = to
        self.clients: dict[str, MlflowClient] = {}
        self.rest: dict[str, tuple[float, float]] = {}  # uri -> (time of the next attempt, seconds waited before it)
        self.anchors: set[tuple[int, str] | None] = set()
        self.sent: list[str] = []
        self.failed: dict[str, str] = {}

    def round(self) -> tuple[int, int]:
        """Send what can be sent; (stages that live, journals that can still be sent now)."""
        live = ready = 0
        for folder in journals(self.root):
            owner = None
            try:
                owner = locks.take(owner_lock(folder), create=False)
                live += owner is None
                ready += self.visit(folder, owner is not None)
            except FileNotFoundError:
                # Its stage saw that all had arrived and removed it.
                if folder.exists():
                    raise
            except ValueError as error:
                # Half a file, after the machine went down: it must not be in the way of the others.
                aside = folder.rename(folder.with_name(f"unreadable-{folder.name}"))
                self.sent.append(f"{aside} could not be read and was set aside ({error})")
            finally:
                if owner is not None:
                    os.close(owner)
        return live, ready

    def visit(self, folder: Path, orphan: bool) -> bool:
        """Bring one journal forward; is there more to do at once?"""
        status = read_status(folder)
        if status.get("done"):
            if orphan:
                discard(folder)
            return False
        start, after = read_start(folder)
        self.anchors.add(tuple(start["anchor"]) if start["anchor"] else None)
        uri = (self.to if orphan else None) or status.get("uri") or start["uri"]
        if self.rest.get(uri, (0.0, 0.0))[0] > time.monotonic():
            return False
        if orphan:
            write_killed(folder)
        if status.get("uri") != uri:
            # A run that moves to another server is told there from its beginning.
            status = {"uri": uri, "offset": after}
        if "run_id" in status and not is_due(read_events(folder, status["offset"], READ_BYTES)[0], orphan):
            return False
        try:
            if uri not in self.clients:
                self.clients[uri] = connect(self.root, tracking_uri(self.root, uri))
            send(self.clients[uri], self.root, folder, status)
        except Exception as error:  # the loop must live: whatever it is, it is told and tried again
            if not folder.exists():
                return False
            self.fail(folder, status, error)
            return False
        self.rest.pop(uri, None)
        self.failed.pop(uri, None)
        if status.get("done"):
            refused = f", {status['refused']} refused ({status['refusal']})" if status.get("refused") else ""
            self.sent.append(f"{start['recipe']}/{start['stage']} of {folder.name[:13]} is complete at {uri}{refused}")
            return True
        status.pop("error", None)
        write_status(folder, status)
        return not orphan

    def fail(self, folder: Path, status: Status, error: Exception) -> None:
        """Remember that this server did not take it, and let it rest a while."""
        uri = status["uri"]
        if self.failed.get(uri) != one_line(error):
            print(f"{time.strftime('%F %T')} {folder.name}: {uri}: {error!r}", file=sys.stderr)
        self.failed[uri] = one_line(error)
        pause = min(max(2 * self.rest.get(uri, (0.0, 0.0))[1], 0.5), MAX_PAUSE_SECONDS)
        self.rest[uri] = (time.monotonic() + pause, pause)
        write_status(folder, {**status, "error": one_line(error), "error_time": time.time_ns() // 1_000_000})


def is_due(events: list[Event], orphan: bool) -> bool:
    """Metrics wait for company; anything else, and the metrics before it, goes at once."""
    if not events:
        return False
    if orphan or any(event["kind"] != "metrics" for event in events):
        return True
    return len(events) >= 1000 or time.time() - events[0]["time"] / 1000 > BATCH_SECONDS


def follow(root: Path) -> None:
    """Serve the stages under `root` until the last has ended, and its chain too. Return if another does."""
    lock = wait_for(root, 1.0)
    if lock is None:
        return
    sender = Sender(root)
    last = time.monotonic()
    while (root / ".chainrule" / "journal").is_dir():
        live, ready = sender.round()
        if live or ready:
            last = time.monotonic()
        elif time.monotonic() - last > LINGER_SECONDS or not any(map(lives, sender.anchors)):
            break
        time.sleep(POLL_SECONDS)
    os.close(lock)


def lives(anchor: tuple[int, str] | None) -> bool:
    """Does the process of a chain live? One that is not known may."""
    return anchor is None or birth(anchor[0]) == anchor[1]


def wait_for(root: Path, seconds: float) -> int | None:
    """Become the sender of this root; None if another is still at it after so many seconds."""
    path = sender_lock(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + seconds
    while (lock := locks.take(path)) is None and time.monotonic() < end:
        time.sleep(0.05)
    return lock


def flush(root: Path, to: str | None = None) -> int:
    """Send everything that waits under `root`, to `to` if given, else where it was meant to go, and say so.

    Returns the number of journals that still wait; those of stages that run now are none of its business.
    """
    lock = wait_for(root, LINGER_SECONDS + 5)
    if lock is None:
        print("tracking: a sender is at work for stages that run now; it sends what waits as well")
        return sum(not locks.is_held(owner_lock(folder)) for folder in journals(root))
    sender = Sender(root, to)
    while sender.round()[1] and not sender.failed:
        pass
    sender.round()
    os.close(lock)
    left = [folder for folder in journals(root) if not locks.is_held(owner_lock(folder))]
    for line in sender.sent:
        print(f"tracking: {line}")
    for uri, error in sender.failed.items():
        print(f"tracking: {uri} took nothing more ({error}); {len(left)} run(s) still wait, --to sends them elsewhere")
    if not sender.sent and not left:
        print("tracking: nothing waits")
    return len(left)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser("python -m chainrule.runs.tracking", description="Send what still waits.")
    parser.add_argument("root", nargs="?", type=Path, default=Path("."), help="the repository (default: here)")
    parser.add_argument(
        "--to", metavar="URI", help="send it to this tracking server instead of the one it was meant for"
    )
    parser.add_argument("--follow", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    root = options.root.resolve()
    if options.follow:
        follow(root)
        return 0
    file = sqlite_path(options.to or "")
    return 1 if flush(root, sqlite_uri(file.absolute()) if file else options.to) else 0


if __name__ == "__main__":
    sys.exit(main())
