import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chainrule.training import checkpoints
from chainrule.training.optimizers import make_optimizer


@pytest.fixture(autouse=True)
def threads() -> Iterator[int]:
    number = torch.get_num_threads()
    yield number
    torch.set_num_threads(number)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "train.parquet"
    path.write_bytes(b"rows")
    return path


def trained(optimizer: str, steps: int, seed: int = 0) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))
    model = layers.to(memory_format=torch.channels_last)
    optim = make_optimizer(model, optimizer, 0.1, 0.01)
    learn(model, optim, steps)
    return model, optim


def learn(model: nn.Module, optim: torch.optim.Optimizer, steps: int) -> None:
    images = torch.linspace(-1, 1, 5 * 3 * 16).view(5, 3, 4, 4)
    for _ in range(steps):
        model(images).square().mean().backward()
        optim.step()
        optim.zero_grad()


def state_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adam", "adamw", "adafactor", "muon"])
def test_a_loaded_checkpoint_goes_on_as_if_nothing_had_happened(optimizer: str, tmp_path: Path) -> None:
    model, optim = trained(optimizer, 3)
    state: dict[str, Any] = {"epoch": 1, "loss_sum": 0.1 + 0.2, "history": [{"best": True, "loss": 1 / 3}]}
    best = state_of(trained(optimizer, 1)[0])
    average = state_of(trained(optimizer, 2)[0])
    checkpoints.save(tmp_path / "it.safetensors", state, model, optim, best, average)
    learn(model, optim, 2)
    other, other_optim = trained(optimizer, 0, seed=9)
    loaded_state, loaded_best, loaded_average = checkpoints.load(tmp_path / "it.safetensors", other, other_optim)
    assert loaded_state == state
    assert same(loaded_best, best)
    assert same(loaded_average, average)
    learn(other, other_optim, 2)
    assert same(state_of(other), state_of(model))


def test_moments_of_channels_last_weights_come_back_channels_last(tmp_path: Path) -> None:
    model, optim = trained("adamw", 2)
    checkpoints.save(tmp_path / "it.safetensors", {}, model, optim, {}, {})
    other, other_optim = trained("adamw", 0)
    checkpoints.load(tmp_path / "it.safetensors", other, other_optim)
    for parameter in other.parameters():
        assert other_optim.state[parameter]["exp_avg"].stride() == parameter.stride()


def test_a_checkpoint_is_safetensors_with_json_and_no_pickle(tmp_path: Path) -> None:
    path = tmp_path / "it.safetensors"
    model, optim = trained("adamw", 1)
    checkpoints.save(path, {"epoch": 2}, model, optim, state_of(model), {})
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    assert {name.split("/")[0] for name in tensors} == {"model", "best", "optimizer"}
    assert all(set(entry) == {"dtype", "shape", "data_offsets"} for entry in tensors.values())
    assert len(content) == 8 + length + max(entry["data_offsets"][1] for entry in tensors.values())
    assert json.loads(header["__metadata__"]["json"])["state"] == {"epoch": 2}
    assert not zipfile.is_zipfile(path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_write_that_fails_half_way_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "it.safetensors"
    model, optim = trained("nesterov", 1)
    checkpoints.save(path, {"epoch": 1}, model, optim, {}, {})
    good = path.read_bytes()
    write = checkpoints.save_file

    def dies_half_way(tensors: dict[str, Tensor], target: Path, metadata: dict[str, str]) -> None:
        write(tensors, target, metadata)
        target.write_bytes(target.read_bytes()[:100])
        raise OSError("no space left on device")

    monkeypatch.setattr(checkpoints, "save_file", dies_half_way)
    with pytest.raises(OSError, match="no space"):
        checkpoints.save(path, {"epoch": 2}, model, optim, {}, {})
    assert path.read_bytes() == good
    monkeypatch.undo()
    assert checkpoints.load(path, model, optim)[0] == {"epoch": 1}
    checkpoints.save(path, {"epoch": 3}, model, optim, {}, {})
    assert checkpoints.load(path, model, optim)[0] == {"epoch": 3}


def test_the_same_training_finds_its_checkpoint_again(tmp_path: Path, rows: Path) -> None:
    folder = tmp_path / "checkpoints"
    path = checkpoints.checkpoint_path(folder, {"seed": 1, "epochs": 2}, tmp_path, [rows.name])
    assert not path.exists()
    path.write_bytes(b"mine")
    assert checkpoints.checkpoint_path(folder, {"epochs": 2, "seed": 1}, tmp_path, [rows.name]) == path
    assert path.read_bytes() == b"mine"


def test_whatever_shapes_the_weights_changes_the_key(
    tmp_path: Path, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key(*inputs: str, rate: float = 0.1) -> str:
        settings = {"seed": 1, "finetune": {"learning_rate": rate}}
        return checkpoints.checkpoint_path(tmp_path / "checkpoints", settings, tmp_path, inputs).name

    code = tmp_path / "code"
    code.mkdir()
    (code / "strategy.py").write_text("rate = 1")
    torch.set_num_threads(1)
    keys = [key(rows.name, "code"), key(rows.name, "code", rate=0.2), key(rows.name), key("code"), key()]
    torch.set_num_threads(2)
    keys.append(key(rows.name, "code"))
    torch.set_num_threads(1)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "0.0")
        keys.append(key(rows.name, "code"))
    rows.write_bytes(b"rows!")
    keys.append(key(rows.name, "code"))
    (code / "strategy.py").write_text("rate = 2")
    keys.append(key(rows.name, "code"))
    (code / "strategy.py").rename(code / "other.py")
    keys.append(key(rows.name, "code"))
    assert len(set(keys)) == len(keys)


def test_a_file_in_the_place_of_the_folder_makes_way(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_bytes(b"a file")
    assert checkpoints.checkpoint_path(tmp_path / "checkpoints", {}, tmp_path, []).parent.is_dir()


def test_checkpoints_of_other_keys_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    old = checkpoints.checkpoint_path(folder, {"seed": 1}, tmp_path, [])
    old.write_bytes(b"old")
    old.with_suffix(".partial").write_bytes(b"half")
    (folder / "mine").mkdir()
    (folder / "mine" / "file").touch()
    new = checkpoints.checkpoint_path(folder, {"seed": 2}, tmp_path, [])
    assert new != old
    assert list(folder.iterdir()) == []


def test_weights_that_two_layers_share_are_written_as_they_are_and_loaded_into_both(tmp_path: Path) -> None:
    def tied() -> nn.Module:
        words, output = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
        output.weight = words.weight
        return nn.Sequential(words, output)

    model, other = tied(), tied()
    optim = make_optimizer(model, "sgd", 0.1, 0.0)
    checkpoints.save(tmp_path / "it.safetensors", {"epoch": 1}, model, optim, model.state_dict(), {})
    _, best, _ = checkpoints.load(tmp_path / "it.safetensors", other, make_optimizer(other, "sgd", 0.1, 0.0))
    assert same(state_of(other), state_of(model))
    assert same(best, state_of(model))
