"""A Prefect server for the session, a project with quick stages, and flows as a user starts them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

import quick_project
from flow_process import Flow
from tiny_clone import environment
from waiting import free_port, until


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="session")
def prefect_url(prefect_home: Path) -> Iterator[str]:
    """A real Prefect server, on a port of its own."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    settings = {"PREFECT_HOME": str(prefect_home)}
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port), "--no-ui"]
    process = subprocess.Popen(
        command,
        env=environment(**settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def answers() -> bool:
        assert process.poll() is None, "the Prefect server ended"
        try:
            return httpx.get(f"{url}/health", timeout=1).status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(answers)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="session")
def pristine(project: Path, empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with quick stages, none of which has run."""
    made = quick_project.make(project, tmp_path_factory.mktemp("quick") / "project")
    shutil.copy(empty_store, made)
    return made


@pytest.fixture
def as_user(prefect_url: str, prefect_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A flow called in this process finds the server, and the environment of a flow that is started by itself."""
    variables = environment(PREFECT_API_URL=prefect_url, PREFECT_HOME=str(prefect_home))
    for name in set(os.environ) - set(variables):
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    with temporary_settings({PREFECT_API_URL: prefect_url, PREFECT_HOME: prefect_home}):
        yield


@pytest.fixture
def flow(prefect_url: str, prefect_home: Path, tmp_path: Path) -> Iterator[Callable[..., Flow]]:
    """Return a function that starts a flow; with `PREFECT_API_URL=""` it has no server."""
    started: list[Flow] = []

    def start(root: Path, *words: str, **variables: str) -> Flow:
        settings = {"PREFECT_API_URL": prefect_url, "PREFECT_HOME": str(prefect_home), "TMPDIR": str(tmp_path)}
        given = {name: value for name, value in (settings | variables).items() if value}
        started.append(Flow(root, words, given))
        return started[-1]

    yield start
    for item in started:
        if item.popen.poll() is None:
            item.popen.kill()
            item.popen.wait()
