"""What an image becomes inside a net, and which places of it speak for an answer.

Class activation maps by gradients: Selvaraju et al. 2017 (Grad-CAM, https://arxiv.org/abs/1610.02391), section 3. Where
a net ends in the mean of its last map and a linear head they are those of Zhou et al. 2016
(https://arxiv.org/abs/1512.04150). Whether a map can be believed is measured as deletion is (Petsiuk et al. 2018,
https://arxiv.org/abs/1806.07421): what is hottest is taken away, and what is coldest.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.evaluation import page
from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.shown import Table, Word
from chainrule.examination import heat, strips, words
from chainrule.examination.looked import Looked
from chainrule.training import rows

CHANNELS = 12
"""Most channels of a map that are shown, those that differ most within the image."""
SIZES = 4
"""Most sizes of maps that are shown."""
EACH = 4
"""Rows that are told right, and rows that are told wrong, of which there are class activation maps."""
TAKEN = 0.2
"""Share of the pixels that is taken away to see whether a map can be believed."""
MEASURED = 32
"""Rows of which it is taken away."""


def feature_maps(looked: Looked) -> Part | None:
    """Return what the image of a row is after the last layer of each size; None of a net without convolutions.

    None as well of one with attention, which has a part of its own.
    """
    if not _convolves(looked):
        return None
    best, worst = _right_and_wrong(looked, 1)
    lines, told = [], []
    for place in best + worst:
        with torch.no_grad(), _watched(looked.model) as found:
            _ask(looked, [place])
        if not found:
            return None
        shown = dict(list(found.items())[-SIZES:])
        (image,) = rows.decoded(looked.rows.iloc[[place]], looked.card)[0]
        lines.append(strips.line(words.told(looked, place), [("as it is", image)]))
        for (height, width), maps in shown.items():
            channels = _coloured(maps[0].float().cpu().numpy())
            heading = f"{height} × {width}, {len(channels)} of {maps.shape[1]:,} channels"
            lines.append(strips.line(heading, channels, side=64))
        told = [[height, width, int(maps.shape[1])] for (height, width), maps in shown.items()]
    note = (
        "What is left of the image after the last layer of each size: the channels that differ most within it, each "
        "from its least, light, to its most, dark."
    )
    return Part("Feature maps", f'<p class="note">{note}</p>{"".join(lines)}', {"maps": told})


def class_activation(looked: Looked) -> Part | None:
    """Return where in an image is what speaks for the answer, and in wrong rows for the true one.

    None of a net without convolutions, and of one with attention, which has a part of its own.
    """
    if not _convolves(looked):
        return None
    if looked.target.ndim > 2:
        raise NotShownError("a mask says by itself where each class is")
    classes = looked.card["target"] == "label"
    best, worst = _right_and_wrong(looked, EACH)
    chosen = best + worst
    images = rows.decoded(looked.rows.iloc[chosen], looked.card)[0]
    said = _said(looked, chosen)
    own = activation(looked.model, _batch(looked, chosen), said)
    true = torch.from_numpy(looked.target[chosen]) if classes else None
    of_true = own if true is None else activation(looked.model, _batch(looked, chosen), true)
    lines = []
    for number, place in enumerate(chosen):
        image = images[number]
        name = f"for {words.said(looked)[place]}" if classes else _SPEAKS[said is None]
        pictures = [("as it is", image), (name, heat.over(image, own[number]))]
        if classes and place in worst:
            pictures.append((f"for {words.true(looked)[place]}, the true one", heat.over(image, of_true[number])))
        lines.append(strips.line(words.told(looked, place), pictures))
    numbers: dict[str, Any] = {"map": list(own.shape[1:])}
    note = "Light is where the last map of the net, of {} × {}, speaks for an answer (Grad-CAM).".format(*own.shape[1:])
    body = f'<p class="note">{note}</p>{"".join(lines)}'
    if said is not None:
        shown, measured = _believed(looked)
        body += page.table(shown)
        numbers |= measured
    return Part("Class activation maps", body, numbers)


_SPEAKS = {False: "for the likeliest label", True: "what makes the number larger"}


def activation(model: nn.Module, batch: Mapping[str, Tensor], classes: Tensor | None) -> np.ndarray:
    """Return heat [B, h, w] ≥ 0 at the places of the net's last map: Grad-CAM, equations 1 and 2.

    classes: for which class of each row, int64 [B]; None: for a model that answers with a number, for more. Raises
    NotShownError where the answer hangs on no map.
    """
    with torch.enable_grad(), _watched(model) as found:
        outputs = model(**batch)
        score = outputs["value"] if classes is None else outputs["logits"].gather(1, classes[:, None].to(_of(model)))
        if not found:
            raise NotShownError("no layer of the net gives a map of more than one place")
        maps = list(found.values())[-1]
        (slopes,) = torch.autograd.grad(score.sum(), maps, allow_unused=True)
    if slopes is None:
        raise NotShownError("the answer of the net does not hang on the last map that it makes")
    weights = slopes.mean(dim=(2, 3), keepdim=True)
    return np.asarray((weights * maps).sum(dim=1).clamp(min=0).detach().float().cpu().numpy())


@contextlib.contextmanager
def _watched(model: nn.Module) -> Iterator[dict[tuple[int, int], Tensor]]:
    """Give what becomes, while a model answers, the last map [B, C, h, w] of each size of more than one place."""
    found: dict[tuple[int, int], Tensor] = {}
    first: list[int] = []

    def keep(_: nn.Module, given: tuple[Any, ...], maps: Any) -> None:
        if not isinstance(maps, Tensor) or maps.ndim != 4 or maps.shape[2] * maps.shape[3] == 1:
            return
        height, width = (int(side) for side in maps.shape[2:])
        # The first is a convolution's. What has other proportions has its channels last, as inside of ConvNeXt.
        first[:] = first or (height, width)
        if abs(height * first[1] - width * first[0]) > sum(first):
            return
        if torch.is_grad_enabled() and not maps.requires_grad:
            maps.requires_grad_()
        found.pop((height, width), None)
        found[height, width] = maps

    with contextlib.ExitStack() as stack:
        for module in model.get_submodule("net").modules():
            stack.enter_context(module.register_forward_hook(keep))
        yield found


def _convolves(looked: Looked) -> bool:
    """Whether a net goes through maps to its answer: one with attention goes through tokens."""
    modules = list(looked.model.modules())
    attends = any("attention" in type(module).__name__.lower() for module in modules)
    convolves = any(isinstance(module, nn.Conv2d) for module in modules)
    return looked.card["modality"] == "image" and convolves and not attends


def _of(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _batch(looked: Looked, places: list[int]) -> dict[str, Tensor]:
    taken = looked.inputs.take(torch.tensor(places), None)
    names: tuple[str, ...] = looked.model.inputs  # type: ignore[assignment]
    return {name: taken[name].to(_of(looked.model)) for name in names}


def _ask(looked: Looked, places: list[int]) -> Any:
    return looked.model(**_batch(looked, places))


def _said(looked: Looked, places: list[int]) -> Tensor | None:
    """Return the likeliest class of rows, int64 [B]; None of a number."""
    if "logits" not in looked.outputs:
        return None
    return torch.from_numpy(np.nan_to_num(looked.outputs["logits"][places], nan=-np.inf).argmax(axis=1))


def _right_and_wrong(looked: Looked, each: int) -> tuple[list[int], list[int]]:
    """Return the rows that are told best, of another answer each as far as there are, and the wrong ones told worst."""
    standing, true = words.standing(looked), words.true(looked)
    order = [int(place) for place in np.argsort(-standing, kind="stable")]
    firsts = list({true[place]: place for place in reversed(order)}.values())
    best = sorted((place for place in firsts if standing[place] >= 0), key=order.index)[:each]
    return best, [place for place in reversed(order) if standing[place] < 0][:each]


def _coloured(maps: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return the channels of maps [C, h, w] that differ most, with their numbers, as colours."""
    spread = np.nan_to_num(maps.std(axis=(1, 2)))
    chosen = np.argsort(-spread, kind="stable")[:CHANNELS]
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    scaled = (maps - low) / np.maximum(high - low, 1e-12)
    return [(str(place + 1), heat.shares(scaled[place])) for place in chosen]


def _believed(looked: Looked) -> tuple[Table, dict[str, float]]:
    """Return how much less is said of rows once what is hottest, or coldest, is the colour of the mean pixel."""
    some = [int(place) for place in np.random.default_rng(looked.seed).permutation(len(looked.rows))[:MEASURED]]
    classes = _said(looked, some)
    assert classes is not None
    batch = _batch(looked, some)
    image = batch["image"]
    height, width = image.shape[2:]
    found = activation(looked.model, batch, classes)
    order = np.argsort([heat.resized(each, height, width).ravel() for each in found], axis=1, kind="stable")
    taken = max(round(TAKEN * height * width), 1)
    mean = image.float().mean(dim=(0, 2, 3), keepdim=True).round().to(image.dtype)
    scores = [_chance(looked, image, classes)]
    for places in (order[:, -taken:], order[:, :taken]):
        gone = torch.zeros(len(some), height * width, dtype=torch.bool)
        gone.scatter_(1, torch.from_numpy(places), True)
        gone = gone.view(-1, 1, height, width).to(image.device)
        scores.append(_chance(looked, torch.where(gone, mean, image), classes))
    names = ("whole", "without_hottest", "without_coldest")
    told = ("the images as they are", f"without their hottest {TAKEN:.0%}", f"without their coldest {TAKEN:.0%}")
    lines = [(Word(words_), f"{score:.3f}") for words_, score in zip(told, scores, strict=True)]
    note = (
        f"Mean probability of what the model said of {len(some)} validation rows. Maps that can be believed lose more "
        "without what is hottest."
    )
    return Table("", (Word("taken away"), "probability"), lines, [note]), dict(zip(names, scores, strict=True))


@torch.no_grad()
def _chance(looked: Looked, image: Tensor, classes: Tensor) -> float:
    logits = looked.model(image=image)["logits"].float().cpu()
    chances = logits.softmax(dim=1) if looked.card["target"] == "label" else logits.sigmoid()
    return float(chances.gather(1, classes[:, None]).mean())
