import importlib
import inspect
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import small_trainings
from chainrule.training.objectives import masked_language, none
from chainrule.training.objectives.catalogue import OBJECTIVES
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets import label


class Wide(nn.Module):
    """Stands for an encoder: ids to vectors through a table, remembering what it was shown."""

    def __init__(self, vocabulary: int, width: int = 8) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, width)
        self.out_features = width
        self.shown = torch.tensor([])

    @property
    def embeddings(self) -> Tensor:
        return self.table.weight

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        self.shown = ids
        states: Tensor = self.table(ids)
        return states


class Table(nn.Module):
    """A classifier that answers with given logits."""

    inputs = ("rows",)

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, rows: Tensor) -> dict[str, Tensor]:
        return {"logits": self.logits[rows]}


# masked_language

SPECIAL = [0, 1, 2, 3, 4]  # pad, unknown, start, end, mask
MASK = 4


def language_objective(mask_ratio: float, vocabulary: int = 500) -> tuple[masked_language.MaskedLanguage, Wide]:
    torch.manual_seed(0)
    net = Wide(vocabulary)
    facts: dict[str, Any] = {"vocabulary": vocabulary, "mask_id": MASK, "pad_id": 0, "special_ids": SPECIAL}
    return masked_language.build(net, facts, mask_ratio=mask_ratio, whole_word=False), net


def sentences(rows: int, length: int = 40, vocabulary: int = 500) -> dict[str, Tensor]:
    ids = torch.randint(5, vocabulary, (rows, length), generator=torch.Generator().manual_seed(1))
    ids[:, 0], ids[:, -11], ids[:, 3] = 2, 3, 1
    ids[:, -10:] = 0
    return {"input_ids": ids, "attention_mask": (ids != 0).long()}


def test_special_and_padding_tokens_are_never_hidden() -> None:
    objective, net = language_objective(0.9)
    batch = sentences(50)
    batch["input_ids"][:, -5:] = 77  # padding is what the mask says, whatever stands there
    result = objective(batch)
    special = torch.isin(batch["input_ids"], torch.tensor(SPECIAL))
    kept = special | ~batch["attention_mask"].bool()
    assert torch.equal(net.shown[kept], batch["input_ids"][kept])
    assert not bool(torch.isin(result["targets"][result["told"]], torch.tensor(SPECIAL)).any())
    assert int(result["count"]) <= int((~kept).sum())


@pytest.mark.parametrize("mask_ratio", [0.15, 0.4])
def test_the_asked_share_is_predicted_of_it_80_10_10(mask_ratio: float) -> None:
    objective, net = language_objective(mask_ratio)
    batch = sentences(1000)
    before = batch["input_ids"]
    result = objective(batch)
    allowed = int((batch["attention_mask"].bool() & ~torch.isin(before, torch.tensor(SPECIAL))).sum())
    chosen = int(result["count"])
    masked = int(((net.shown == MASK) & (before != MASK)).sum())
    randomised = int(((net.shown != before) & (net.shown != MASK)).sum())
    assert chosen == round(mask_ratio * allowed)
    assert masked / chosen == pytest.approx(0.8, abs=0.02)
    assert randomised / chosen == pytest.approx(0.1, abs=0.02)


def test_the_loss_is_the_cross_entropy_of_the_hidden_tokens() -> None:
    objective, _ = language_objective(0.3)
    result = objective(sentences(20))
    told = result["told"]
    assert int(result["count"]) == int(told.sum())
    assert result["logits"].shape == (len(told), 500)
    each = -result["logits"].log_softmax(dim=1)[torch.arange(len(told)), result["targets"]]
    expected = each[told].mean()
    torch.testing.assert_close(result["loss"], expected)


def test_masks_follow_the_random_state() -> None:
    objective, net = language_objective(0.3)
    shown = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        objective(sentences(5))
        shown.append(net.shown)
    assert torch.equal(shown[0], shown[1])
    assert not torch.equal(shown[0], shown[2])


def test_the_loss_is_defined_when_chance_chose_nothing() -> None:
    objective, _ = language_objective(1e-9)
    batch = sentences(2)
    result = objective(batch)
    assert int(result["count"]) >= 1
    assert result["loss"].isfinite()
    assert not bool(torch.isin(result["targets"][result["told"]], torch.tensor(SPECIAL)).any())


def test_the_shapes_of_a_step_are_those_of_its_batch_whatever_is_in_it() -> None:
    """A number of tokens that is only known when they were chosen would be waited for at every step."""
    objective, _ = language_objective(0.3)
    batch = sentences(20)
    few = {**batch, "attention_mask": batch["attention_mask"] * (torch.arange(40) < 9)}
    assert objective(batch)["logits"].shape == objective(few)["logits"].shape
    assert int(objective(few)["count"]) < int(objective(batch)["count"])


def test_the_loss_is_defined_when_there_is_nothing_to_hide() -> None:
    objective, net = language_objective(0.5)
    ids = torch.tensor([[2, 1, 3, 0], [2, 3, 0, 0]])
    result = objective({"input_ids": ids, "attention_mask": (ids != 0).long()})
    assert torch.equal(net.shown, ids)
    assert int(result["count"]) == 0
    assert float(result["loss"].detach()) == 0
    result["loss"].backward()
    assert all(not bool(parameter.grad.any()) for parameter in objective.parameters() if parameter.grad is not None)


def test_the_decoder_shares_the_embeddings() -> None:
    objective, net = language_objective(0.3)
    assert [name for name, _ in objective.named_parameters() if "embedding" in name or "decoder" in name] == []
    before = objective(sentences(3))["logits"].shape[1]
    assert before == len(net.table.weight)
    objective(sentences(3))["loss"].backward()
    assert all(parameter.grad is not None for parameter in objective.parameters())


# supervised and none


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_of_an_evaluation_is_the_plain_log_loss(smoothing: float) -> None:
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    objective = Supervised(Table(logits), label.Loss(smoothing=smoothing)).eval()
    result = objective({"rows": torch.arange(6), "target": labels})
    probabilities = logits.double().softmax(dim=1)
    assert result["loss"].item() == pytest.approx(float(-probabilities[torch.arange(6), labels].log().mean()), rel=1e-6)
    assert torch.equal(result["outputs"]["logits"], logits)
    assert int(result["count"]) == 6


def test_smoothing_acts_in_training_mode_only() -> None:
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    batch = {"rows": torch.arange(6), "target": labels}
    objective = Supervised(Table(logits), label.Loss(smoothing=0.3))
    target = 0.7 * nn.functional.one_hot(labels, 3) + 0.1
    smoothed = float(-(target * logits.log_softmax(dim=1)).sum(dim=1).mean())
    assert objective.train()(batch)["loss"].item() == pytest.approx(smoothed, rel=1e-6)
    assert objective.eval()(batch)["loss"].item() != pytest.approx(smoothed, rel=1e-3)


def test_the_model_gets_its_inputs_by_name_and_nothing_else() -> None:
    class Difference(nn.Module):
        inputs = ("b", "a")

        def forward(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
            return {"logits": torch.stack([b - a, a - b], dim=1)}

    objective = Supervised(Difference(), label.Loss()).eval()
    batch = {"a": torch.tensor([1.0]), "b": torch.tensor([3.0]), "c": torch.ones(1), "target": torch.tensor([0])}
    assert objective(batch)["outputs"]["logits"].tolist() == [[2.0, -2.0]]


def test_no_pretraining_trains_nothing() -> None:
    assert none.build(nn.Identity(), {}) is None


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_what_is_learnt_of_inputs_can_be_shown(name: str) -> None:
    module = importlib.import_module(f"chainrule.training.objectives.{name}")
    shown = inspect.signature(module.show).parameters if name != "none" else ()
    assert list(shown) == (["objective", "inputs", "facts", "loss", "seed"] if name != "none" else [])


class Alike(nn.Module):
    """Two views of a row are to be alike: an objective that sees every row of a batch twice."""

    views = 2

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, one: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, Tensor]:
        self.seen.append((one["image"], other["image"]))
        apart = self.weight * (one["image"].float() - other["image"].float()).square().mean()
        return {"loss": apart, "count": torch.tensor(len(one["image"]))}


def test_an_objective_may_see_several_views_of_the_rows_of_a_batch() -> None:
    still, shifted = small_trainings.images(12), small_trainings.images(12, shift=2)
    seen = []
    for _ in range(2):
        objective = Alike()
        history = small_trainings.fit(objective, shifted, shifted)
        assert all(record["validation_loss"] > 0 for record in history)
        seen.append(objective.seen)
    assert all(torch.equal(*pair) for pair in zip(seen[0][0], seen[1][0], strict=True))  # of the seed
    assert all(not torch.equal(one, other) for one, other in seen[0])
    first, again = seen[0][2], seen[0][6]  # the first batches of validation after both epochs
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert small_trainings.fit(Alike(), still, still)[0]["validation_loss"] == 0
