"""A model of the real chain, rebuilt from its commit: every byte is the same."""

import subprocess
import sys
from pathlib import Path

from tiny_clone import environment


def test_a_registered_model_is_rebuilt_byte_for_byte(built: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chainrule.cli", "reproduce", "mine@1"]
    variables = environment(TMPDIR=str(tmp_path))
    done = subprocess.run(command, cwd=built, env=variables, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Running stage 'finetune@mine'" in done.stdout
    assert "mine version 1 is reproduced" in done.stdout
    assert list(tmp_path.glob("chainrule-reproduce*")) == []


def test_the_state_of_a_chain_that_was_just_built(built: Path) -> None:
    command = [sys.executable, "-m", "chainrule.cli", "status"]
    done = subprocess.run(
        command, cwd=built, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    for recipe in ("reviews", "mine"):  # another test experiments with digits
        assert f"{recipe}: up to date\n" in done.stdout
