"""A process that has imported DVC: it says what is stale and reproduces stages, each in a fork of itself.

`python -m dvc repro` takes half a second to import and to read its files before a stage starts, a fork none. A stage's
fork leads a session of its own, so that the runner can end it with all that it started. The runner itself ends with
the flow, whose end of the socket closes however the flow dies, and takes the stages along.

    flow → runner   {"run": id, "address", "environment", "force"} and the descriptor for the stage's output
    runner → flow   {"plan": {...}} once; {"started": id, "pid"}; {"ended": id, "code"}

A line of JSON each. Exit codes of a fork are those of the stage, or UNCHANGED, BUSY.
"""

import json
import logging
import os
import re
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from chainrule.runs.journal import birth
from chainrule.system import processes, quick
from chainrule.system.errors import ChainruleError

UNCHANGED = 64
BUSY = 75
MESSAGE_BYTES = 1 << 16
LOOK_SECONDS = 0.5
EXITED = re.compile(r"exited with (-?\d+)$")


# ---- what is stale


def plan(root: Path, recipes: list[str], force: bool) -> dict[str, Any]:
    """Return {"stages": {address: [addresses it waits for]}, "stale": [addresses]} for these recipes, all if empty.

    "stages" holds the stale ones and all that follow them, in an order in which they can run. Raises ChainruleError:
    mistakes in params.yaml, all at once; a recipe that is not there; what DVC cannot read.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo, lock_repo

    from chainrule.recipes.check import check
    from chainrule.recipes.file import read_params
    from pipelines.dvc_files import forget_the_dead

    check(root)
    known = read_params(root)["recipes"]
    unknown = [name for name in recipes if name not in known]
    if unknown:
        raise ChainruleError(f"params.yaml has no recipe {', '.join(unknown)}; it has {', '.join(known)}")
    try:
        with Repo(str(root)) as repo:
            forget_the_dead(repo)
            # With the lock: another DVC may be writing dvc.lock, which it does not do in one step.
            with lock_repo(repo):
                return _stages(repo, recipes, force)
    except DvcException as error:
        raise ChainruleError(f"{root}: DVC: {' '.join(str(error).split())}") from None


def _stages(repo: Any, recipes: list[str], force: bool) -> dict[str, Any]:
    """What `plan` returns, of a dvc.repo.Repo that is locked."""
    import networkx  # type: ignore[import-untyped, unused-ignore]

    graph = repo.index.graph
    wanted = {stage for stage in graph if not recipes or stage.addressing.partition("@")[2] in recipes}
    for stage in list(wanted):
        wanted |= networkx.descendants(graph, stage)  # an edge leads from a stage to what it waits for
    changed = () if force else repo.status(targets=[stage.addressing for stage in wanted])
    stale = {stage for stage in wanted if force or stage.addressing in changed}
    affected = stale | {after for stage in stale for after in networkx.ancestors(graph, stage) if after in wanted}
    part = graph.subgraph(affected)
    order = list(networkx.topological_sort(part.reverse()))
    stages = {stage.addressing: [before.addressing for before in part.successors(stage)] for stage in order}
    return {"stages": stages, "stale": [stage.addressing for stage in order if stage in stale]}


# ---- one stage, in a fork


def reproduce(root: Path, address: str, force: bool) -> int:
    """Run one stage through DVC as `dvc repro --single-item` does; return its exit code, UNCHANGED or BUSY."""
    from dvc.exceptions import DvcException, ReproductionError
    from dvc.lock import LockError
    from dvc.repo import Repo

    from pipelines.dvc_files import WholeFiles, forget_the_dead

    try:
        with Repo(str(root), fs=WholeFiles()) as repo:
            forget_the_dead(repo)
            return 0 if repo.reproduce(address, single_item=True, force=force) else UNCHANGED
    except ReproductionError as error:
        cause = error.__cause__
        print(f"{error}: {cause}", flush=True)
        if isinstance(cause, LockError):
            return BUSY
        found = EXITED.search(str(cause))
        code = int(found.group(1)) if found else 1
        return code if code >= 0 else 128 - code
    except LockError as error:
        print(error, flush=True)
        return BUSY
    except DvcException as error:
        print(f"{address}: DVC: {error}", flush=True)
        return 1


def _fork(root: Path, request: dict[str, Any], output: int, keep_out: list[socket.socket]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        processes.end_with_parent()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        for item in keep_out:
            item.close()
        os.environ.update(request["environment"])
        quick.start()  # and it ends soon
        code = reproduce(root, request["address"], request["force"])
    except BaseException:  # the fork must not go on as a second runner, whatever it is
        logging.getLogger("dvc").exception("%s", request["address"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


# ---- the runner


def serve(root: Path, flow: socket.socket) -> None:
    """Answer until the flow closes its end of the socket; then end every stage that still runs."""
    wake, wakened = socket.socketpair()
    for end in (wake, wakened):
        end.setblocking(False)
    signal.set_wakeup_fd(wakened.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    starter = processes.flow_process()
    running: dict[int, int] = {}  # pid -> id of the request
    with selectors.DefaultSelector() as selector:
        selector.register(flow, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)
        try:
            while True:
                ready = {key.fileobj for key, _ in selector.select(LOOK_SECONDS)}
                if not ready and starter is not None and birth(starter[0]) != starter[1]:
                    return  # should another process have inherited the flow's end of the socket
                if wake in ready:
                    wake.recv(4096)
                    _reap(flow, running)
                if flow in ready:
                    message, descriptors, _, _ = socket.recv_fds(flow, MESSAGE_BYTES, 1)
                    if not message:
                        return
                    request = json.loads(message)
                    pid = _fork(root, request, descriptors[0], [flow, wake, wakened])
                    os.close(descriptors[0])
                    running[pid] = request["run"]
                    say(flow, {"started": request["run"], "pid": pid})
        finally:
            for pid in running:
                end_session(pid)


def _reap(flow: socket.socket, running: dict[int, int]) -> None:
    for pid, number in list(running.items()):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            del running[pid]
            end_session(pid)  # what the stage left behind
            code = os.waitstatus_to_exitcode(status)
            say(flow, {"ended": number, "code": code if code >= 0 else 128 - code})


def end_session(leader: int) -> None:
    """Kill the process group that a stage's fork leads. Stages are made to be killed: nothing of them is half-done."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def say(flow: socket.socket, message: dict[str, Any]) -> None:
    """Send one message; a flow that is gone is noticed by the loop."""
    try:
        flow.sendall(json.dumps(message).encode() + b"\n")
    except (BrokenPipeError, ConnectionResetError):
        return


def main() -> None:
    """`python -m pipelines.dvc_runner DESCRIPTOR force|stale [RECIPE...]`, started by `pipelines.runner`."""
    quick.start()
    flow = socket.socket(fileno=int(sys.argv[1]))
    logging.getLogger("dvc.repo.scm_context").setLevel(logging.WARNING)  # what to tell git, after every stage
    root = Path.cwd()
    try:
        say(flow, {"plan": plan(root, sys.argv[3:], sys.argv[2] == "force")})
    except ChainruleError as error:
        say(flow, {"refusal": str(error), "code": error.exit_code})
        return
    quick.started()
    serve(root, flow)


if __name__ == "__main__":
    main()
