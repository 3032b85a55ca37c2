import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from chainrule.system import locks, processes
from chainrule.system.errors import ChainruleError
from waiting import until

DEADLINE = 120.0  # seconds for what takes a fraction of one; only a failure waits so long

HOLDER = """
import pathlib, sys
from chainrule.system import locks
with locks.held(pathlib.Path(sys.argv[1]), sys.argv[2] + " waits"):
    print("holds", flush=True)
    sys.stdin.readline()
print("released", flush=True)
"""

BORROWER = """
import pathlib, sys
from chainrule.system import processes
processes.available_cores = lambda: int(sys.argv[1])
with processes.lent_cores("finetune@" + sys.argv[2], pathlib.Path(sys.argv[3])) as cores:
    print("holds", cores, flush=True)
    sys.stdin.readline()
print("released", flush=True)
"""

CHILD = """
import os, threading
from chainrule.system import processes
processes.die_with_starters()
print("child", os.getpid(), os.getppid(), flush=True)
threading.Event().wait()
"""


class Process:
    """A Python program, its printed lines as they come, and a way to let it go on."""

    def __init__(self, *command: str, **environment: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **environment}, start_new_session=True,
        )  # fmt: skip
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self.lines.put(line.rstrip("\n"))

    def line(self) -> str:
        """Wait for the next line."""
        return self.lines.get(timeout=DEADLINE)

    def silent(self) -> bool:
        return self.lines.empty()

    def go_on(self) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        for stream in (self.popen.stdin, self.popen.stdout):
            assert stream is not None
            stream.close()


Start = Callable[..., Process]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Process] = []

    def begin(*command: str, **environment: str) -> Process:
        started.append(Process(*command, **environment))
        return started[-1]

    yield begin
    for process in started:
        process.end()


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# hold


def test_a_second_holder_waits_and_says_so(start: Start, tmp_path: Path) -> None:
    lock = tmp_path / "locks" / "stage.lock"
    first = start("-c", HOLDER, str(lock), "first")
    assert first.line() == "holds"
    second = start("-c", HOLDER, str(lock), "second")
    assert second.line() == "second waits"
    assert second.silent()
    first.go_on()
    assert first.line() == "released"
    assert second.line() == "holds"


def test_the_lock_of_a_killed_holder_is_free(start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / "stage.lock"
    first = start("-c", HOLDER, str(lock), "first")
    assert first.line() == "holds"
    first.popen.kill()
    first.popen.wait()
    with locks.held(lock, "waits"):
        assert capsys.readouterr().out == ""


def test_a_lock_is_free_after_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), locks.held(tmp_path / "stage.lock", "waits"):
        raise KeyError
    with locks.held(tmp_path / "stage.lock", "waits"):
        assert capsys.readouterr().out == ""


# cores


def test_there_is_at_least_one_core() -> None:
    assert 1 <= processes.available_cores() <= (os.cpu_count() or 1)


def test_the_wanted_cores_are_those_asked_for_but_no_more_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "available_cores", lambda: 4)
    monkeypatch.delenv(processes.CORES, raising=False)
    assert processes.wanted_cores() == 4
    for asked, given in (("3", 3), ("4", 4), ("99", 4)):
        monkeypatch.setenv(processes.CORES, asked)
        assert processes.wanted_cores() == given


def test_no_more_cores_are_lent_than_there_are_and_who_waits_says_so(start: Start, tmp_path: Path) -> None:
    def borrower(name: str) -> Process:
        return start("-c", BORROWER, "2", name, str(tmp_path), CHAINRULE_CORES="1")

    first, second = borrower("first"), borrower("second")
    assert first.line() == second.line() == "holds 1"  # side by side
    third = borrower("third")
    holders = ", ".join(
        f"finetune@{name} (process {process.popen.pid})" for name, process in (("first", first), ("second", second))
    )
    assert third.line() == (
        f"finetune@third: waits for 1 of 2 cores, held by {holders}; it goes on by itself when they are free, or end "
        "that process, or set CHAINRULE_CORES=1 for all stages to run them side by side"
    )
    fourth = borrower("fourth")
    assert fourth.line().startswith("finetune@fourth: waits for 1 of 2 cores")
    assert third.silent()
    second.go_on()
    assert second.line() == "released"
    assert third.line() == "holds 1"
    assert fourth.silent()
    first.popen.kill()  # a killed borrower gives back as well
    assert fourth.line() == "holds 1"


def test_two_that_want_every_core_follow_one_another(start: Start, tmp_path: Path) -> None:
    first = start("-c", BORROWER, "2", "first", str(tmp_path), CHAINRULE_CORES="2")
    assert first.line() == "holds 2"
    others = [start("-c", BORROWER, "2", name, str(tmp_path), CHAINRULE_CORES="2") for name in ("b", "c")]
    assert all("waits for 2 of 2 cores" in other.line() for other in others)
    assert all(other.silent() for other in others)
    first.go_on()
    heard: dict[Process, str] = dict.fromkeys(others, "")

    def one_holds() -> bool:
        for other in others:
            if not other.silent():
                heard[other] = other.line()  # who waited for the queue may now say that it waits for the cores
        return "holds 2" in heard.values()

    until(one_holds)
    ahead, behind = sorted(others, key=lambda other: heard[other] != "holds 2")
    assert heard[behind] != "holds 2"
    ahead.go_on()
    assert ahead.line() == "released"
    last = behind.line()
    assert (behind.line() if "waits" in last else last) == "holds 2"


def test_projects_do_not_wait_for_one_another(start: Start, tmp_path: Path) -> None:
    first = start("-c", BORROWER, "2", "first", str(tmp_path / "one"), CHAINRULE_CORES="2")
    assert first.line() == "holds 2"
    second = start("-c", BORROWER, "2", "second", str(tmp_path / "other"), CHAINRULE_CORES="2")
    assert second.line() == "holds 2"


WAITING = "import chainrule, os; print(os.environ.get('GOMP_SPINCOUNT'), os.environ.get('OMP_WAIT_POLICY'))"


def test_threads_that_wait_do_not_spin_for_long_unless_the_user_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def seen(**variables: str) -> str:
        kept = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
        command = [sys.executable, "-c", WAITING]
        return subprocess.run(command, env=kept | variables, capture_output=True, text=True, check=True).stdout.strip()

    assert seen() == "3000 None"
    assert seen(GOMP_SPINCOUNT="0") == "0 None"
    assert seen(OMP_WAIT_POLICY="ACTIVE") == "None ACTIVE"


# dying with the starters


def family(start: Start, tmp_path: Path, script: str, watched: str = "dvc") -> tuple[Process, int, int]:
    """Start a program named dvc, which starts a shell, which starts the child and lives on; return all three."""
    child = tmp_path / "child.py"
    child.write_text(CHILD)
    fake = tmp_path / watched
    command = f"{sys.executable} {child}; read forever"
    fake.write_text(f"import subprocess\nsubprocess.call(['sh', '-c', {command!r}])\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    parent = start(*([str(fake)] if script == "file" else ["-m", "dvc"]), PYTHONPATH=path)
    word, child_pid, shell_pid = parent.line().split()
    assert word == "child"
    return parent, int(shell_pid), int(child_pid)


@pytest.mark.skipif(os.name != "posix", reason="needs a shell that outlives its starter")
@pytest.mark.parametrize(("script", "name"), [("file", "dvc"), ("module", "dvc.py")])
def test_a_stage_dies_with_its_dvc_though_the_shell_between_lives(
    script: str, name: str, start: Start, tmp_path: Path
) -> None:
    parent, shell, child = family(start, tmp_path, script, name)
    assert not gone(child)
    parent.popen.kill()
    until(lambda: gone(child), DEADLINE)
    assert not gone(shell)


def test_a_stage_dies_with_its_parent_when_there_is_no_dvc(start: Start, tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text(CHILD)
    parent = start("-c", f"import subprocess, sys\nsubprocess.call([sys.executable, {str(child)!r}])")
    pid = int(parent.line().split()[1])
    parent.popen.kill()
    until(lambda: gone(pid), DEADLINE)


def test_a_stage_lives_as_long_as_its_starters(start: Start, tmp_path: Path) -> None:
    _, _, child = family(start, tmp_path, "file")
    looks = 3 * processes.POLL_SECONDS
    began = time.monotonic()
    until(lambda: time.monotonic() - began > looks)
    assert not gone(child)


def test_a_stage_dies_with_its_flow_however_far_above(start: Start, tmp_path: Path) -> None:
    flow = start(
        "-c", "import sys; from chainrule.system import processes; print(processes.identity(), flush=True); input()"
    )
    child = tmp_path / "child.py"
    child.write_text(CHILD)
    stage = start(str(child), CHAINRULE_STARTER=flow.line())  # no relative of the flow's
    pid = int(stage.line().split()[1])
    assert not gone(pid)
    flow.popen.kill()
    until(lambda: gone(pid), DEADLINE)


def test_a_flow_that_is_gone_before_the_stage_begins_ends_it_too(start: Start, tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text(CHILD)
    stage = start(str(child), CHAINRULE_STARTER=f"{os.getpid()}:not-its-birth")  # a pid used again is no flow
    assert stage.popen.wait(DEADLINE) == 137


@pytest.mark.parametrize("word", ["7", "7:", "seven:b", ":b"])
def test_a_malformed_starter_is_refused(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_STARTER", word)
    with pytest.raises(ChainruleError, match="CHAINRULE_STARTER"):
        processes.flow_process()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own signal is Linux's")
def test_the_kernel_ends_a_process_that_asked_for_it_with_its_parent(start: Start) -> None:
    child = "from chainrule.system import processes; processes.end_with_parent(); print('ready', flush=True); input()"
    code = "import os, subprocess, sys; child = subprocess.Popen([sys.executable, '-c', sys.argv[1]]); "
    parent = start("-c", f"{code}print(child.pid, flush=True); child.wait()", child)
    pid = int(parent.line())
    assert parent.line() == "ready"
    parent.popen.kill()
    until(lambda: gone(pid), DEADLINE)


def test_dvc_is_known_however_it_was_started() -> None:
    class Started:
        def __init__(self, *words: str) -> None:
            self.words = list(words)

        def cmdline(self) -> list[str]:
            return self.words

    for words in (
        ("dvc", "repro"),
        ("/usr/bin/python3", "/home/me/.venv/bin/dvc", "repro"),
        ("python", "-m", "dvc", "repro"),
        ("dvc.exe", "repro"),
        ("python", "-m", "pipelines.dvc_runner", "5"),  # a flow's stand-in
    ):
        assert processes.is_dvc(Started(*words)), words  # type: ignore[arg-type]
    for words in (("sh", "-c", "python train.py"), ("python", "train.py", "dvc.yaml"), ("python", "-m", "pytest"), ()):
        assert not processes.is_dvc(Started(*words)), words  # type: ignore[arg-type]


@pytest.mark.parametrize("wish", ["0", "two", "-1", "1.5", ""])
def test_a_wish_that_is_no_number_of_cores_is_refused(monkeypatch: pytest.MonkeyPatch, wish: str) -> None:
    monkeypatch.setenv("CHAINRULE_CORES", wish)
    with pytest.raises(ChainruleError, match="CHAINRULE_CORES"):
        processes.wanted_cores()
