"""Strategies that take more from a base than weights: its head, its answers, its rows. By the real stages."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

import training_project as project
from chainrule.system.errors import ChainruleError, DataError, ParamsError
from chainrule.training import models, rows
from chainrule.training.strategies import distillation

FULL = {"name": "full"}


def weights(root: Path, recipe: str, kind: str = "finetuned") -> dict[str, Tensor]:
    return load_file(root / "models" / kind / recipe / "model.safetensors")


def build(root: Path, recipe: str, table: pd.DataFrame, block: dict[str, Any], copies: int = 0) -> dict[str, Any]:
    project.write(root, recipe, table, copies)
    return project.run(root, recipe, block)


def logits(root: Path, recipe: str, table: pd.DataFrame) -> Tensor:
    """Return what a fine-tuned model says of rows."""
    model, card, facts = models.load_model(root / "models/finetuned" / recipe)
    inputs = rows.to_inputs(table, card, facts, None)
    batch = inputs.take(torch.arange(len(table)), None)
    with torch.no_grad():
        found: Tensor = model(**batch)["logits"] * model.temperature
    return found


def same(one: dict[str, Tensor], other: dict[str, Tensor], prefix: str) -> bool:
    names = [name for name in one if name.startswith(prefix)]
    return bool(names) and all(torch.equal(one[name], other[name]) for name in names)


def test_one_task_after_the_other_takes_the_net_and_draws_a_head(tmp_path: Path) -> None:
    build(tmp_path, "first", project.texts(48), project.block("text", FULL))
    tiny = {"epochs": 1, "learning_rate": 1e-9}
    second = project.block("text", {"name": "head_only"}, "finetuned/first", finetune=tiny)
    report = build(tmp_path, "second", project.texts(60, ("up", "down", "level"), seed=1), second)
    before, after = weights(tmp_path, "first"), weights(tmp_path, "second")
    assert same(before, after, "net.")
    assert after["head.weight"].shape == (3, 16)
    assert not torch.allclose(after["head.weight"][:2], before["head.weight"], atol=1e-3)
    assert report["learning_parameters"] == 3 * 16 + 3


def test_masked_words_are_learnt_on_from_a_base_with_its_tokenizer(tmp_path: Path) -> None:
    """Continued pretraining on the task's own text: the embeddings are tied to the decoder and learn with it."""
    build(tmp_path, "first", project.texts(48), project.block("text", FULL))
    masked: dict[str, Any] = {
        "objective": {"name": "masked_language", "mask_ratio": 0.3},
        "training": {"epochs": 2, "batch_size": 8, "precision": "fp32"},
    }
    second = project.block("text", FULL, "finetuned/first", pretrain=masked, finetune={"epochs": 1})
    project.write(tmp_path, "second", project.texts(60, seed=1))
    project.run(tmp_path, "second", second)
    learnt, base = weights(tmp_path, "second", "pretrained"), weights(tmp_path, "first")
    embeddings = "encoder.embeddings.word_embeddings.weight"
    assert learnt.keys() == {name.removeprefix("net.") for name in base if name.startswith("net.")}
    assert not torch.equal(learnt[embeddings], base[f"net.{embeddings}"])
    tokenizers = [(tmp_path / f"models/finetuned/{name}/texts.json").read_text() for name in ("first", "second")]
    assert tokenizers[0] == tokenizers[1]
    # It goes on from the base: at next to no rate it is the base.
    still = {**masked, "training": {**masked["training"], "learning_rate": 1e-12, "weight_decay": 0.0}}
    project.run(tmp_path, "second", project.block("text", FULL, "finetuned/first", pretrain=still), "fetch", "pretrain")
    kept = weights(tmp_path, "second", "pretrained")
    assert all(torch.allclose(kept[name], base[f"net.{name}"], atol=1e-6) for name in kept)


def hub_folder(root: Path) -> Path:
    """Write what the hub has of a model: its words are not in the order of this project's own tokenizers."""
    words = sorted(word for words in project.WORDS.values() for word in words)
    vocabulary = [*words, "[MASK]", "[SEP]", "[UNK]", "[PAD]", "[CLS]"]
    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=len(vocabulary), max_position_embeddings=16,
                        pad_token_id=vocabulary.index("[PAD]"), **sizes)  # fmt: skip
    BertModel(config).save_pretrained(root / "hub")
    (root / "hub/vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (root / "hub/tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    return root / "hub"


@pytest.mark.parametrize("rate", [0.01, 1e-12])
def test_masked_words_are_learnt_on_from_a_model_of_the_hub(rate: float, tmp_path: Path) -> None:
    """Hidden words become the base's own mask, and the decoder is tied to the base's embeddings."""
    folder = hub_folder(tmp_path)
    training = {"epochs": 3, "batch_size": 8, "precision": "fp32", "learning_rate": rate, "weight_decay": 0.0}
    masked = {"objective": {"name": "masked_language"}, "training": training}
    block = project.block("text", FULL, pretrain=masked, net={"name": "transformers"})
    block["base"] = {"from": "huggingface", "name": str(folder)}
    project.write(tmp_path, "mine", project.texts(60))
    project.run(tmp_path, "mine", block)
    facts = json.loads((tmp_path / "models/pretrained/mine/texts.json").read_text())
    assert facts["mask_id"] == (folder / "vocab.txt").read_text().split().index("[MASK]")
    base, learnt = load_file(folder / "model.safetensors"), weights(tmp_path, "mine", "pretrained")
    same = {name: torch.allclose(learnt[f"encoder.{name}"], base[name], atol=1e-6) for name in base
            if not name.startswith("pooler.")}  # fmt: skip
    assert all(same.values()) == (rate < 0.01)
    assert same["embeddings.word_embeddings.weight"] == (rate < 0.01)
    history = json.loads((tmp_path / "models/pretrained/mine/history.json").read_text())
    assert (history[-1]["validation_loss"] < 0.95 * history[0]["validation_loss"]) == (rate == 0.01)


@pytest.mark.parametrize("features", [0.0, 1.0])
def test_a_student_of_another_shape_learns_what_its_teacher_says(features: float, tmp_path: Path) -> None:
    """Of wrong labels alone, with the teacher's answers in their place, it learns the right ones."""
    teacher = project.images(64)
    build(tmp_path, "teacher", teacher, project.block("image", FULL, finetune={"epochs": 6}))
    wrong = project.images(64, seed=1)
    wrong["label"] = wrong["label"].map({"up": "down", "down": "up"})
    net = {"name": "cnn", "width": 3, "depth": 3, "dropout": 0.0}
    taught = {"name": "distillation", "weight": 1.0, "features": features}
    # Validation rows, whose labels are wrong too, choose the epoch: there is one.
    student = project.block("image", taught, "finetuned/teacher", net=net, finetune={"epochs": 1, "batch_size": 2})
    build(tmp_path, "student", wrong, student)
    said, right = logits(tmp_path, "student", wrong).argmax(1), logits(tmp_path, "teacher", wrong).argmax(1)
    assert (said == right).float().mean() > 0.9
    own = build(tmp_path, "own", wrong, project.block("image", FULL, net=net))
    # What the teacher is compared by is no part of the student; nothing of the teacher's net was taken.
    assert {name: tensor.shape for name, tensor in weights(tmp_path, "student").items()} == {
        name: tensor.shape for name, tensor in weights(tmp_path, "own").items()
    }
    assert not (tmp_path / "models/pretrained/student/model.safetensors").exists()
    parameters = project.run(tmp_path, "student", student)["parameters"]
    assert parameters == own["parameters"]


@pytest.mark.parametrize("kind", ["label", "labels"])
def test_the_teachers_loss_is_the_divergence_of_what_both_say(kind: str) -> None:
    """Of classes Kullback and Leibler's over all of them; of a set of labels that of each label, together."""
    ours, theirs = torch.tensor([[1.0, -2.0], [0.5, 3.0]]), torch.tensor([[0.0, 1.0], [2.0, -1.0]])
    model = nn.Module()
    model.inputs = ("x",)
    teacher = distillation.Teacher(Says(theirs), kind, {}, [])
    found = distillation.loss(
        model, torch.tensor(7.0), {"x": torch.zeros(2)}, {"logits": ours},
        weight=0.25, temperature=2.0, features=0.0, beside=teacher,
    )  # fmt: skip
    expected = 0.0
    for one, other in zip((ours / 2).tolist(), (theirs / 2).tolist(), strict=True):
        if kind == "label":
            p, q = (np.exp(each) / np.exp(each).sum() for each in (np.array(other), np.array(one)))
            expected += float((p * np.log(p / q)).sum()) / 2
        else:
            p, q = (1 / (1 + np.exp(-np.array(each))) for each in (other, one))
            expected += float((p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum()) / 4
    assert float(found) == pytest.approx(0.75 * 7 + 0.25 * 4 * expected, rel=1e-5)


def test_of_numbers_the_teachers_loss_is_the_squared_distance_in_standard_deviations() -> None:
    model = nn.Module()
    model.inputs = ("x",)
    teacher = distillation.Teacher(Says(torch.tensor([3.0, -1.0]), "value"), "number", {}, [], std=4.0)
    found = distillation.loss(
        model, torch.tensor(7.0), {"x": torch.zeros(2)}, {"value": torch.tensor([1.0, 7.0])},
        weight=0.25, temperature=2.0, features=0.0, beside=teacher,
    )  # fmt: skip
    assert float(found) == pytest.approx(0.75 * 7 + 0.25 * (0.5**2 + 2**2) / 2, rel=1e-6)


def test_a_student_of_numbers_learns_what_its_teacher_says(tmp_path: Path) -> None:
    """Of numbers that are upside down, with the teacher's in their place, it learns the right ones."""

    def numbers(sign: float, seed: int) -> pd.DataFrame:
        table = project.images(64, seed=seed)
        return table.assign(target=table.pop("label").map({"up": 10.0 * sign, "down": -10.0 * sign}))

    of_numbers = {"task": "image_regression", "target": "number"}
    teacher = project.block("image", FULL, finetune={"epochs": 6}) | of_numbers
    build(tmp_path, "teacher", numbers(1, 0), teacher)
    taught = {"name": "distillation", "weight": 1.0}
    student = project.block("image", taught, "finetuned/teacher", finetune={"epochs": 1, "batch_size": 2}) | of_numbers
    upside_down = numbers(-1, 1)
    build(tmp_path, "student", upside_down, student)
    model, card, facts = models.load_model(tmp_path / "models/finetuned/student")
    with torch.no_grad():
        said = model(**rows.to_inputs(upside_down, card, facts, None).take(torch.arange(64), None))["value"]
    assert np.corrcoef(said.numpy(), upside_down["target"])[0, 1] < -0.9
    with pytest.raises(ParamsError, match="tells a number; a teacher tells a label, as the recipe"):
        build(tmp_path, "other", project.images(32), project.block("image", taught, "finetuned/teacher"))


class Says(nn.Module):
    """A teacher that says the same of every batch."""

    def __init__(self, said: Tensor, name: str = "logits") -> None:
        super().__init__()
        self.said, self.name = said, name

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {self.name: self.said}


def test_the_teachers_answers_and_the_tasks_loss_are_weighted(tmp_path: Path) -> None:
    """With no weight on the teacher the student is the one that has none, to the last bit."""
    build(tmp_path, "teacher", project.images(32), project.block("image", FULL))
    table = project.images(32, seed=1)
    alone = project.block("image", FULL)
    build(tmp_path, "alone", table, alone)
    found = {}
    for weight in (0.0, 0.5):
        build(tmp_path, "taught", table, project.block("image", {"name": "distillation", "weight": weight},
                                                       "finetuned/teacher"))  # fmt: skip
        found[weight] = weights(tmp_path, "taught")
    # The teacher's mean and std come with it; all the rest is as without.
    still = {name for name in found[0.0] if name not in ("mean", "std")}
    assert all(torch.allclose(found[0.0][name], weights(tmp_path, "alone")[name], atol=0.2) for name in still)
    assert not same(found[0.0], found[0.5], "head.")


def test_a_teacher_that_tells_other_classes_or_reads_otherwise_is_refused(tmp_path: Path) -> None:
    build(tmp_path, "teacher", project.images(32), project.block("image", FULL))
    student = project.block("image", {"name": "distillation"}, "finetuned/teacher")
    with pytest.raises(ParamsError) as caught:
        build(tmp_path, "student", project.images(48, ("up", "level")), student)
    assert str(caught.value) == (
        "base.from: finetuned/teacher: its classes are others: down is the teacher's alone, level is the recipe's alone"
    )
    with pytest.raises(ParamsError) as caught:
        build(tmp_path, "student", project.images(48, side=10), student)
    assert str(caught.value) == (
        "base.from: finetuned/teacher: a teacher reads the student's rows, but its height is 8, not 10, "
        "width is 8, not 10"
    )


def test_learning_on_takes_what_is_new_and_a_share_of_what_is_known(tmp_path: Path) -> None:
    old, new = project.images(64), project.images(32, seed=1)
    build(tmp_path, "first", old, project.block("image", FULL), copies=1)
    seen = set(pd.read_parquet(tmp_path / "models/finetuned/first/rows.parquet")["id"])
    assert seen == set(old["id"][old.index % 4 != 3])
    on = project.block("image", {"name": "incremental", "replay": 0.25}, "finetuned/first")
    report = build(tmp_path, "second", pd.concat([old, new], ignore_index=True), on, copies=1)
    assert report["rows"] == 2 * (24 + 12)  # all of the new rows, a quarter of 48, and the copy of each
    known = set(pd.read_parquet(tmp_path / "models/finetuned/second/rows.parquet")["id"])
    assert known == seen | set(new["id"][new.index % 4 != 3])
    third = project.block("image", {"name": "incremental"}, "finetuned/second")
    with pytest.raises(DataError, match=r"^base\.from: finetuned/second: has seen all 72 training rows"):
        build(tmp_path, "third", pd.concat([old, new], ignore_index=True), third)


def test_learning_on_takes_all_that_stands_on_the_net(tmp_path: Path) -> None:
    """A model of pairs compares before its head."""
    pairs = project.texts(32).rename(columns={"text": "first"})
    pairs["second"] = project.texts(32, seed=3)["text"]
    task = {"task": "text_pair_classification"}
    build(tmp_path, "first", pairs, project.block("text", FULL, **task))
    on = project.block("text", {"name": "incremental"}, "finetuned/first", **task,
                       finetune={"epochs": 1, "learning_rate": 1e-9})  # fmt: skip
    build(tmp_path, "second", pairs.assign(id="new" + pairs["id"]), on)
    before, after = weights(tmp_path, "first"), weights(tmp_path, "second")
    assert any(name.startswith("compare.") for name in before)
    assert all(torch.allclose(after[name], before[name], atol=1e-6) for name in before if name != "temperature")


def test_adapters_are_merged_into_what_is_written(tmp_path: Path) -> None:
    build(tmp_path, "first", project.texts(32), project.block("text", FULL))
    lora = {"name": "lora", "rank": 2}
    report = build(tmp_path, "second", project.texts(32, seed=1), project.block("text", lora, "finetuned/first"))
    before, after = weights(tmp_path, "first"), weights(tmp_path, "second")
    assert after.keys() == before.keys()
    moved = {name for name in after if not torch.equal(after[name], before[name])} - {"temperature"}
    linear = {name for name in before if ".layer." in name and name.endswith("weight") and "LayerNorm" not in name}
    assert moved == {*linear, "head.weight", "head.bias"}
    # Six matrices of 16 by 16 each get 2 rows and 2 columns; the head has two outputs.
    assert report["learning_parameters"] == 6 * 2 * (16 + 16) + 2 * 16 + 2
    assert report["parameters"] == sum(tensor.numel() for name, tensor in before.items() if name != "temperature")


def test_learning_on_starts_from_the_head_class_by_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(tmp_path, "first", project.texts(48, ("up", "down")), project.block("text", FULL))
    tiny = {"epochs": 1, "learning_rate": 1e-9}
    on = project.block("text", {"name": "incremental"}, "finetuned/first", finetune=tiny)
    build(tmp_path, "second", project.texts(60, ("up", "level", "down"), seed=1), on)
    before, after = weights(tmp_path, "first"), weights(tmp_path, "second")
    for name in ("head.weight", "head.bias"):  # down, up; down, level, up
        torch.testing.assert_close(after[name][[0, 2]], before[name], rtol=0, atol=1e-6)
    assert not torch.allclose(after["head.weight"][1], before["head.weight"], atol=1e-3)
    said = capsys.readouterr().out
    assert "finetune@second: the head starts from the base's, but for new classes: level\n" in said
    assert "finetune@second: 45 rows that the base has not seen, 0 of 0 again that it has\n" in said


def test_two_tasks_are_learnt_on_one_net(tmp_path: Path) -> None:
    """Rows that mean nothing spoil the net for the task that it did before, unless that is learnt along."""
    first = project.images(64)
    build(tmp_path, "first", first, project.block("image", FULL, finetune={"epochs": 6}))
    noise = project.images(64, seed=1)
    noise["label"] = np.random.default_rng(0).permutation(noise["label"])
    head = {name: tensor for name, tensor in weights(tmp_path, "first").items() if name.startswith("head.")}
    found = {}
    for name, strategy in (("alone", FULL), ("both", {"name": "joint", "weight": 2.0})):
        settings = {"epochs": 6, "learning_rate": 0.05, "patience": None}
        build(tmp_path, name, noise, project.block("image", strategy, "finetuned/first", finetune=settings))
        found[name] = loss_of(tmp_path, name, first, head)
        assert weights(tmp_path, name).keys() == weights(tmp_path, "first").keys()
    assert found["both"] < 0.6 * found["alone"]


def test_a_task_of_another_kind_is_learnt_along_by_its_own_loss(tmp_path: Path) -> None:
    numbers = project.images(32).assign(label=np.random.default_rng(0).normal(50, 9, 32)).rename(
        columns={"label": "target"})  # fmt: skip
    build(tmp_path, "first", numbers, {**project.block("image", FULL), "task": "image_regression", "target": "number"})
    both = project.block("image", {"name": "joint"}, "finetuned/first")
    report = build(tmp_path, "second", project.images(32, seed=1), both)
    assert weights(tmp_path, "second")["head.weight"].shape == (2, 8)
    assert report["learning_parameters"] == report["parameters"] + 8 + 1  # the other's head


def loss_of(root: Path, recipe: str, table: pd.DataFrame, head: dict[str, Tensor]) -> float:
    """Return the loss of another head on a recipe's net."""
    model, card, facts = models.load_model(root / "models/finetuned" / recipe)
    model.load_state_dict({**model.state_dict(), **head, "temperature": torch.ones(())})
    target = torch.tensor((table["label"] == "up").to_numpy()).long()
    inputs = rows.to_inputs(table, card, facts, None)
    with torch.no_grad():
        said = model(**inputs.take(torch.arange(len(table)), None))["logits"]
    return float(torch.nn.functional.cross_entropy(said, target))


def test_rows_that_are_read_otherwise_are_not_learnt_along(tmp_path: Path) -> None:
    build(tmp_path, "first", project.images(32), project.block("image", FULL))
    both = project.block("image", {"name": "joint"}, "finetuned/first")
    with pytest.raises(ParamsError, match=r"^base\.from: finetuned/first: one net reads the rows of both, but its hei"):
        build(tmp_path, "second", project.images(32, side=10), both)
    (tmp_path / "data/augmented/first/train.parquet").unlink()
    with pytest.raises(DataError, match=r"train\.parquet: not found; `dvc repro augment@first` makes it$"):
        project.run(tmp_path, "second", both, "fetch")


def test_what_needs_another_base_says_so(tmp_path: Path) -> None:
    build(tmp_path, "first", project.texts(32), project.block("text", FULL))
    (tmp_path / "models/finetuned/first/rows.parquet").unlink()
    with pytest.raises(ChainruleError, match=r"rows\.parquet: not found; this base does not say which rows"):
        build(tmp_path, "second", project.texts(32, seed=1),
              project.block("text", {"name": "incremental"}, "finetuned/first"))  # fmt: skip
