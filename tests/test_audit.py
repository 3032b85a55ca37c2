import os
import subprocess
from pathlib import Path

import pytest

AUDIT = Path(__file__).parents[1] / ".ci" / "audit"


def audit(folder: Path, *, reached: bool, found: int = 0, **variables: str) -> tuple[int, str]:
    """Run the audit with stand-ins for what asks the network: its exit code and what it says."""
    for name, line in (("python3", f"exit {0 if reached else 1}"), ("uv", f'echo "uv $*"; exit {found}')):
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if key != "CHAINRULE_AUDIT"}
    path = f"{folder}{os.pathsep}{environment['PATH']}"
    done = subprocess.run([AUDIT], env={**environment, "PATH": path, **variables}, capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.mark.parametrize("code", [0, 1])
def test_what_is_found_fails(tmp_path: Path, code: int) -> None:
    assert audit(tmp_path, reached=True, found=code) == (code, "uv audit --frozen\n")


def test_a_list_out_of_reach_is_said(tmp_path: Path) -> None:
    said = "NOT AUDITED: api.osv.dev cannot be reached\n"
    assert audit(tmp_path, reached=False) == (0, said)
    assert audit(tmp_path, reached=False, CHAINRULE_AUDIT="required") == (1, said)
