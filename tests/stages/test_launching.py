"""A stage's work by two processes: what is published, what is told, and how a failure is said."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from chainrule.data import batches
from chainrule.recipes.check import find_mistakes
from chainrule.stages import accept, augment, clean, fetch, finetune, ingest, pretrain, runner, split
from chainrule.system.errors import ParamsError

STAGES = {
    name: getattr(module, name)
    for name, module in (
        *(("accept", accept), ("ingest", ingest), ("clean", clean), ("split", split), ("augment", augment)),
        *(("fetch", fetch), ("pretrain", pretrain), ("finetune", finetune)),
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
        for name in list(STAGES)[:-1]:
            runner.run(root, name, "mine", STAGES[name])
    return root


def write(root: Path, **finetune: Any) -> None:
    block = {**BLOCK, "finetune": {**BLOCK["finetune"], **finetune}}
    (root / "params.yaml").write_text(json.dumps({"recipes": {"mine": block}}))


def tuned(root: Path, **changes: Any) -> dict[str, Any]:
    """Fine-tune with these settings; return the report."""
    write(root, **changes)
    runner.run(root, "finetune", "mine", STAGES["finetune"], trains=True)
    report: dict[str, Any] = json.loads((root / "reports" / "mine" / "finetune.json").read_text())
    return report


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


def test_a_failure_of_a_process_is_the_stages(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = (root / "models" / "finetuned" / "mine" / "model.safetensors").read_bytes()
    with pytest.raises(ParamsError, match=r"distort\.shift: found 9; less than 8"):
        tuned(root, distort={"shift": 9}, launch={"processes": 2})
    with pytest.raises(ParamsError, match=r"launch\.processes: found 64; this machine has \d+ cores"):
        tuned(root, batch_size=64, launch={"processes": 64})
    assert "Traceback" not in capfd.readouterr().err
    assert (root / "models" / "finetuned" / "mine" / "model.safetensors").read_bytes() == before


def test_several_hosts_must_know_where_to_meet_and_each_process_needs_a_row() -> None:
    launch = {"hosts": 2, "processes": 4}
    finetune = {**BLOCK["finetune"], "batch_size": 4, "launch": launch}
    found = [str(mistake) for mistake in find_mistakes({"recipes": {"mine": {**BLOCK, "finetune": finetune}}})]
    assert len(found) == 2
    assert "recipes.mine.finetune.launch.address: found nothing; host:port" in found[0]
    assert "recipes.mine.finetune.batch_size: found 4; at least a row for each of 8 processes" in found[1]
