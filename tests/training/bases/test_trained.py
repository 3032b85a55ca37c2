"""Bases that this project made: another recipe's output, and a registered version with its trained weights."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from mlflow import MlflowClient

from base_project import fetched
from chainrule.runs import places, tracking
from chainrule.runs.journal import journals
from chainrule.system.errors import DataError
from chainrule.system.files import sha256
from chainrule.training import models, start, weights
from chainrule.training.bodies.image import Model
from chainrule.training.inputs import image as inputs
from chainrule.training.targets import label

NET = {"name": "cnn", "width": 4, "depth": 2, "dropout": 0.0}
FACTS = {"channels": 3, "height": 8, "width": 8, "mean": [0.5] * 3, "std": [0.25] * 3}
NOTHING = {"from": "nothing", "name": None, "revision": None, "source": "random numbers", "licence": None, "files": {}}
NOTHING |= {"teacher": False}


def net(seed: int, **options: Any) -> torch.nn.Module:
    made: torch.nn.Module = weights.build_net({"modality": "image", "net": {**NET, **options}}, FACTS, seed)
    return made


@pytest.fixture
def finetuned(tmp_path: Path) -> Path:
    """The output of fine-tuning a recipe `first`."""
    folder = tmp_path / "models" / "finetuned" / "first"
    folder.mkdir(parents=True)
    block = {"task": "image_classification", "modality": "image", "target": "label", "net": NET, "base": NOTHING}
    target = {"classes": ["cat", "dog"], "temperature": 1.0}
    models.save_model(folder, Model(net(1), label, FACTS, target), block, FACTS, target, {})
    return folder


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    return all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_anothers_fine_tuned_net_is_taken_and_its_head_stays_for_a_teacher(tmp_path: Path, finetuned: Path) -> None:
    base = start.read(fetched(tmp_path, "image", {"from": "finetuned/first"}))
    made = net(2)
    assert not same(made, net(1))
    base.load(made)
    assert same(made, net(1))
    assert base.inputs == FACTS
    teacher, card, _ = models.load_model(base.folder)
    assert card["target_facts"]["classes"] == ["cat", "dog"]
    assert teacher.head.out_features == 2
    assert base.card["files"] == {"model.safetensors": sha256(finetuned / "model.safetensors")}


def test_a_model_of_another_kind_of_inputs_is_refused(tmp_path: Path, finetuned: Path) -> None:
    with pytest.raises(DataError, match="recipe finetuned/first is a model of modality image; one of modality text"):
        fetched(tmp_path, "text", {"from": "finetuned/first"})


def test_the_bases_architecture_wins_and_what_differs_is_said(tmp_path: Path, finetuned: Path) -> None:
    base = start.read(fetched(tmp_path, "image", {"from": "finetuned/first"}))
    given = {"name": "cnn", "width": 32, "dropout": 0.3}
    resolved, said = start.resolved({"name": "cnn", "width": 32, "depth": 3, "dropout": 0.3}, base, given)
    assert resolved == {**NET, "dropout": 0.3}, "no weight depends on dropout: the recipe's wins"
    assert said == ["net.width: the base's wins, 4, not 32"]
    with pytest.raises(DataError, match=r"model\.safetensors: weights of another net: .* is \[4, .*, the net's \[8, "):
        base.load(net(1, width=8))


def test_anothers_pretrained_net_is_taken_with_what_goes_into_it(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "pretrained" / "first"
    folder.mkdir(parents=True)
    inputs.save_facts(FACTS, folder)
    weights.save_net(folder, NET, NOTHING)
    with pytest.raises(DataError, match=r"base\.from: pretrained/first: .* is not there; .*objective: none"):
        fetched(tmp_path, "image", {"from": "pretrained/first"})
    weights.save_weights(net(3), folder / "model.safetensors")
    base = start.read(fetched(tmp_path, "image", {"from": "pretrained/first"}))
    made = net(1)
    base.load(made)
    assert same(made, net(3))
    assert (base.net, base.inputs) == (NET, FACTS)


@pytest.fixture
def registered(tmp_path: Path, finetuned: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """A version of `first` as export registers it, and one without trained weights, as versions were before."""
    import onnx

    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    monkeypatch.delenv("CHAINRULE_TRACKING", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [value], [
        onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["batch", 1])
    ])  # fmt: skip
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)]), bundle / "model.onnx")
    for trained in (finetuned, None):
        with tracking.stage_run(tmp_path, "first", "export", {"seed": 1}, patience=60.0) as run:
            run.model(bundle, "model.onnx", trained)
    assert journals(tmp_path) == []
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    client.set_registered_model_alias("first", "champion", "1")
    return client


def test_a_registered_version_is_a_base_by_number_and_by_alias(tmp_path: Path, registered: MlflowClient) -> None:
    for name in ("models:/first/1", "models:/first@champion"):
        base = start.read(fetched(tmp_path, "image", {"from": "mlflow", "name": name}))
        made = net(2)
        base.load(made)
        assert same(made, net(1))
        run = registered.get_model_version("first", "1").run_id
        assert (base.card["revision"], base.card["source"]) == (f"version 1, run {run}", name)
    for name, said in (
        ("models:/first/2", "version 2 was registered without trained weights"),
        ("models:/first/9", "first/9: .*not found"),
        ("models:/first@nobody", "nobody"),
    ):
        with pytest.raises(DataError, match=said) as caught:
            fetched(tmp_path, "image", {"from": "mlflow", "name": name})
        assert "\n" not in str(caught.value)
    (kept,) = (tmp_path / "mlruns").rglob(f"{places.TRAINED}/model.safetensors")
    kept.write_bytes(kept.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(DataError, match="are not those that version 1 was registered with"):
        fetched(tmp_path, "image", {"from": "mlflow", "name": "models:/first/1"})


def test_without_a_store_there_is_no_registered_model_and_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(DataError, match=r"no .*mlflow\.db: no model is registered here"):
        fetched(tmp_path, "image", {"from": "mlflow", "name": "models:/first@champion"})
    assert not (tmp_path / "mlflow.db").exists()
