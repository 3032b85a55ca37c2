"""Adversarial training on Fashion-MNIST: how far answers hold under the attack, and what that costs.

Measured, for strategy full and for strategy adversarial, on the same cut of training images with the same net, order
and epochs: accuracy on official test images as they are, and under PGD (more steps than in training, from a random
start) at half of the trained strength, at it and at one and a half times it, and the seconds of the training. A row
that a smaller strength turned counts as turned. Required: under the attack at the trained strength at least twice the
accuracy of the plain model.

CHAINRULE_REAL_DATA names the folder that holds fashion-mnist.
"""

import gzip
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
import torch
from torch import Tensor

from chainrule.nets import cnn
from chainrule.tasks.image_classification import model as task
from chainrule.training import attacks, loop, strategy
from chainrule.training.attacks import Ball
from chainrule.training.course import Course
from chainrule.training.inputs import image
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.strategies import adversarial, full

TARGET = {"classes": [str(place) for place in range(10)]}
LOSS: dict[str, Any] = {"label_smoothing": 0.0, "loss": {"name": "cross_entropy", "class_weights": "none"}}
BATCH_SIZE = 128


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="training images")
    parser.add_argument("--tested", type=int, default=1000, help="test images")
    parser.add_argument("--epochs", type=int, default=5, help="of each training")
    parser.add_argument("--epsilon", type=float, default=16.0, help="of 255 levels")
    parser.add_argument("--steps", type=int, default=3, help="steps of the attack in training")
    parser.add_argument("--attack-steps", type=int, default=20, help="steps of the attack that is measured")
    parser.add_argument("--seed", type=int, default=7, help="of cut, weights and order")
    options = parser.parse_args()
    at_start = common.machine()
    folder = common.real_data("fashion-mnist") / "fashion-mnist"
    chosen = np.random.default_rng(options.seed).permutation(60_000)[: options.rows + 1000]
    whole, labels = idx(folder, "train")
    facts = image.fit_facts([whole[chosen[:-1000]]], None)
    training, validation = (image.Inputs(whole[part], labels[part], facts) for part in (chosen[:-1000], chosen[-1000:]))
    others, truth = idx(folder, "t10k")
    tested = image.Inputs(others[: options.tested], truth[: options.tested], facts)
    strengths = [0.5 * options.epsilon, options.epsilon, 1.5 * options.epsilon]
    found: dict[str, dict[str, Any]] = {}
    for name, module, own in (
        ("full", full, {}),
        ("adversarial", adversarial, {"epsilon": options.epsilon, "steps": options.steps, "step_size": None}),
    ):
        learner, seconds = trained(module, own, training, validation, facts, options)
        clean, *under = accuracies(learner, tested, strengths, options.attack_steps, options.seed)
        found[name] = {"clean": clean, "under_attack": dict(zip(map(str, strengths), under, strict=True))}
        found[name]["training_seconds"] = round(seconds, 1)
        said = ", ".join(f"{score:.3f} at {at:g}" for at, score in zip(strengths, under, strict=True))
        print(f"{name}: accuracy {clean:.3f}, under PGD {said}; trained in {seconds:.0f} s", flush=True)
    ours, theirs = (found[name]["under_attack"][str(options.epsilon)] for name in ("adversarial", "full"))
    ratio = ours / max(theirs, 1 / options.tested)
    print(f"at the trained strength {ratio:.1f} times the plain model's")
    settings = {key: value for key, value in vars(options).items() if key != "results"}
    target = common.target("accuracy under attack over the plain model's", ratio, ">=", 2)
    common.write_result(options.results, "adversarial", at_start, settings, {"target": target, "runs": found})


def idx(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    """Return images uint8 [N, 28, 28, 1] and labels int64 [N] of a part of the data set."""
    images, labels = (
        np.frombuffer(gzip.decompress((folder / f"{part}-{name}-ubyte.gz").read_bytes()), np.uint8, offset=offset)
        for name, offset in (("images-idx3", 16), ("labels-idx1", 8))
    )
    return torch.from_numpy(images.reshape(-1, 28, 28, 1).copy()), torch.from_numpy(labels.astype(np.int64))


def trained(
    module: Any, own: dict[str, Any], training: Any, validation: Any, facts: dict[str, Any], options: Any
) -> tuple[Any, float]:
    """Return the objective of a model that was trained under a strategy, in evaluation mode, and the seconds."""
    torch.manual_seed(options.seed)
    model = task.build(cnn.build(1, width=16, depth=3, dropout=0.0), facts, TARGET)
    objective: Supervised = task.objective(model, TARGET, training.target, **LOSS)
    batch = (lambda *each: module.batch(*each, **own)) if own else None
    chosen = strategy.Strategy(model, learning=full.learning, batch=batch)
    course = Course(
        epochs=options.epochs, batch_size=BATCH_SIZE, optimizer="adamw", learning_rate=0.003, weight_decay=0.01,
        schedule="one_cycle", warm_up=0.2, precision="fp32", seed=options.seed, gradient_clip=1.0,
    )  # fmt: skip
    began = time.monotonic()
    loop.fit(
        strategy.StrategyLoss(objective, chosen), training, validation, course, strategy=chosen, label=module.__name__
    )
    return objective.eval(), time.monotonic() - began


def accuracies(objective: Any, rows: Any, strengths: list[float], steps: int, seed: int) -> list[float]:
    """Return the share of rows that are right as they are, and at each strength of PGD."""
    random = torch.Generator().manual_seed(seed)
    right = []
    for index in rows.order(BATCH_SIZE, None):
        batch = rows.take(index, None)
        pixels, moved = batch["image"].float(), None

        def loss(image: Tensor, batch: dict[str, Tensor] = batch) -> Tensor:
            found: Tensor = objective({**batch, "image": image})["loss"]
            return found

        held = [said(objective, batch, pixels)]
        for strength in strengths:
            ball = Ball(strength)
            start = attacks.drawn(pixels, ball, random) if moved is None else moved
            moved = attacks.pgd(loss, pixels, ball, steps=steps, start=start)
            held.append(held[-1] & said(objective, batch, moved))
        right.append(torch.stack(held))
    return [round(float(share), 4) for share in torch.cat(right, dim=1).float().mean(dim=1)]


@torch.no_grad()
def said(objective: Any, batch: dict[str, Tensor], pixels: Tensor) -> Tensor:
    """Return which rows are answered right with these pixels, bool [B]."""
    logits = objective({**batch, "image": pixels})["outputs"]["logits"]
    return torch.as_tensor(logits.argmax(dim=1) == batch["target"])


if __name__ == "__main__":
    main()
