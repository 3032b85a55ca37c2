"""The files that DVC writes in place stay whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from pipelines.dvc_files import WholeFiles, forget_the_dead


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one stage that never ran; its dvc.lock names one that is no more."""
    Repo.init(str(tmp_path), no_scm=True).close()
    stage = {"cmd": f"{sys.executable} -c \"open('out', 'w')\"", "outs": ["out"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"one": stage}}))
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    return tmp_path


def test_dvc_replaces_its_lock_file_in_one_step(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    with open("dvc.lock") as reader, Repo(str(root), fs=WholeFiles()) as repo:
        repo.reproduce("one")
        assert "one" in yaml.safe_load(Path("dvc.lock").read_text())["stages"]
        assert reader.read() == "schema: '2.0'\nstages: {}\n", "who read meanwhile has all of what was there"
    assert not list(root.rglob("*.partial"))


def test_what_is_written_half_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("whole")
    with pytest.raises(TypeError), WholeFiles().open(str(tmp_path / "file"), "w") as file:
        file.writelines(["ha", None])
    assert [path.read_text() for path in tmp_path.iterdir()] == ["whole"]


@pytest.mark.parametrize("who", ["nobody", "me", "half"])
def test_only_the_dead_are_forgotten(root: Path, who: str) -> None:
    # A child that has ended and that nobody has waited for: DVC takes it for alive.
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as ended:
        assert ended.stdout is not None
        ended.stdout.read()
        users = [{"pid": ended.pid, "cmd": "dvc"}, *([{"pid": os.getpid(), "cmd": "dvc"}] if who == "me" else [])]
        listed = json.dumps({"read": {"place": users}, "write": {"other": users[0]}})
        path = root / ".dvc" / "tmp" / "rwlock"
        path.write_text(listed[:20] if who == "half" else listed)
        with Repo(str(root)) as repo:
            forget_the_dead(repo)
        assert path.exists() == (who == "me")
