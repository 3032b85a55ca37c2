"""A copy of the project with recipes of a few rows, the servers that flows use, and flows as a user starts them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import common
import numpy as np
import psutil
import yaml
from PIL import Image

from chainrule.recipes.in_force import in_force

START_SECONDS = 120.0
TINY = {"epochs": 2, "batch_size": 64}


def copy(folder: Path) -> Path:
    """Copy what git tracks, or would, as it is on disk, into a new repository without results; return it."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=common.ROOT, check=True, capture_output=True, text=True
    )
    for name in listed.stdout.splitlines():
        built = name == "dvc.lock" or name.startswith(("reports/", "measured/"))
        if not built and (common.ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(common.ROOT / name, folder / name)
    return folder


def commit(folder: Path) -> None:
    """Make the copy a git repository with everything in it."""
    who = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "benchmark"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def tiny_project(folder: Path, recipes: list[str]) -> Path:
    """Copy the project with these recipes in place of its own, each with 120 small images and a seed of its own."""
    copy(folder)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    template = in_force(params["recipes"]["digits"])
    blocks = {}
    for number, name in enumerate(recipes):
        block = yaml.safe_load(yaml.safe_dump(template))
        block["seed"] = number
        block["source"] = {"kind": "image_folder", "path": f"data/tiny/{name}", "group_pattern": None}
        block["augment"]["copies"] = 1
        block["split"] |= {"test": 0.3, "validation": 0.2, "tolerance": 1.0}
        block["net"] = {"name": "cnn", "width": 8, "depth": 2, "dropout": 0.0}
        block["pretrain"]["training"] |= TINY
        block["finetune"] |= TINY
        block["evaluate"]["resamples"] = 100
        block["export"]["variants"] = {"int8": "never", "fp16": "never"}  # flows are what is measured
        blocks[name] = block
        _images(folder / "data" / "tiny" / name, number)
    common.write_recipes(folder, blocks)
    commit(folder)
    return folder


def _images(folder: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    for label, base in (("dark", 90), ("light", 130)):
        (folder / label).mkdir(parents=True)
        for number in range(60):
            pixels = np.clip(random.normal(base, 50, (12, 12)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number:03d}.png")


# ---- servers


def leave_in_order() -> None:
    """Let SIGTERM end the benchmark through its `finally`s: servers would outlive a cut run."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Server:
    """A server in a session of its own, that can be killed and started again on the same port."""

    def __init__(self, command: list[str], health: str, environment: dict[str, str], log: Path) -> None:
        self.command, self.health, self.environment, self.log = command, health, environment, log
        self.process: subprocess.Popen[bytes] | None = None

    def up(self) -> None:
        """Start it unless it runs, and wait until it answers."""
        if self.process is None or self.process.poll() is not None:
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(
                    self.command, env=self.environment, stdout=log, stderr=log, start_new_session=True, cwd="/"
                )
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.health):
            if time.monotonic() > deadline or self.process.poll() is not None:
                common.stop(f"{' '.join(self.command[:5])} did not start; see {self.log}")
            time.sleep(0.05)

    def kill(self, group: bool = True) -> None:
        """Kill it, with all its processes or alone."""
        if self.process is not None:
            try:
                (os.killpg if group else os.kill)(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            self.process.wait()


def answers(url: str) -> bool:
    """Tell whether a URL answers with a page."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def ask(url: str, content: dict[str, Any]) -> Any:
    """POST JSON and return the JSON that comes back."""
    request = urllib.request.Request(url, json.dumps(content).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


@contextmanager
def prefect_server(folder: Path) -> Iterator[tuple[Server, str]]:
    """Run a Prefect server; give it and the value of PREFECT_API_URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    settings = {"PREFECT_HOME": str(folder / "prefect"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port), "--no-ui"]
    server = Server(command, f"{url}/health", os.environ | settings, folder / "prefect.log")
    server.up()
    try:
        yield server, url
    finally:
        server.kill()


@contextmanager
def mlflow_server(folder: Path) -> Iterator[tuple[Server, str]]:
    """Run an MLflow server with SQLite; give it and the value of MLFLOW_TRACKING_URI."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts"]
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1", *store]
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = Server(command, f"{url}/health", os.environ | settings, folder / "mlflow.log")
    server.up()
    try:
        yield server, url
    finally:
        server.kill()


def worker(root: Path, prefect_url: str, **variables: str) -> Server:
    """Deploy the flows of the project in `root` and return a worker that runs them, not yet started."""
    port = free_port()
    settings = common.environment(root) | {
        "PREFECT_API_URL": prefect_url,
        "PREFECT_HOME": str(root.parent / "worker"),
        "PREFECT_WORKER_WEBSERVER_PORT": str(port),
    }
    for command in (["deploy.pools"], ["prefect", "--no-prompt", "deploy", "-n", "all"]):
        subprocess.run([sys.executable, "-m", *command], cwd=root, env=settings, check=True, capture_output=True)
    command = ["worker", "start", "--pool", "chainrule", "--type", "process", "--with-healthcheck"]
    return Server(
        [sys.executable, "-m", "prefect", *command],
        f"http://127.0.0.1:{port}/health",
        settings | variables,
        root.parent / "worker.log",
    )


# ---- flows


def start_flow(root: Path, log: Path, *words: str, **variables: str) -> subprocess.Popen[bytes]:
    """Start `python -m pipelines.chain` below `root`; what it prints is added to `log`."""
    with open(log, "ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.chain", *words],
            cwd=root,
            env=common.environment(root) | variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def processes_below(root: Path) -> list[psutil.Process]:
    """Return every living process that works in the project, and those that they started."""
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(root) and process.status() != psutil.STATUS_ZOMBIE:
                found |= {process, *process.children(recursive=True)}
        except psutil.Error:
            continue
    return [process for process in found if process.is_running()]
