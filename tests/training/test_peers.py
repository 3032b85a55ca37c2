"""Several processes at one training, on gloo: the same course as by one, killed and resumed as uninterrupted."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import peer_training


def torchrun(folder: Path, kind: str, killed_at: int = -1) -> int:
    folder.mkdir(exist_ok=True)
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    words += [peer_training.__file__, str(folder), kind, str(killed_at)]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    return subprocess.run(words, env=environment, capture_output=True, check=False).returncode


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], dict[str, torch.Tensor]]:
    folder = tmp_path_factory.mktemp("alone")
    history, objective = peer_training.train(folder, False, None)
    return history, objective.state_dict()


@pytest.mark.parametrize("kind", ["replicate", "shard"])
def test_two_processes_learn_as_one_does_and_go_on_after_a_kill(
    kind: str, alone: tuple[list[dict[str, Any]], dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    history, weights = alone
    assert torchrun(tmp_path / "whole", kind) == 0
    theirs = json.loads((tmp_path / "whole" / "history.json").read_text())
    assert [record["best"] for record in theirs] == [record["best"] for record in history]
    for name in ("train_loss", "validation_loss"):
        assert [record[name] for record in theirs] == pytest.approx([record[name] for record in history], rel=1e-4)
    ended = load_file(tmp_path / "whole" / "end.safetensors")
    assert ended.keys() == weights.keys()
    for name, tensor in weights.items():
        torch.testing.assert_close(ended[name], tensor, rtol=1e-3, atol=1e-4)

    assert torchrun(tmp_path / "killed", kind, killed_at=4) != 0
    assert not (tmp_path / "killed" / "history.json").exists()
    assert torchrun(tmp_path / "killed", kind) == 0
    assert json.loads((tmp_path / "killed" / "history.json").read_text()) == theirs
    resumed = load_file(tmp_path / "killed" / "end.safetensors")
    assert all(torch.equal(resumed[name], tensor) for name, tensor in ended.items())
