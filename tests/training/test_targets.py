"""What is learnt and answered by kind of target: a number, a set of labels."""

import numpy as np
import pytest
import torch

from chainrule.evaluation.scores.labels import probabilities
from chainrule.fields import labels as label_sets
from chainrule.fields import number as numbers
from chainrule.nets import cnn
from chainrule.tasks.image_regression import model as regression
from chainrule.tasks.multi_label import model as multi_label
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets import label, labels

HUBER = {"name": "huber", "delta": 1.0}
CROSS_ENTROPY = {"name": "cross_entropy", "class_weights": "none"}
FACTS = {"channels": 1, "height": 8, "width": 8, "mean": [0.5], "std": [0.25]}


def images(levels: list[int]) -> torch.Tensor:
    """Plain images uint8 [N, 1, 8, 8] of these grey levels."""
    return torch.tensor(levels, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 8, 8).contiguous()


def train(objective: torch.nn.Module, batch: dict[str, torch.Tensor], steps: int) -> float:
    optimizer = torch.optim.Adam(objective.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = objective(batch)["loss"]
        loss.backward()
        optimizer.step()
    return float(loss.detach())


@pytest.fixture
def net() -> torch.nn.Module:
    torch.manual_seed(0)
    return cnn.build(1, width=4, depth=1, dropout=0.0)


def test_the_loss_that_chooses_the_epoch_does_not_mind_a_net_that_is_too_sure_of_itself() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 3.0]], np.float32)
    classes = np.array([0, 1, 1, 1])  # one of four is wrong
    loss = label.loss({"classes": ["a", "b"]}, torch.from_numpy(classes), smoothing=0.0, **CROSS_ENTROPY)

    def chosen_by(found: np.ndarray, right: np.ndarray) -> float:
        return label.deciding(loss, {"logits": found}, right)[label.DECIDES]

    sure, surer = chosen_by(logits * 9, classes), chosen_by(logits * 15, classes)
    assert surer == pytest.approx(sure, abs=1e-5)
    assert sure < float(loss({"logits": torch.from_numpy(logits * 9)}, torch.from_numpy(classes)))
    # With every row right, or where it doubts too much, its loss is as it is: more certainty is better.
    all_right = np.array([0, 1, 0, 1])
    for times in (0.1, 1.0):
        plain = float(loss({"logits": torch.from_numpy(logits * times)}, torch.from_numpy(all_right)))
        assert chosen_by(logits * np.float32(times), all_right) == pytest.approx(plain, abs=1e-6)
    assert chosen_by(logits * 9, all_right) < sure
    assert chosen_by(np.full_like(logits, np.inf), classes) == np.inf


def test_a_regression_answers_in_the_unit_of_the_rows(net: torch.nn.Module) -> None:
    values = [1000.0, 3000.0]
    model = regression.build(net, FACTS, numbers.fit(values))
    torch.nn.init.zeros_(model.head.weight)
    torch.nn.init.constant_(model.head.bias, 1.5)
    # Mean 2,000, standard deviation 1,000.
    assert model(images([0, 255]))["value"].tolist() == [3500.0, 3500.0]


def test_a_regression_learns_whatever_the_unit(net: torch.nn.Module) -> None:
    values = [1e6 + 50 * level for level in (0, 60, 120, 200, 255)]
    facts = numbers.fit(values)
    model = regression.build(net, FACTS, facts)
    encoded = torch.from_numpy(numbers.encode(values, facts))
    objective = regression.objective(model, facts, encoded, label_smoothing=0.0, loss=HUBER)
    train(objective, {"image": images([0, 60, 120, 200, 255]), "target": encoded}, 300)
    found = model.eval()(images([0, 255]))["value"]
    assert abs((found[1] - found[0]).item() - 50 * 255) < 0.1 * 50 * 255


def test_a_regression_in_bf16_knows_large_numbers_as_well(net: torch.nn.Module) -> None:
    model = regression.build(net, FACTS, {"mean": 50_000.0, "std": 10.0}).eval()
    exact = model(images([0, 255]))["value"]
    with torch.autocast("cpu", torch.bfloat16):
        found = model(images([0, 255]))["value"]
    assert (found - exact).abs().max() < 0.5  # bf16 has no number between 50,176 and 49,920


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("huber", {"delta": 1.0}, (0.125 + 2.5) / 2),  # half a deviation off: 0.5**2 / 2; three off: 3 - 1/2
        ("huber", {"delta": 0.1}, (0.1 * 0.45 + 0.1 * 2.95) / 2),
        ("mse", {}, (0.25 + 9) / 2),
        ("mae", {}, (0.5 + 3) / 2),
    ],
)
def test_the_loss_of_a_regression_is_in_standard_deviations(
    name: str, options: dict[str, float], expected: float, net: torch.nn.Module
) -> None:
    facts = {"mean": 0.0, "std": 10.0}
    model = regression.build(net, FACTS, facts)
    torch.nn.init.zeros_(model.head.weight)
    torch.nn.init.zeros_(model.head.bias)
    batch = {"image": images([0, 0]), "target": torch.tensor([5.0, 30.0])}
    objective = regression.objective(model, facts, batch["target"], label_smoothing=0.0, loss={"name": name, **options})
    assert objective(batch)["loss"].item() == pytest.approx(expected)


def test_a_set_of_labels_learns_each_label_by_itself(net: torch.nn.Module) -> None:
    rows = ['["dark"]', '["dark", "even"]', '["light", "even"]', "[]"]
    facts = label_sets.fit(rows)
    assert facts == {"classes": ["dark", "even", "light"]}
    model = multi_label.build(net, FACTS, facts)
    encoded = torch.from_numpy(label_sets.encode(rows, facts))
    inputs = images([0, 80, 255, 160])
    train(
        multi_label.objective(model, facts, encoded, label_smoothing=0.0, loss=CROSS_ENTROPY),
        {"image": inputs, "target": encoded},
        400,
    )
    with torch.no_grad():
        outputs = {name: tensor.numpy() for name, tensor in model.eval()(inputs).items()}
    facts, found = multi_label.calibrate(model, outputs, encoded.numpy(), facts)
    assert found == {} and len(facts["thresholds"]) == 3
    given = probabilities(outputs) >= np.array(facts["thresholds"])
    assert given[:, 0].tolist() == [True, True, False, False]
    assert given[:, 2].tolist() == [False, False, True, False]


def test_smoothing_moves_every_label_towards_one_half(net: torch.nn.Module) -> None:
    model = multi_label.build(net, FACTS, {"classes": ["a", "b"]})
    torch.nn.init.zeros_(model.head.weight)
    model.head.bias.data = torch.tensor([2.0, -2.0])
    batch = {"image": images([0]), "target": torch.tensor([[1.0, 0.0]])}
    objective = Supervised(model, labels.Loss(smoothing=0.2))
    # -(0.9 log s(2) + 0.1 log s(-2)), the same for both labels; no smoothing when it is measured.
    right, wrong = -np.log(1 / (1 + np.exp(-2))), -np.log(1 / (1 + np.exp(2)))
    assert objective.train()(batch)["loss"].item() == pytest.approx(0.9 * right + 0.1 * wrong)
    assert objective.eval()(batch)["loss"].item() == pytest.approx(right)


def test_a_text_may_have_a_set_of_labels(net: torch.nn.Module) -> None:
    from chainrule.nets import encoder

    facts = {"vocabulary": 30, "pad_id": 0, "unknown_id": 1, "max_length": 12}
    text = encoder.build(30, 0, arch="bert", layers=1, width=8, heads=2, feed_forward=8, max_length=12, dropout=0.0)
    model = multi_label.build(text, facts, {"classes": ["a", "b", "c"]})
    example = multi_label.example(facts, 2, torch.Generator().manual_seed(0), length=6)
    assert list(example) == list(multi_label.dynamic_shapes(facts)) == ["input_ids", "attention_mask"]
    assert model(**example)["logits"].shape == (2, 3)
    assert multi_label.padding(facts) == {"input_ids": 0, "attention_mask": 0}
    assert multi_label.example(FACTS, 2, torch.Generator())["image"].shape == (2, 1, 8, 8)


def test_an_interval_holds_the_share_of_numbers_that_it_names(net: torch.nn.Module) -> None:
    """Split conformal prediction: as wide as validation rows ask for, and right on rows that it never saw."""
    facts = {"mean": 0.0, "std": 1.0}
    model = regression.build(net, FACTS, facts).eval()
    model.requires_grad_(False)
    before = model(images([0]))
    assert before["low"] == before["value"] == before["high"]
    random = np.random.default_rng(0)
    held = []
    for _ in range(200):
        errors = random.exponential(3.0, 120)
        said, found = regression.calibrate(model, {"value": np.zeros(100)}, errors[:100], facts)
        assert said == facts
        answer = model(images([0]))
        half = float(answer["high"] - answer["value"])
        assert half == pytest.approx(float(answer["value"] - answer["low"]), abs=1e-4)
        assert half == pytest.approx(found["half_width"], abs=1e-4)
        assert found["half_width"] == pytest.approx(np.sort(errors[:100])[90], abs=1e-5)  # ceil(101 · 0.9) = 91st
        held.append((errors[100:] <= half).mean())
    assert 0.9 <= np.mean(held) < 0.915  # 91 of 101
    assert regression.calibrate(model, {"value": np.zeros(2)}, np.array([1.0, -4.0]), facts)[1]["half_width"] == 4.0
