"""kill -9 of dvc, of the stage, of both: the next `dvc repro` finishes with the same result and no orphan writes on."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tiny_clone import environment
from waiting import until

Dvc = Callable[..., subprocess.CompletedProcess[str]]
DEADLINE = 120.0
STAGE = "chainrule.stages.finetune"


def lock_of(clone: Path) -> Any:
    return yaml.safe_load((clone / "dvc.lock").read_text())["stages"]["finetune@digits"]


@pytest.fixture(scope="module")
def clone(built: Path, tmp_path_factory: pytest.TempPathFactory, dvc: Dvc) -> Path:
    """Return a clone up to pretraining, with a fine-tuning long enough to be killed in the middle."""
    clone = Path(shutil.copytree(built, tmp_path_factory.mktemp("kill") / "chainrule", symlinks=True))
    params = yaml.safe_load((clone / "params.yaml").read_text())
    params["recipes"]["digits"]["finetune"] |= {"epochs": 12, "batch_size": 32}
    (clone / "params.yaml").write_text(yaml.safe_dump(params))
    dvc(clone, "repro", "pretrain@digits", "augment@digits", CHAINRULE_TRACKING="off")
    return clone


@pytest.fixture(scope="module")
def uninterrupted(clone: Path, dvc: Dvc) -> Any:
    dvc(clone, "repro", "finetune@digits", CHAINRULE_TRACKING="off")
    return lock_of(clone)


def stages_of(clone: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if STAGE in process.cmdline() and Path(process.cwd()) == clone and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("victims", ["dvc", "stage", "both"])
def test_a_killed_training_resumes_to_the_same_result(clone: Path, uninterrupted: Any, dvc: Dvc, victims: str) -> None:
    variables = environment(CHAINRULE_TRACKING="off", CHAINRULE_CHECKPOINT_SECONDS="0")
    command = [sys.executable, "-m", "dvc", "repro", "--force", "--single-item", "finetune@digits"]
    running = subprocess.Popen(command, cwd=clone, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    checkpoints = clone / ".chainrule" / "checkpoints" / "finetune@digits"
    until(lambda: list(checkpoints.glob("*.safetensors")), what="a checkpoint")
    stages = [process for process in stages_of(clone) if "python" in process.name()]
    if victims in ("dvc", "both"):
        running.send_signal(signal.SIGKILL)
    if victims in ("stage", "both"):
        for process in stages:
            process.kill()
    running.wait(DEADLINE)
    until(lambda: not stages_of(clone), what="the end of every stage process")
    assert list(checkpoints.glob("*.safetensors"))
    assert not (clone / "models" / "finetuned" / "digits").exists()
    # Forced, because DVC would fetch what the uninterrupted run left in its cache.
    answer = dvc(clone, "repro", "--force", "--single-item", "finetune@digits", CHAINRULE_TRACKING="off")
    assert "finetune@digits: resumes in epoch" in answer.stdout
    assert lock_of(clone) == uninterrupted
    assert not checkpoints.exists()
    assert not [path for folder in clone.rglob(".partial") for path in folder.iterdir()]


def test_two_runs_of_one_stage_at_once_corrupt_nothing(clone: Path, uninterrupted: Any, dvc: Dvc) -> None:
    command = [sys.executable, "-m", "dvc", "repro", "--force", "--single-item", "finetune@digits"]
    variables = environment(CHAINRULE_TRACKING="off")
    first = subprocess.Popen(command, cwd=clone, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: stages_of(clone), what="the start of the first stage")
    second = dvc(clone, "repro", "--force", "--single-item", "finetune@digits", check=False, CHAINRULE_TRACKING="off")
    assert first.wait(DEADLINE) == 0
    assert second.returncode == 0 or "busy" in second.stderr
    assert lock_of(clone) == uninterrupted
    assert "up to date" in dvc(clone, "status", "finetune@digits").stdout


def test_a_stage_by_hand_waits_for_the_one_that_runs_and_says_so(clone: Path, uninterrupted: Any) -> None:
    variables = environment(CHAINRULE_TRACKING="off")
    command = [sys.executable, "-m", STAGE, "digits"]
    first = subprocess.Popen(command, cwd=clone, env=variables, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    until(lambda: "full on" in first.stdout.readline(), what="the start of the training")
    second = subprocess.run(command, cwd=clone, env=variables, capture_output=True, text=True, check=False, timeout=300)
    assert "waits for another run of this stage to end" in second.stdout
    assert (first.wait(DEADLINE), second.returncode) == (0, 0)
