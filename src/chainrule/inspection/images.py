"""What a recipe of images with a label or a number each is like: base, net, size, epochs, and why."""

from typing import Any

from chainrule.inspection import bases
from chainrule.inspection.bases import Base
from chainrule.inspection.examples import Examples
from chainrule.inspection.machine import IMAGE_SPEED, MINUTES, Machine, called, spoken

SMALL = 64
"""Images of no more pixels a side are small."""
SIDES = (96, 112, 128, 160, 192, 224)
WIDE = 50_000_000
"""Pixels of an epoch from which on the net from nothing is a narrow one, without a GPU."""


def blocks(found: Examples, base: Base | None, machine: Machine, why: list[str]) -> dict[str, Any]:
    """Return the blocks of images with a label or a number each, from a base if there is one."""
    images = found.images
    assert images is not None
    trained = found.parts.get("train", found.rows)
    normalise: dict[str, Any] = {"mode": "L"} if images.grey else {}
    if images.grey:
        why.append("clean: one grey channel, for no image that was looked at has colours")
    turned = _may_be_mirrored(found)
    if base is None:
        return _from_nothing(found, trained, normalise, turned, machine, why)
    epochs = 20 if trained < 500 else 10 if trained < 5000 else 5 if trained < 20_000 else 3
    side, minutes = _side(images.shorter, base, trained * epochs, machine)
    small = images.alike and images.shorter < side
    if found.source["kind"] != "idx":  # not every image was looked at
        normalise["size"] = images.shorter if small else side
    why.append(
        f"size: {side} pixels a side for images of {images.shorter}, scaled "
        f"{'inside the net' if small else 'when they are cleaned'}"
    )
    why.append(
        f"strategy: all weights learn, {epochs} epochs for {trained:,} images; "
        f"about {spoken(minutes)} on {called(machine)}"
    )
    distort = {"flip": True, "crop": 0.7} if turned else {}
    return {
        "clean": {"normalise": normalise} if normalise else {},
        "augment": {},
        "base": bases.block(base),
        "net": {"name": base.origin, **({"size": side} if small and side != images.shorter else {})},
        "pretrain": {"objective": {"name": "none"}},
        "finetune": {
            "strategy": {"name": "full"},
            **({"epochs": epochs} if epochs != 10 else {}),
            **({"distort": distort} if distort else {}),
        },
    }


def _side(shorter: int, base: Base, images: int, machine: Machine) -> tuple[int, float]:
    """Return the side in pixels that pays in the time there is, and the minutes that it takes."""
    wanted = 96 if shorter <= 48 else next((side for side in SIDES if side >= shorter), SIDES[-1])
    choices = [side for side in SIDES if side <= wanted] or [SIDES[0]]
    minutes = {side: images * 6 * _products(base, side) / (IMAGE_SPEED * machine.speed) / 60 for side in choices}
    best = max((side for side in choices if minutes[side] <= MINUTES), default=choices[0])
    return best, minutes[best]


def _products(base: Base, side: int) -> float:
    """Return about how many products an image takes: what convolutions take at 224 pixels goes with their weights."""
    return 100.0 * (base.weights or 10_000_000) * (side / 224) ** 2


def _from_nothing(
    found: Examples, trained: int, normalise: dict[str, Any], turned: bool, machine: Machine, why: list[str]
) -> dict[str, Any]:
    """Return the blocks of images from nothing."""
    images = found.images
    assert images is not None
    side = images.shorter
    if not images.alike or side > SMALL:
        side = 64
        why.append("size: 64 pixels a side, which a net from nothing can learn in the time there is")
    if found.source["kind"] != "idx":
        normalise["size"] = side
    width = 64 if machine.gpu else 32 if trained * side**2 < WIDE else 16
    epochs = 20 if trained < 20_000 else 10
    why.append(
        f"net: resnet9, {width} wide, {epochs} epochs for {trained:,} images: the best small net here from nothing"
    )
    many = trained >= 10_000
    distort: dict[str, Any] = {"flip": True} if turned else {}
    finetune: dict[str, Any] = {"strategy": {"name": "full"}, **({"epochs": epochs} if epochs != 20 else {})}
    if many:
        finetune |= {"batch_size": 256}
        distort |= {"erase": max(4, side // 4)} if turned else {}
    return {
        "clean": {"normalise": normalise} if normalise else {},
        "augment": {"copies": 0} if many else {},
        "base": bases.block(None),
        "net": {"name": "resnet9", **({"width": width} if width != 64 else {})},
        "pretrain": {"objective": {"name": "none"}},
        "finetune": finetune | ({"distort": distort} if distort else {}),
    }


def _may_be_mirrored(found: Examples) -> bool:
    """Whether an image seen in a mirror is of the same class: not where classes are signs, or sides."""
    labels = [*found.counts]
    signs = sum(len(label) <= 2 or label.isdecimal() for label in labels) * 2 > len(labels)
    sides = any(word in label.lower() for label in labels for word in ("left", "right", "links", "rechts", "左", "右"))
    return bool(labels) and not signs and not sides
