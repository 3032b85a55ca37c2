"""The command as a whole: what it says where only part of the project is installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("command", "missing"), [("models", "mlflow"), ("promote digits", "mlflow"), ("serve", "httptools")]
)
def test_a_package_that_is_not_installed_is_named_with_the_remedy(tmp_path: Path, command: str, missing: str) -> None:
    (tmp_path / "mlflow.db").touch()
    program = f"import sys; sys.modules[{missing!r}] = None; from chainrule.cli import main; sys.exit(main())"
    found = subprocess.run(
        [sys.executable, "-c", program, *command.split(), "--root", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    said = found.stderr.splitlines()[-1]
    assert said.startswith(f"chainrule {command.split()[0]}: {missing}")
    assert " is not installed: " in said
    assert "uv sync" in said and ".whl[serve]" in said


def test_a_word_that_is_no_command_is_refused_with_those_that_are() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "chainrule.cli", "frobnicate"], capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode == 2
    assert "promote" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_reader_that_has_left_is_no_error(tmp_path: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, tmp_path)
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "chainrule.cli", "models", "--root", str(tmp_path)]
    with os.fdopen(writing, "w") as pipe:
        found = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)
    assert (found.returncode, found.stderr) == (141, "")
