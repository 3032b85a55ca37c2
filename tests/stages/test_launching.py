"""A stage's work by two processes: what is published, what is told, and how a failure is said."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from chainrule.data import batches
from chainrule.recipes.check import find_mistakes
from chainrule.stages import accept, augment, clean, fetch, ingest, pretrain, runner, split
from chainrule.system.processes import available_cores

STAGES = {
    name: getattr(module, name)
    for name, module in (
        *(("accept", accept), ("ingest", ingest), ("clean", clean), ("split", split), ("augment", augment)),
        *(("fetch", fetch), ("pretrain", pretrain)),
    )
}
BLOCK: dict[str, Any] = {
    "task": "image_classification",
    "modality": "image",
    "target": "label",
    "seed": 1,
    "source": {"kind": "image_folder", "path": "data/mine"},
    "incoming": {"kind": "image_folder"},
    "clean": {"normalise": {"size": 8}, "near_duplicates": 0.0},
    "split": {"tolerance": 1.0},
    "augment": {"copies": 0},
    "base": {"from": "nothing"},
    "net": {"name": "cnn", "width": 4, "depth": 2, "dropout": 0.0},
    "pretrain": {"objective": {"name": "none"}},
    "finetune": {"strategy": {"name": "full"}, "epochs": 2, "batch_size": 16, "precision": "fp32"},
    **{name: {} for name in ("evaluate", "export", "retrain")},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with two classes of noise, ready to be fine-tuned."""
    root = tmp_path_factory.mktemp("project")
    random = np.random.default_rng(0)
    for label, base in (("dark", 60), ("light", 190)):
        folder = root / "data" / "mine" / label
        folder.mkdir(parents=True)
        for number in range(60):
            pixels = np.clip(random.normal(base, 40, (8, 8, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    batches.prepare(root, "mine", lambda _: {})
    write(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHAINRULE_TRACKING", "off")
        for name in STAGES:
            runner.run(root, name, "mine", STAGES[name])
    return root


def write(root: Path, **finetune: Any) -> None:
    block = {**BLOCK, "finetune": {**BLOCK["finetune"], **finetune}}
    (root / "params.yaml").write_text(json.dumps({"recipes": {"mine": block}}))


def tuned(root: Path, **changes: Any) -> dict[str, Any]:
    """Fine-tune with these settings in a process of its own; return the report."""
    done = finetuned(root, **changes)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads((root / "reports" / "mine" / "finetune.json").read_text())
    return report


def finetuned(root: Path, **changes: Any) -> subprocess.CompletedProcess[str]:
    write(root, **changes)
    command = [sys.executable, "-m", "chainrule.stages.finetune", "mine"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def untracked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_TRACKING", "off")


def test_two_processes_publish_what_one_does(root: Path) -> None:
    one = tuned(root)
    weights = load_file(root / "models" / "finetuned" / "mine" / "model.safetensors")
    two = tuned(root, launch={"processes": 2})
    assert two["loss"] == pytest.approx(one["loss"], rel=0.2)  # each process has batch statistics of its own
    assert {name: value for name, value in two.items() if "parameters" in name or name == "rows"} == {
        name: value for name, value in one.items() if "parameters" in name or name == "rows"
    }
    both = load_file(root / "models" / "finetuned" / "mine" / "model.safetensors")
    assert {name: tensor.shape for name, tensor in both.items()} == {
        name: tensor.shape for name, tensor in weights.items()
    }
    assert not list(root.rglob(".partial/*"))


def test_two_hosts_meet_at_the_address_of_the_first(root: Path) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    write(root)
    # What docs/scale-out.md has the user start on the other host.
    words = f"--nnodes=2 --node-rank=1 --nproc-per-node=1 --master-addr=127.0.0.1 --master-port={port}".split()
    words = [sys.executable, "-m", "torch.distributed.run", *words, "-m", "chainrule.stages.worker", "finetune", "mine"]
    other = subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        launch = {"processes": 1, "hosts": 2, "address": f"127.0.0.1:{port}"}
        done = finetuned(root, launch=launch)
        said, failed = other.communicate()
    finally:
        other.kill()
    assert (done.returncode, other.returncode) == (0, 0), done.stderr + failed
    assert "1 processes on each of 2 hosts" in done.stdout and "epoch 2: loss" in done.stdout
    assert said == "", "the first host's first process alone says something"
    report = json.loads((root / "reports" / "mine" / "finetune.json").read_text())
    assert report["epochs"] == 2 and not list(root.rglob(".partial/*"))


def test_a_failure_of_a_process_is_the_stages(root: Path) -> None:
    tuned(root)
    before = (root / "models" / "finetuned" / "mine" / "model.safetensors").read_bytes()
    failed = finetuned(root, distort={"shift": 9}, launch={"processes": 2})
    assert (failed.returncode, failed.stderr.count("\n")) == (2, 1)
    assert "distort.shift: found 9; less than 8" in failed.stderr
    many = available_cores() + 1
    failed = finetuned(root, batch_size=64, launch={"processes": many})
    assert (failed.returncode, failed.stderr.count("\n")) == (2, 1)
    assert f"recipes.mine.finetune.launch.processes: found {many}; this machine has {many - 1} cores" in failed.stderr
    assert (root / "models" / "finetuned" / "mine" / "model.safetensors").read_bytes() == before


def test_several_hosts_must_know_where_to_meet_and_each_process_needs_a_row() -> None:
    launch = {"hosts": 2, "processes": 4}
    finetune = {**BLOCK["finetune"], "batch_size": 4, "launch": launch}
    found = [str(mistake) for mistake in find_mistakes({"recipes": {"mine": {**BLOCK, "finetune": finetune}}})]
    assert len(found) == 2
    assert "recipes.mine.finetune.launch.address: found nothing; host:port" in found[0]
    assert "recipes.mine.finetune.batch_size: found 4; at least a row for each of 8 processes" in found[1]
