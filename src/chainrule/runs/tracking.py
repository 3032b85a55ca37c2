"""What a stage says about its own run: parameters, curves, headline numbers, artifacts, datasets, the model.

A stage never speaks to MLflow. It appends events to a journal (`chainrule.runs.journal`), which costs microseconds
and cannot fail because a server did; a process of its own, the sender, tells MLflow. So no stage pays the
seconds of `import mlflow`, none waits for a slow server while it works, and a change to what MLflow is told
makes no stage stale.

`python -m chainrule.runs.tracking` sends whatever still waits and says what it did.

Environment: CHAINRULE_CHAIN names the chain that a stage belongs to (a flow sets it); CHAINRULE_TRACKING=off
tracks nothing; MLFLOW_TRACKING_URI is the server, else the project's own mlflow.db (`chainrule.runs.places`).
"""

import getpass
import hashlib
import json
import os
import re
import runpy
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from chainrule.runs.journal import birth, discard, read_events, read_start, read_status, sender_lock, start_sender
from chainrule.runs.places import home, named_uri
from chainrule.system import dvc_lock, locks, quick
from chainrule.system.files import sha256

FLUSH_SECONDS = 10.0
"""The most that the end of a stage waits for its run to arrive."""
DEAD_SECONDS = 1.5
"""The same once the server is known not to answer."""
TRAINED_WEIGHTS = "model.safetensors"
"""The file of a fine-tuned model by which a version knows it again."""
CHAIN_NAME = "CHAINRULE_CHAIN"
# In the order in which data flows: what a stage's predecessors wrote is settled in dvc.lock when it starts.
CHAIN = (
    *("accept", "ingest", "clean", "split", "explore", "augment", "fetch", "pretrain"),
    *("finetune", "evaluate", "examine", "export"),
)
# What decides a result besides data: a change here that is not committed makes the commit a half-truth.
SOURCES = ("src", "pipelines", "params.yaml", "dvc.yaml", "pyproject.toml", "uv.lock")


class Trial(NamedTuple):
    """A trial among others: what all of them are called together, and what this one has set, by dotted key."""

    title: str
    values: Mapping[str, Any]


class Run:
    """The run of one stage, as the stage sees it. Every method appends to the journal and returns at once."""

    def __init__(self, folder: Path | None, root: Path):
        """`folder` holds the journal; None tracks nothing. `root` is where the stage reads and writes."""
        self.folder = folder
        self._root = root
        self._write_lock = threading.Lock()
        self._copies = len(list((folder / "files").glob("*"))) if folder else 0  # another process may have begun it
        self._events = -1
        if folder is not None:
            self._events = os.open(folder / "events.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Points of curves: anything `float()` takes, NaN and infinities included. Sent in batches."""
        self._write("metrics", step=int(step), values={key: float(value) for key, value in values.items()})

    def headline(self, values: Mapping[str, float]) -> None:
        """Numbers to compare chains by ("test.accuracy", "floor.majority.f1"): metrics of the parent row."""
        self._write("headline", values={key: float(value) for key, value in values.items()})

    def artifact(self, path: Path, folder: str = "") -> None:
        """A file or directory, copied now and shown under `folder` in the run."""
        if self.folder is not None:
            self._write("artifact", file=self._copy(Path(path)), folder=folder)

    def dataset(self, name: str, rows: int, context: str, source: str, digest: str | None = None) -> None:
        """A dataset this stage read: `context` says what for ("training"), `source` where below the root.

        `digest` says which; without it, the sha256 of the file (of all files, if `source` is a directory).
        """
        if self.folder is not None:
            digest = digest or _digest(self._root / source)
            self._write("dataset", name=name, rows=int(rows), digest=digest, context=context, source=source)

    def model(self, bundle: Path, model: str = "model.onnx", trained: Path | None = None) -> None:
        """A bundle directory, kept with the parent row and registered as a new version of the recipe's model.

        `model` names the ONNX file in it; its inputs and outputs become the version's signature. `trained`: the
        directory of the fine-tuned model that it was made from, kept beside it for trainings that start from it.
        """
        if self.folder is None:
            return
        kept: dict[str, str] = {}
        if trained is not None:
            kept = {"trained": self._copy(Path(trained)), "trained_sha256": _digest(Path(trained) / TRAINED_WEIGHTS)}
        self._write("model", bundle=self._copy(Path(bundle)), model=model, sha256=_digest(Path(bundle) / model), **kept)

    def _copy(self, path: Path) -> str:
        assert self.folder is not None
        with self._write_lock:
            self._copies += 1
            place = self.folder / "files" / str(self._copies)
        place.mkdir(parents=True)
        if path.is_dir():
            shutil.copytree(path, place / path.name)
        else:
            shutil.copyfile(path, place / path.name)
        return f"{place.name}/{path.name}"

    def _write(self, kind: str, **fields: Any) -> None:
        if self._events < 0:
            return
        line = json.dumps({"kind": kind, "time": time.time_ns() // 1_000_000, **fields}) + "\n"
        with self._write_lock:
            os.write(self._events, line.encode())

    def _close(self) -> None:
        if self._events >= 0:
            os.close(self._events)
            self._events = -1


def _digest(path: Path) -> str:
    """Return the sha256 of a file, or of the names and sha256s of all files in a directory."""
    if path.is_dir():
        inside = sorted(item for item in path.rglob("*") if item.is_file())
        listing = "".join(f"{item.relative_to(path).as_posix()} {_digest(item)}\n" for item in inside)
        return hashlib.sha256(listing.encode()).hexdigest()
    return sha256(path)


@contextmanager
def stage_run(
    root: Path,
    recipe: str,
    stage: str,
    params: dict[str, Any],
    defaults: Sequence[str] = (),
    patience: float | None = None,
    trial: Trial | None = None,
) -> Iterator[Run]:
    """Track the body as one run of `stage`, a child of the run of its chain.

    `root` is the repository, or the copy of it in which an experiment of DVC runs, `params` every value in force in
    the recipe, nested, `defaults` the dotted keys of those that params.yaml does not give; `trial` says what a trial of
    a search has otherwise. A body that raises is a
    FAILED run with the message as a tag, an interrupted one KILLED; the exception passes through. At the end the run
    gets up to `patience` seconds (FLUSH_SECONDS) to arrive. What has not arrived by then stays in the journal, is sent
    by whatever stage runs next, and is said in one line on stderr; neither the stage's outputs nor its exit code depend
    on it. Raises OSError if the journal cannot be written.
    """
    if os.environ.get("CHAINRULE_TRACKING") == "off":
        yield Run(None, root)
        return
    root = root.resolve()
    project = home(root)
    folder, owner = _begin(root, project, recipe, stage, params, defaults, trial)
    run = Run(folder, root)
    held = (owner, run)
    _held.append(held)
    start_sender(project)
    status, error = "FINISHED", None
    try:
        try:
            yield run
        except BaseException as caught:
            status, error = _outcome(caught)
            raise
        finally:
            run._write("end", status=status, error=error, inputs=lock_hashes(root, recipe, stage))
            # Whoever presses Ctrl-C wants out now; the sender needs nobody to wait for it.
            if status != "KILLED":
                _settle(project, folder, f"{recipe}/{stage}", patience or FLUSH_SECONDS)
    finally:
        _held.remove(held)
        run._close()
        os.close(owner)


@contextmanager
def chain(name: str) -> Iterator[None]:
    """Let runs that are tracked in the block belong to the chain of that name."""
    before = os.environ.get(CHAIN_NAME)
    os.environ[CHAIN_NAME] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ[CHAIN_NAME]
        else:
            os.environ[CHAIN_NAME] = before


def _outcome(error: BaseException) -> tuple[str, str | None]:
    """(state of a run that this exception ended, what to say about it)."""
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return "FINISHED", None
    if isinstance(error, KeyboardInterrupt):
        return "KILLED", "interrupted"
    return "FAILED", f"{type(error).__name__}: {error}"


def _begin(
    root: Path,
    project: Path,
    recipe: str,
    stage: str,
    params: dict[str, Any],
    defaults: Sequence[str],
    trial: Trial | None = None,
) -> tuple[Path, int]:
    """Write the journal's first event; the directory takes its name only when it is whole and locked."""
    place = project / ".chainrule" / "journal"
    place.mkdir(parents=True, exist_ok=True)
    (project / ".chainrule" / "locks").mkdir(exist_ok=True)
    ignore = project / ".chainrule" / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    now = time.time_ns() // 1_000_000
    name = f"{now:013d}-{recipe}-{stage}-{secrets.token_hex(4)}"
    hidden = place / f".{name}"
    hidden.mkdir()
    owner = locks.take(hidden / "owner.lock")
    assert owner is not None
    chain, anchor = chain_identity()
    commit, dirty = git_state(root)
    event = {
        "kind": "start",
        "time": now,
        "recipe": recipe,
        "stage": stage,
        "params": params,
        "defaults": list(defaults),
        "uri": named_uri(),
        "chain": chain,
        "anchor": anchor,
        "experiment": trial.title if trial else os.environ.get("DVC_EXP_NAME"),
        "trial": dict(trial.values) if trial else None,
        "commit": commit,
        "dirty": dirty,
        "host": socket.gethostname(),
        "user": user_name(),
    }
    (hidden / "events.jsonl").write_text(json.dumps(event, default=str) + "\n")
    hidden.rename(place / name)
    return place / name, owner


def _settle(root: Path, folder: Path, what: str, patience: float) -> None:
    """Wait for the sender to finish this run, within bounds, and say in one line what did not arrive."""
    began, ended = time.monotonic(), time.time_ns() // 1_000_000
    next_look = 0.0
    while True:
        status = read_status(folder)
        waited = time.monotonic() - began
        if status.get("done"):
            if status.get("refused"):
                print(
                    f"tracking: {status['uri']} refused {status['refused']} event(s) of {what} "
                    f"({status['refusal']}); everything else of the run is there",
                    file=sys.stderr,
                )
            discard(folder)
            return
        failed = status.get("error_time", 0) >= ended
        if waited > patience or (failed and waited > DEAD_SECONDS):
            break
        if waited >= next_look:
            # The sender may have left just before this stage came, or have died.
            start_sender(root)
            next_look = waited + 0.5
        time.sleep(0.02)
    events, _ = read_events(folder, status.get("offset", 0))
    uri = read_start(folder)[0]["uri"]
    if status.get("error"):
        cause = f"{uri} took no more ({status['error']})"
    elif locks.is_held(sender_lock(root)):
        cause = f"{uri} is slow and the sender still at it"
    else:
        cause = f"the sender of {uri} ended early (see {root / '.chainrule' / 'sender.log'})"
    print(
        f"tracking: {cause}: {len(events)} event(s) of {what} wait in {folder.relative_to(root)}; "
        "the next stage that runs or `python -m chainrule.runs.tracking` sends them",
        file=sys.stderr,
    )


# ---- who belongs to whom


def chain_identity() -> tuple[str, list[Any] | None]:
    """(name of this process's chain, [pid, birth] of the process that lives as long as the chain, if known).

    All stages of one `dvc repro` share the nearest ancestor that is dvc, and those of one experiment its name, too;
    a stage run by hand is a chain of its own; CHAINRULE_CHAIN overrides the name.
    """
    import psutil

    from chainrule.system.processes import flow_process, is_dvc

    experiment = os.environ.get("DVC_EXP_NAME")
    if name := os.environ.get(CHAIN_NAME):
        flow = flow_process()
        return name, list(flow) if flow else None
    pid = next((process.pid for process in psutil.Process().parents() if is_dvc(process)), os.getpid())
    born = birth(pid)
    return "-".join(filter(None, (socket.gethostname(), str(pid), born, experiment))), [pid, born]


def git_state(root: Path) -> tuple[str | None, bool | None]:
    """(commit, whether anything in SOURCES differs from it); (None, None) without git or a first commit."""
    command = ["git", "status", "--porcelain=v2", "--branch", "--untracked-files=all", "--", *SOURCES]
    try:
        answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None, None
    lines = answer.stdout.splitlines()
    commit = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), "(initial)")
    if refused := stranger_remedy(answer.stderr):
        print(f"tracking: {refused}; until then no run says its commit", file=sys.stderr)
    if answer.returncode != 0 or commit == "(initial)":
        return None, None
    return commit, any(not line.startswith("#") for line in lines)


def stranger_remedy(said: str) -> str | None:
    """What helps where git refuses a folder that belongs to another user; None if it said something else."""
    found = re.search(r"git config \S+ --add safe\.directory .*", said)
    return f"git refuses this folder, which belongs to another user; `{found[0].strip()}` trusts it" if found else None


def lock_hashes(root: Path, recipe: str, stage: str) -> dict[str, str]:
    """{path: hash} of the data that the stages before `stage` read and wrote, from dvc.lock.

    DVC writes a stage's entry after its process has ended, so a stage can vouch for its predecessors only:
    what the last stage wrote is known by the sha256 of its model instead. Code is left out, the commit
    stands for it.
    """
    lock = dvc_lock.read(root)
    found: dict[str, str] = {}
    for before in CHAIN[: CHAIN.index(stage)] if stage in CHAIN else ():
        entry = lock.get(f"{before}@{recipe}", {})
        for item in [*entry.get("deps", []), *entry.get("outs", [])]:
            value = item.get("md5") or item.get(item.get("hash", ""))
            if value and not item["path"].startswith(("src/", "pipelines/")):
                found[item["path"]] = str(value)
    return found


def user_name() -> str:
    """Return who runs this process; the number where the machine has no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


_held: list[tuple[int, Run]] = []


def _let_go_in_child() -> None:
    """A forked data loader shares the lock: one that outlives a killed stage would keep its run alive."""
    for owner, run in _held:
        os.close(owner)
        run._close()
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


if __name__ == "__main__":
    quick.end_at_once()
    # By name, not by import: see above.
    runpy.run_module("chainrule.runs.sender", run_name="__main__")
