"""Flow runs in Prefect: which process each belongs to, whether somebody cancelled it, those whose process is gone."""

import contextvars
import multiprocessing
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from chainrule.runs import journal
from chainrule.system import locks, processes
from pipelines import server

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

MARK = "process:"
DEPLOYED = "chainrule"
"""The tag of the deployments in prefect.yaml."""
LOOK_SECONDS = 2.0
UNMARKED_SECONDS = 20.0
"""A flow marks its run within seconds of a worker's taking it, within 13 on two cores that eleven processes want. One
that takes longer and is closed goes on all the same: Prefect lets a crashed run go on running."""


@dataclass(frozen=True)
class _Watched:
    """A flow run of this process."""

    run_id: UUID
    root_id: UUID
    """Of the flow run that it is part of; itself if of none."""
    cancelled: threading.Event = field(default_factory=threading.Event)


_watched: list[_Watched] = []
"""The flow runs that this process looks after, the outermost first; one thread looks after all of them."""


@contextmanager
def looked_after() -> Iterator[threading.Event]:
    """Look after the flow run that this is called in, beside the block.

    It ends with the worker or the `serve` that started it, if one did. Should it be killed, the next flow closes it, as
    this one does with others. The event is set when somebody cancels it in Prefect, or the flow run that it is part of:
    a flow that no worker started has nobody else to act on that.
    """
    from prefect.runtime import flow_run

    own = _Watched(UUID(str(flow_run.id)), UUID(str(flow_run.root_flow_run_id)))
    over = threading.Event()
    _watched.append(own)
    if own is _watched[0]:
        if os.environ.get("PREFECT__FLOW_RUN_ID") or multiprocessing.parent_process():  # a worker's, or `serve`'s
            processes.die_with_starters()
        context = contextvars.copy_context()  # Prefect's settings
        threading.Thread(target=context.run, args=(_look, own.run_id, over), name="watch-flow", daemon=True).start()
    try:
        yield own.cancelled
    finally:
        _watched.remove(own)
        over.set()  # only the outermost one's has a thread


def _look(run_id: UUID, over: threading.Event) -> None:
    import httpx
    from prefect.exceptions import PrefectException

    with server.client() as client:
        marked, due = False, 0.0
        while not over.is_set():
            try:
                if not marked:
                    _mark(client, run_id)
                    marked = True
                if time.monotonic() >= due:
                    close_dead(client)
                    due = time.monotonic() + UNMARKED_SECONDS  # what was too young to be closed
                _tell_cancelled(client)
            except (httpx.HTTPError, PrefectException):
                pass  # a server that restarts: it is asked again
            over.wait(LOOK_SECONDS)


def _tell_cancelled(client: "SyncPrefectClient") -> None:
    """Set the events of flow runs that somebody cancelled, or cancelled what they are part of."""
    watched = list(_watched)
    states = {run_id: client.read_flow_run(run_id).state for run in watched for run_id in (run.run_id, run.root_id)}
    for run in watched:
        if any(
            state and (state.is_cancelling() or state.is_cancelled())
            for state in map(states.get, (run.run_id, run.root_id))
        ):
            run.cancelled.set()


def mark() -> str:
    """Return the tag that says which process a flow run belongs to: this one."""
    return f"{MARK}{socket.gethostname()}:{processes.identity()}"


def _mark(client: "SyncPrefectClient", run_id: UUID) -> None:
    """Tag a flow run with this process; one that a worker started has no tag yet."""
    tags = client.read_flow_run(run_id).tags
    if mark() not in tags:
        client.update_flow_run(run_id, tags=[*tags, mark()])


def close_dead_if_reachable() -> None:
    """Do what `close_dead` does if there is a server that answers; one that does not is said in a line."""
    import httpx
    from prefect.exceptions import PrefectException
    from prefect.settings import PREFECT_API_URL

    if address := PREFECT_API_URL.value():
        try:
            server.check(address)
            with server.client(timeout=3) as client:
                close_dead(client)
        except (httpx.HTTPError, PrefectException, server.GoneError) as error:
            print(f"chain: {error}", file=sys.stderr)  # the next flow will ask it


def close_dead(client: "SyncPrefectClient") -> list[str]:
    """Close flow runs that a process of this machine left open when it was killed; return their names.

    And those of our deployments that no process has marked as its own for UNMARKED_SECONDS: it was killed before it
    could, and nobody would ever close them.
    """
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    open_states = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
    found = client.read_flow_runs(flow_run_filter=FlowRunFilter(state={"type": {"any_": open_states}}), limit=200)
    closed = []
    for run in found:
        if any(_is_dead(tag) for tag in run.tags) or _never_marked(client, run):
            state = Crashed(message="its process ended without a word (killed, or the machine went down)")
            client.set_flow_run_state(run.id, state, force=True)
            closed.append(run.name)
    return closed


def _is_dead(tag: str) -> bool:
    """Whether a tag names a process of this machine that is gone."""
    mark = f"{MARK}{socket.gethostname()}:"
    if not tag.startswith(mark):
        return False
    pid, _, born = tag.removeprefix(mark).partition(":")
    return not pid.isdecimal() or journal.birth(int(pid)) != born


def _never_marked(client: "SyncPrefectClient", run: "FlowRun") -> bool:
    if DEPLOYED not in run.tags or any(tag.startswith(MARK) for tag in run.tags) or run.state is None:
        return False
    if (datetime.now(UTC) - run.state.timestamp).total_seconds() < UNMARKED_SECONDS:
        return False
    # A container may wait long for its machine; a process begins at once.
    is_process = run.work_pool_name is not None and client.read_work_pool(run.work_pool_name).type == "process"
    return is_process or bool(run.state.is_running())


def send_what_waits(root: Path) -> None:
    """Start the sender if journals of earlier stages wait: nothing may run that would do so."""
    if any(not locks.is_held(journal.owner_lock(folder)) for folder in journal.journals(root)):
        journal.start_sender(root)
