import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import nn

from chainrule.system.errors import DataError
from chainrule.tasks.image_classification import model as task
from chainrule.training import models
from chainrule.training.weights import WEIGHTS, build_net, load_weights, save_weights

FACTS: dict[str, Any] = {"channels": 3, "height": 8, "width": 8, "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.2, 0.3]}
TARGET: dict[str, Any] = {"classes": ["a", "b", "c", "d"]}
BLOCK: dict[str, Any] = {
    "task": "image_classification",
    "modality": "image",
    "target": "label",
    "base": {"from": "nothing"},
    "net": {"name": "cnn", "width": 4, "depth": 2, "dropout": 0.1},
    "seed": 5,
    "finetune": {"learning_rate": 1},
}


def equal(one: nn.Module, other: nn.Module) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def saved(folder: Path) -> nn.Module:
    """Save a model whose running averages and temperature are not those of a fresh one."""
    model = task.build(build_net(BLOCK, FACTS, seed=5), FACTS, TARGET)
    model.train()(image=torch.randint(0, 256, (6, 3, 8, 8), dtype=torch.uint8))
    model.get_buffer("temperature").fill_(1.7)
    models.save_model(folder, model, BLOCK, FACTS, TARGET, {"loss": {"name": "focal"}})
    return model.eval()


def test_a_net_follows_its_seed_and_nothing_else() -> None:
    torch.manual_seed(1)
    one = build_net(BLOCK, FACTS, seed=5)
    torch.manual_seed(2)
    again, other = build_net(BLOCK, FACTS, seed=5), build_net(BLOCK, FACTS, seed=6)
    assert equal(one, again)
    assert not equal(one, other)


def test_a_net_that_asks_for_it_is_channels_last() -> None:
    convolutions = [module for module in build_net(BLOCK, FACTS, seed=5).modules() if isinstance(module, nn.Conv2d)]
    assert all(module.weight.is_contiguous(memory_format=torch.channels_last) for module in convolutions)


def test_a_loaded_model_gives_the_same_logits_to_the_last_bit(tmp_path: Path) -> None:
    model = saved(tmp_path)
    torch.manual_seed(1234)
    loaded, card, facts = models.load_model(tmp_path)
    images = torch.randint(0, 256, (9, 3, 8, 8), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(loaded(image=images)["logits"], model(image=images)["logits"])
    assert equal(loaded, model)
    assert not loaded.training
    assert facts == FACTS
    kept = ("task", "modality", "target", "net", "base")
    assert card == {
        **{key: BLOCK[key] for key in kept},
        "target_facts": TARGET,
        "objective": {"loss": {"name": "focal"}},
    }


def test_the_files_of_a_model_are_json_and_safetensors_without_pickle(tmp_path: Path) -> None:
    saved(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {WEIGHTS, models.MODEL_CARD, "images.json"}
    for path in tmp_path.iterdir():
        assert not zipfile.is_zipfile(path)
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        else:
            content = path.read_bytes()
            length = int.from_bytes(content[:8], "little")
            entries = json.loads(content[8 : 8 + length])
            assert all(set(entry) == {"dtype", "shape", "data_offsets"} for entry in entries.values())


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    saved(tmp_path / "one")
    torch.manual_seed(0)
    saved(tmp_path / "other")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_weights_that_two_names_share_are_written_under_both(tmp_path: Path) -> None:
    tied = nn.ModuleDict({"one": nn.Linear(3, 3), "other": nn.Linear(3, 3)})
    tied["other"].weight = tied["one"].weight
    save_weights(tied, tmp_path / WEIGHTS)
    with safe_open(tmp_path / WEIGHTS, framework="pt") as file:
        assert set(file.keys()) == set(tied.state_dict())
    fresh = nn.ModuleDict({"one": nn.Linear(3, 3), "other": nn.Linear(3, 3)})
    load_weights(fresh, tmp_path / WEIGHTS)
    assert equal(fresh, tied)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    save_weights(nn.Linear(3, 2), tmp_path / WEIGHTS)
    with pytest.raises(DataError, match="size mismatch"):
        load_weights(nn.Linear(3, 4), tmp_path / WEIGHTS)


@pytest.mark.parametrize("content", [b"", b"\x40" + bytes(40), None])
def test_weights_that_are_not_whole_are_refused_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    save_weights(nn.Linear(3, 2), tmp_path / WEIGHTS)
    whole = (tmp_path / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).write_bytes(whole[:-1] if content is None else content)
    with pytest.raises(DataError, match=r"model\.safetensors does not hold this model's weights; run again") as caught:
        load_weights(nn.Linear(3, 2), tmp_path / WEIGHTS)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"model\.json: not found"):
        models.load_model(tmp_path)
