"""Every weight learns, from images that are moved against the model in every step (adversarial training; Madry et al.
2018, arXiv:1706.06083; with one step Wong et al. 2020, "Fast is better than free", arXiv:2001.03994).

What is learnt from is found anew in each step, from a random start, against the weights of that step. The model is in
evaluation mode while it is attacked: dropout drops nothing, and normalisation's statistics are those of the images that
are learnt from, not of those that the attack passes through. Validation rows stay as they are.
"""

import torch
from torch import Tensor, nn

from chainrule.system.errors import ParamsError
from chainrule.training import attacks
from chainrule.training.attacks import Ball
from chainrule.training.strategy import Given

IMAGE = "image"


def prepare(model: nn.Module, given: Given) -> None:
    """Refuse weights that are cut into shares: the passes of an attack are none of those that gather them."""
    if given.settings.launch is not None and given.settings.launch.shard:
        raise ParamsError("finetune.launch.shard: strategy adversarial needs whole weights in each process; set false")


def batch(
    objective: nn.Module, batch: dict[str, Tensor], *, epsilon: float, steps: int, step_size: float | None
) -> dict[str, Tensor]:
    """Return a batch with its images [B, C, H, W] moved by at most epsilon of 255 levels, now float32."""
    modes = [(module, module.training) for module in objective.modules()]
    images, ball = batch[IMAGE].float(), Ball(epsilon)
    objective.eval()
    try:
        with torch.autocast(images.device.type, enabled=False):  # in fp16 the slope of a pixel would be 0
            moved = attacks.pgd(
                lambda moved: objective({**batch, IMAGE: moved})["loss"],
                images,
                ball,
                steps=steps,
                step_size=None if step_size is None else step_size / epsilon,
                start=attacks.drawn(images, ball),
            )
    finally:
        for module, mode in modes:
            module.training = mode
    return {**batch, IMAGE: moved}
