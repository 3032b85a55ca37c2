"""The journal of a run: files that a stage writes and the sender reads.

    .chainrule/journal/<run>/owner.lock     flock held by the stage: free means that it ended or was killed
                             events.jsonl   the run, in order, each event with the time at which it happened
                             files/         artifacts, copied at the moment they were logged
                             status.json    the sender's: how far it came, what was refused, the last error

One sender serves all stages under a root. It starts with the first stage, stays for the next ones of the same
chain (one import of mlflow for a chain, not one for each stage) and ends with it. It lives in a session of
its own on purpose: whoever kills a stage with its whole process group leaves the sender to close that run as
KILLED.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from chainrule.system import locks

STAGES_OWN = ("DVC_STAGE", "DVC_EXP_NAME")
"""Variables that DVC gives a stage."""

Event = dict[str, Any]
Status = dict[str, Any]


def journals(root: Path) -> list[Path]:
    """Return the journals under `root`, oldest first."""
    place = root / ".chainrule" / "journal"
    return sorted(path for path in place.glob("[0-9]*-*") if path.is_dir())


def read_start(folder: Path) -> tuple[Event, int]:
    """Return the first event, which says what run this is, and the byte offset after it."""
    with open(folder / "events.jsonl", "rb") as file:
        line = file.readline()
    event: Event = json.loads(line)
    return event, len(line)


def read_events(folder: Path, offset: int, limit: int = -1) -> tuple[list[Event], list[int]]:
    """Return whole events from byte `offset` on, in `limit` bytes, and the offset after each.

    A line still being written is left for later.
    """
    with open(folder / "events.jsonl", "rb") as file:
        file.seek(offset)
        lines = file.read(limit).splitlines(keepends=True)
    events, ends = [], []
    for line in lines:
        if not line.endswith(b"\n"):
            break
        offset += len(line)
        events.append(json.loads(line))
        ends.append(offset)
    return events, ends


def read_status(folder: Path) -> Status:
    """Return what the sender last wrote about this journal; empty before it came."""
    try:
        status: Status = json.loads((folder / "status.json").read_text())
    except FileNotFoundError:
        return {}
    return status


def write_status(folder: Path, status: Status) -> None:
    """Replace the journal's status in one step."""
    fresh = folder / "status.json.new"
    fresh.write_text(json.dumps(status))
    fresh.replace(folder / "status.json")


def discard(folder: Path) -> None:
    """Remove a journal that has arrived; to others it is gone in one step."""
    gone = folder.with_name(f".{folder.name}")
    folder.rename(gone)
    shutil.rmtree(gone)


def owner_lock(folder: Path) -> Path:
    """Return the file that a stage holds while it lives."""
    return folder / "owner.lock"


def sender_lock(root: Path) -> Path:
    """Return the file that the one sender under `root` holds."""
    return root / ".chainrule" / "locks" / "sender.lock"


def start_sender(root: Path) -> None:
    """Start the sender of this root unless one is at work. It keeps no pipe or terminal of ours open."""
    _senders[:] = [sender for sender in _senders if sender.poll() is None]
    if locks.is_held(sender_lock(root)):
        return
    # It outlives the stage, and the copy of the project in which an experiment runs.
    environment = {name: value for name, value in os.environ.items() if name not in STAGES_OWN}
    with open(root / ".chainrule" / "sender.log", "ab") as log:
        _senders.append(
            subprocess.Popen(
                [sys.executable, "-m", "chainrule.runs.tracking", "--follow", str(root)],
                cwd=root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        )


_senders: list[subprocess.Popen[bytes]] = []


def birth(pid: int) -> str | None:
    """Return a word that tells this process from any other that ever has its pid; None if it is gone."""
    try:
        # psutil adds the boot time, which clock corrections move: two stages would see two chains.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if fields[0] == "Z":
            return None
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text()[:8]}-{fields[19]}"
    except OSError:
        import psutil

        try:
            return str(psutil.Process(pid).create_time())
        except psutil.Error:
            return None
