"""Nothing is told to the libraries' makers, asked of a foreign host, or left where no page says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import quick_project
from chainrule import QUIET
from live_server import project as served_project
from server_process import observing
from tiny_clone import environment

# In every Python that is started: whom it looks up or calls, and whether a library that reports was quiet on import.
LOOK = """
import json, os, sys
switches = {
    "great_expectations": ("GX_ANALYTICS_ENABLED", "false"),
    "huggingface_hub": ("HF_HUB_DISABLE_TELEMETRY", "true"),
    "mlflow": ("MLFLOW_DISABLE_TELEMETRY", "true"),
    "onnxruntime": ("ORT_DISABLE_TELEMETRY", "1"),
    "prefect": ("PREFECT_SERVER_ANALYTICS_ENABLED", "false"),
}
def note(*words):
    with open(os.environ["SEEN"], "a") as seen:
        seen.write(json.dumps(words) + "\\n")
def hook(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        note("host", str(arguments[0]))
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        note("host", str(arguments[1][0]))
    elif event == "import" and arguments[0] in switches:
        name, off = switches[arguments[0]]
        note("quiet" if os.environ.get(name) == off else "loud", arguments[0])
sys.addaudithook(hook)
"""
HERE = {"127.0.0.1", "::1", "localhost", "None"}
NAMED = (".cache/matplotlib/", ".prefect/")
"""Below the home directory: docs/footprint.md."""


def test_a_chain_a_flow_and_a_server_keep_to_this_machine(project: Path, tmp_path: Path, empty_store: Path) -> None:
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(LOOK)
    home, seen = tmp_path / "home", tmp_path / "seen"
    home.mkdir()
    variables = {
        "HOME": str(home),
        "PYTHONPATH": str(tmp_path / "hook"),
        "SEEN": str(seen),
        "PREFECT_HOME": str(home / ".prefect"),
    }
    user = {name: value for name, value in environment(**variables).items() if name not in (*QUIET, "PREFECT_API_URL")}
    user = {name: value for name, value in user.items() if not name.startswith("XDG_")}
    root = quick_project.make(project, tmp_path / "project")
    shutil.copy(empty_store, root)
    for words in (["dvc", "repro", "first@digits"], ["pipelines.chain", "digits"]):
        subprocess.run([sys.executable, "-m", *words], cwd=root, env=user, capture_output=True, check=True)
    status = [sys.executable, "-m", "chainrule.cli", "models", "--root", str(root)]
    subprocess.run(status, env=user, capture_output=True, check=True)
    with observing(served_project(tmp_path / "served"), environment=user) as (_, server):
        assert server.ask("GET", "/v2").status == 200
    notes = [json.loads(line) for line in seen.read_text().splitlines()]
    assert {who for kind, who in notes if kind == "host"} <= HERE
    assert [who for kind, who in notes if kind == "loud"] == []
    assert {who for kind, who in notes if kind == "quiet"} >= {"mlflow", "prefect", "onnxruntime"}
    left = [path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()]
    assert [path for path in left if not path.startswith(NAMED)] == []


def test_what_a_user_starts_by_hand_is_quiet_where_it_reads_the_project(project: Path) -> None:
    program = "from prefect.settings import get_current_settings as now; print(now().server.analytics_enabled)"
    user = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    found = subprocess.run([sys.executable, "-c", program], cwd=project, env=user, capture_output=True, text=True)
    assert found.stdout == "False\n"
    from dvc.repo import Repo

    core = Repo(project).config["core"]
    assert (core["analytics"], core["check_update"]) == (False, False)
