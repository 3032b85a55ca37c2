"""The supervisor with pieces that are small scripts: each starts a child in a session of its own, as servers do."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deploy import supervisor
from waiting import until

# A piece answers when its file is there. Its child ignores SIGTERM, in another session.
PIECE = """
import pathlib, signal, subprocess, sys, time
if sys.argv[2] == "fails":
    sys.exit("no such database")
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=True)
pathlib.Path(sys.argv[1]).touch()
time.sleep(600)
"""
TEAM = """
import os, pathlib, sys
from chainrule.system.errors import ChainruleError
from deploy import supervisor
from deploy.piece import Piece
supervisor.LEFT_SECONDS = 0.5
folder = pathlib.Path(sys.argv[1])
def piece(name, how="runs", port=None, address="here"):
    file = folder / f"{name}.up"
    wrong = lambda: None if file.exists() else "not up"
    command = [sys.executable, "-c", os.environ["PIECE"], str(file), how]
    return Piece(name, command, dict(os.environ), wrong, address, port, prepare=lambda: file.unlink(missing_ok=True))
made = [piece("first"), piece("second", **({"how": sys.argv[2]} if len(sys.argv) == 3 else {}))]
if len(sys.argv) == 4:
    made.append(piece("third", port="TEAM_THIRD_PORT", address=sys.argv[3]))
try:
    supervisor.run(folder, lambda: made, lambda text: print(text, flush=True))
except ChainruleError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def launch(project, tmp_path):
    """Return a function that starts a team of two such pieces in `tmp_path`; whatever is left at the end is ended."""

    def start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", TEAM, str(tmp_path), *words],
            env={**os.environ, "PIECE": PIECE, "PYTHONPATH": str(project)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    yield start
    for process in supervisor.marked(f"{tmp_path}|"):
        process.kill()


def up(folder: Path) -> dict[str, psutil.Process]:
    """Wait until the team is up; return its pieces."""
    until(lambda: supervisor.state(folder).get("ready") and len(supervisor.marked(f"{folder}|")) == 4)
    return {name: psutil.Process(one["pid"]) for name, one in supervisor.state(folder)["pieces"].items()}


def test_told_to_end_it_leaves_nothing(launch, tmp_path):
    team = launch()
    up(tmp_path)
    team.send_signal(signal.SIGTERM)
    said, _ = team.communicate(timeout=30)
    assert team.returncode == 0
    assert supervisor.marked(f"{tmp_path}|") == []
    ended = [line for line in said.splitlines() if "ended" in line]
    assert [line.split(":")[0] for line in ended] == ["second", "first"], "the last started ends first"


def test_killed_it_leaves_nothing(launch, tmp_path):
    team = launch()
    up(tmp_path)
    team.kill()
    team.communicate()
    until(lambda: supervisor.marked(f"{tmp_path}|") == [])


def test_after_a_kill_the_next_start_works(launch, tmp_path):
    first = launch()
    before = up(tmp_path)
    first.kill()
    first.communicate()
    supervisor.state_file(tmp_path).unlink()
    second = launch()
    after = up(tmp_path)
    assert {p.pid for p in before.values()}.isdisjoint(p.pid for p in after.values())
    second.terminate()
    second.communicate(timeout=30)


def test_a_killed_piece_starts_again_alone(launch, tmp_path):
    team = launch()
    before = up(tmp_path)
    before["first"].kill()
    until(lambda: supervisor.state(tmp_path)["pieces"]["first"]["restarts"] == 1)
    after = supervisor.state(tmp_path)["pieces"]
    assert after["first"]["pid"] != before["first"].pid
    assert after["second"] == {"pid": before["second"].pid, "restarts": 0}
    team.terminate()
    team.communicate(timeout=30)


def test_a_piece_that_fails_ends_the_others_and_says_why(launch, tmp_path):
    team = launch("fails")
    said, _ = team.communicate(timeout=30)
    assert team.returncode == 1
    assert "second: ended with 1 instead of answering" in said and "no such database" in said.splitlines()[-1]
    assert supervisor.marked(f"{tmp_path}|") == []


def test_a_port_that_is_taken_is_named(launch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        team = launch("runs", f"http://127.0.0.1:{port}")
        said, _ = team.communicate(timeout=30)
    assert team.returncode == 1
    assert f"third: port {port} cannot be had" in said and "set TEAM_THIRD_PORT to another" in said
    assert supervisor.marked(f"{tmp_path}|") == []


def test_a_second_one_is_refused(launch, tmp_path):
    first = launch()
    up(tmp_path)
    second = launch()
    said, _ = second.communicate(timeout=30)
    assert second.returncode == 1 and "runs already" in said
    assert json.loads(supervisor.state_file(tmp_path).read_text())["pid"] == first.pid
    first.terminate()
    first.communicate(timeout=30)
