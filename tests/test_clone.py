"""What a clone holds, and that it holds the same bytes whoever makes it."""

import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def clone(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone as Git for Windows makes it: with line ends of its own wherever nothing forbids it."""
    folder = tmp_path_factory.mktemp("clone") / "project"
    subprocess.run(["git", "clone", "--quiet", "-c", "core.autocrlf=true", project, folder], check=True)
    return folder


def test_line_ends_are_those_that_were_committed(clone: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "--eol"], cwd=clone, check=True, capture_output=True, text=True).stdout
    worktree = {line.split()[1] for line in listed.splitlines()}
    assert worktree <= {"w/lf", "w/-text", "w/none"}


def test_places_that_stages_fill_are_there_and_say_what_will_appear(clone: Path) -> None:
    for folder in ("data", "models"):
        assert (clone / folder / "README.md").read_text(encoding="utf-8").startswith(f"# {folder}/")
    for produced in ("data/raw", "data/clean", "models/finetuned", "models/onnx", "models/served"):
        ignored = subprocess.run(["git", "check-ignore", "--quiet", f"{produced}/digits"], cwd=clone, check=False)
        assert ignored.returncode == 0, produced
