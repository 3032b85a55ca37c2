"""Adversarial training: what is learnt from, and what of the model the attack leaves alone."""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.nets import cnn
from chainrule.tasks.image_classification import model as task
from chainrule.training import attacks, strategy
from chainrule.training.attacks import Ball
from chainrule.training.audit import depth
from chainrule.training.audit.layers import layers
from chainrule.training.inputs.image import Inputs as Images
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.strategies import adversarial
from chainrule.training.targets.label import Loss
from small_trainings import FACTS, fit, images

OPTIONS: dict[str, Any] = {"epsilon": 30.0, "steps": 3, "step_size": None}


def objective() -> Any:
    torch.manual_seed(0)
    net = cnn.build(1, width=4, depth=2, dropout=0.2)
    return Supervised(task.build(net, FACTS, {"classes": ["a", "b"]}), Loss())


def batch(rows: int = 8) -> dict[str, Tensor]:
    return images(rows).take(torch.arange(rows), None)


def test_a_batch_is_moved_within_epsilon_against_the_model_and_nothing_else_changes() -> None:
    learner, given = objective().train(), batch()
    learner.model.net.eval()  # as a strategy may leave a part
    modes = [module.training for module in learner.modules()]
    before = {name: tensor.clone() for name, tensor in learner.state_dict().items()}
    moved = adversarial.batch(learner, given, **OPTIONS)
    assert [module.training for module in learner.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in learner.state_dict().items())
    assert all(weight.grad is None for weight in learner.parameters())
    assert 0 < (moved["image"] - given["image"].float()).abs().max() <= 30
    assert torch.equal(moved["target"], given["target"])
    learner.eval()
    assert learner(moved)["loss"] > learner(given)["loss"]


def test_the_random_start_comes_from_the_seed_of_the_step() -> None:
    learner, given = objective().train(), batch()

    def moved(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return adversarial.batch(learner, given, **OPTIONS)["image"]

    assert torch.equal(moved(1), moved(1)) and not torch.equal(moved(1), moved(2))


def test_statistics_of_normalisation_are_those_of_what_is_learnt_from_alone() -> None:
    ours, theirs, given = objective(), objective(), batch()
    wrapped = strategy.StrategyLoss(ours, strategy.Strategy(ours.model, batch=lambda *each: moved)).train()
    moved = adversarial.batch(theirs.train(), given, **OPTIONS)
    torch.manual_seed(5)
    wrapped(given)
    torch.manual_seed(5)
    theirs(moved)
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, theirs.state_dict()[name]), name


def test_validation_rows_are_not_attacked() -> None:
    learner = objective()
    chosen = strategy.Strategy(learner.model, batch=lambda *each: adversarial.batch(*each, **OPTIONS))
    wrapped = strategy.StrategyLoss(learner, chosen).eval()
    assert torch.equal(wrapped(batch())["loss"], learner(batch())["loss"])


def test_the_audit_sees_the_chain_of_what_is_learnt_from() -> None:
    learner, given = objective().train(), batch()
    learner.model.net.eval()  # without dropout both passes draw nothing
    torch.manual_seed(3)
    moved = adversarial.batch(learner, given, **OPTIONS)
    chosen = strategy.Strategy(learner.model, batch=lambda *each: adversarial.batch(*each, **OPTIONS))
    wrapped = strategy.StrategyLoss(learner, chosen)
    wrapped.training = True
    torch.manual_seed(3)
    found = depth.factors(wrapped, layers(wrapped), [given])
    expected = depth.factors(learner, layers(learner), [moved])
    assert len(found) == len(expected) > 2
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.factor is None) == (theirs.factor is None)
        if ours.factor is not None and theirs.factor is not None:
            assert abs(ours.factor - theirs.factor) <= 1e-5 * abs(theirs.factor), ours.name


class Pixels(nn.Flatten):
    """A net that hands the pixels of an image 6 by 6 to the head: the model is linear."""

    out_features = 36


def strong_and_weak(rows: int, seed: int = 0) -> Images:
    """Make images with one pixel that is right in nine rows of ten, by 100 levels, and 35 that lean by 8 (Tsipras et
    al. 2019, "Robustness may be at odds with accuracy", arXiv:1805.12152): together the weak ones are nearly always
    right, and 20 levels turn all of them.
    """
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(rows) % 2
    signs = (2 * labels - 1)[:, None].float()
    levels = 128 + 8 * signs + 12 * torch.randn(rows, 36, generator=random)
    kept = torch.where(torch.rand(rows, 1, generator=random) < 0.9, signs, -signs)
    levels[:, :1] = 128 + 100 * kept
    return Images(levels.clamp(0, 255).to(torch.uint8).view(rows, 6, 6, 1), labels, FACTS)


def right_under_attack(learner: Any, rows: Images, epsilon: float) -> float:
    given = rows.take(torch.arange(len(rows)), None)
    moved = attacks.fgsm(
        lambda image: learner({**given, "image": image})["loss"], given["image"].float(), Ball(epsilon)
    )
    said = learner({**given, "image": moved})["outputs"]["logits"].argmax(dim=1)
    return float((said == given["target"]).float().mean())


def test_what_learnt_so_holds_under_the_attack_and_what_learnt_plainly_does_not() -> None:
    options = OPTIONS | {"epsilon": 20.0}
    found = {}
    for name in ("plain", "adversarial"):
        torch.manual_seed(0)
        learner: Any = Supervised(task.build(Pixels(), FACTS, {"classes": ["a", "b"]}), Loss())
        attack = (lambda *each: adversarial.batch(*each, **options)) if name == "adversarial" else None
        chosen = strategy.Strategy(learner.model, batch=attack)
        rows = strong_and_weak(200), strong_and_weak(100, seed=1)
        course = {"epochs": 8, "batch_size": 20, "learning_rate": 0.02}
        fit(strategy.StrategyLoss(learner, chosen), *rows, strategy=chosen, **course)
        found[name] = [right_under_attack(learner, rows[1], epsilon) for epsilon in (0.0, 20.0)]
    assert found["plain"][0] > 0.93 and found["plain"][1] < 0.4, found
    assert found["adversarial"][1] > 0.75 > 2 * found["plain"][1], found
