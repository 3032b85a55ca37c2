"""Which way is up: every image is shown in four turns, and each turn is to be told from the others.

Gidaris et al. 2018, "Unsupervised Representation Learning by Predicting Image Rotations" (arXiv:1803.07728).
"""

from typing import Any

import torch
from torch import Tensor, nn

from chainrule.evaluation.shown import Learnt, Strip, Strips
from chainrule.system.errors import ParamsError
from chainrule.training.objectives.shared import pictures

TURNS = 4


class Rotation(nn.Module):
    """An image net and a linear head on its features that tells the turn."""

    mean: Tensor
    std: Tensor

    def __init__(self, net: nn.Module, mean: Tensor, std: Tensor) -> None:
        """Wrap an image net with `out_features`; mean, std: [channels], of pixels in 0..1."""
        super().__init__()
        self.net = net
        self.head = nn.Linear(int(net.out_features), TURNS)  # type: ignore[arg-type]
        self.register_buffer("mean", mean.view(1, -1, 1, 1))
        self.register_buffer("std", std.view(1, -1, 1, 1))

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return loss (mean cross-entropy, nats), logits [4B, 4], targets [4B] and count [] = B of images.

        batch["image"]: uint8 [B, C, H, H]. All four turns of an image are in the batch (section 3.1: better than one).
        """
        images = batch["image"]
        turned = torch.cat([images.rot90(turn, (2, 3)) for turn in range(TURNS)]).float() / 255
        logits = self.head(self.net((turned - self.mean) / self.std)).float()
        targets = torch.arange(TURNS, device=images.device).repeat_interleave(len(images))
        loss = nn.functional.cross_entropy(logits, targets)
        return {"loss": loss, "logits": logits, "targets": targets, "count": torch.tensor(len(images))}


def build(net: nn.Module, facts: dict[str, Any]) -> Rotation:
    """Return the objective for a net and the facts of its inputs; ParamsError where images are not square."""
    if facts["height"] != facts["width"]:
        raise ParamsError(
            f"pretrain.objective: rotation turns square images, and these are {facts['width']}×{facts['height']}; "
            "set clean.normalise.size, or take another objective"
        )
    return Rotation(net, torch.tensor(facts["mean"]), torch.tensor(facts["std"]))


@torch.no_grad()
def show(objective: Rotation, inputs: Any, facts: dict[str, Any], *, loss: float, seed: int) -> Learnt:
    """Return turned validation images and how the net says they are turned; loss: of all of them."""
    images = pictures.some(inputs, objective.net, seed, pictures.COUNTED)
    result = objective({"image": images})
    said, targets = result["logits"].argmax(dim=1), result["targets"]
    right = said == targets
    rows = []
    for place in range(min(pictures.SHOWN, len(images))):
        turn = place % TURNS
        guess = int(said[turn * len(images) + place])
        image = pictures.drawn(images[place : place + 1].rot90(turn, (2, 3)).float() / 255)[0]
        rows.append(Strip([(image, f"turned {90 * turn}°, said {90 * guess}°")], guess == turn))
    note = "Validation images, each in one of its four turns, and the turn that the net says it has."
    share = f"{float(right.float().mean()):.1%} of {len(right):,}"
    return Learnt({"loss": f"{loss:.3f} nats", "turns that are told": share}, [Strips("Guesses", note, rows)])
