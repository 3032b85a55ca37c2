"""What becomes of the images of a training batch: crops and turns, colours, RandAugment, mixtures."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms.v2 import functional as reference

from chainrule.system.errors import ParamsError
from chainrule.training.distortions import colour, geometry
from chainrule.training.distortions.chain import Distortions
from chainrule.training.distortions.mixing import mixed
from chainrule.training.distortions.randaugment import OPERATIONS, augmented
from chainrule.training.inputs.image import Inputs
from chainrule.training.objectives.supervised import Supervised
from chainrule.training.targets import label, labels

ALL: list[dict[str, Any]] = [
    {"crop": 0.2},
    {"degrees": 30.0},
    {"randaugment": 2},
    {"randaugment": 1, "magnitude": None},
    {"colour": 0.8},
    {"grey": 0.5},
    {"blur": 0.7},
    {"vertical_flip": True},
    {"scale": 0.4},
    {"noise": 0.1},
    {"crop": 0.08, "flip": True, "colour": 0.8, "grey": 0.2, "blur": 0.5},  # SimCLR's
]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def photographs(rows: int, height: int = 12, width: int = 16, channels: int = 3, seed: int = 0) -> Tensor:
    """Smooth colours with a little noise, uint8 [B, C, H, W]."""
    coarse = torch.rand(rows, channels, 3, 4, generator=seeded(seed))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    noise = 0.1 * torch.rand(rows, channels, height, width, generator=seeded(seed + 1))
    return ((0.9 * smooth + noise) * 255).to(torch.uint8)


@pytest.mark.parametrize("options", ALL, ids=lambda options: "-".join(options))
@pytest.mark.parametrize("channels", [1, 3])
def test_distortions_follow_the_seed_and_give_images(options: dict[str, Any], channels: int) -> None:
    images = photographs(40, channels=channels)
    kept = images.clone()
    distort = Distortions(**options)
    first, again, other = (distort.apply(images, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(images, kept)
    assert torch.equal(first, again)
    assert first.dtype == torch.uint8 and first.shape == images.shape
    assert first.is_contiguous(memory_format=torch.channels_last)
    grey_only = set(options) == {"grey"} and channels == 1
    assert torch.equal(first, images) == grey_only  # a grey image has no colours to lose
    assert torch.equal(first, other) == grey_only


@pytest.mark.parametrize("options", ALL, ids=lambda options: "-".join(options))
def test_images_differ_among_themselves_after_the_same_distortion(options: dict[str, Any]) -> None:
    found = Distortions(**options).apply(photographs(1).expand(30, -1, -1, -1), seeded(0))
    fewest = 2 if set(options) <= {"grey", "vertical_flip"} else 8  # these do a thing or do not
    assert len({tuple(image.flatten().tolist()) for image in found}) >= fewest


def test_the_mean_area_of_crops_is_half_way_to_the_smallest() -> None:
    # Of an image of coordinates the part that shows is read off its corners.
    side = 64
    ramp = torch.arange(side, dtype=torch.uint8) * 4
    images = torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side)]).expand(400, -1, -1, -1)
    found = geometry.cropped(images, seeded(0), crop=0.2).float()
    wide = (found[:, 0, 32, 60] - found[:, 0, 32, 4]) / 56 / 4
    high = (found[:, 1, 60, 32] - found[:, 1, 4, 32]) / 56 / 4
    area = wide * high
    assert area.mean().item() == pytest.approx(0.6, abs=0.03)
    assert area.min().item() == pytest.approx(0.2, abs=0.03)
    assert area.max().item() <= 1.02
    ratio = wide / high
    assert 0.7 < ratio.min() < 0.85 and 1.2 < ratio.max() < 1.4
    assert bool((found[:, 0, 32, 32] >= 0).all())


def test_turns_go_both_ways_as_far_as_they_may() -> None:
    # A white line from the middle to the right is found again at the angle of the turn.
    images = torch.zeros(200, 1, 61, 61, dtype=torch.uint8)
    images[:, :, 30, 45:] = 255
    found = Distortions(degrees=40.0).apply(images, seeded(0)).float()[:, 0]
    places = torch.arange(61.0) - 30
    across = (found.sum(dim=1) * places).sum(dim=1)
    along = (found.sum(dim=2) * places).sum(dim=1)
    angles = torch.rad2deg(torch.atan2(along, across))
    assert -41 < angles.min() < -36 and 36 < angles.max() < 41
    assert angles.mean().abs() < 5


def test_light_changes_as_torchvision_changes_it() -> None:
    images = photographs(6)
    kept = colour.coloured(images, seeded(0), strength=0.0, grey=0.0)
    assert (kept.int() - images.int()).abs().max() <= 1
    bare = colour.coloured(images, seeded(0), strength=0.0, grey=1.0)
    assert (bare.int() - reference.rgb_to_grayscale(images, 3).int()).abs().max() <= 1
    # A grey image has no hue and no saturation: what is left are brightness and contrast.
    grey = photographs(200, channels=1).clamp(60, 190)
    found = colour.coloured(grey.expand(-1, 3, -1, -1), seeded(0), strength=0.25, grey=0.0)
    assert (found[:, :1].int() - found.int()).abs().max() <= 1
    ratio = found.float().mean(dim=(1, 2, 3)) / grey.float().mean(dim=(1, 2, 3))
    assert 0.74 < ratio.min() < 0.8 and 1.2 < ratio.max() < 1.26


def test_a_turn_of_hue_keeps_the_brightness() -> None:
    images = photographs(50).clamp(100, 155)
    found = colour.coloured(images, seeded(0), strength=0.2, grey=0.0)
    assert (found.float() - images.float()).abs().mean() > 2
    plain = colour.luminance(found.float()).mean(dim=(1, 2, 3)) / colour.luminance(images.float()).mean(dim=(1, 2, 3))
    assert plain.min() > 0.79 and plain.max() < 1.21


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_that_share_of_images_is_blurred_and_keeps_its_mean(share: float) -> None:
    images = torch.randint(0, 256, (300, 1, 110, 6), dtype=torch.uint8, generator=seeded(0))
    found = colour.blurred(images, seeded(1), share=share)
    changed = (found != images).flatten(1).any(dim=1)
    assert 0.75 * share <= changed.float().mean() <= share + 0.07  # the slightest blur changes no level
    assert (found.float().mean(dim=(1, 2, 3)) - images.float().mean(dim=(1, 2, 3))).abs().max() < 6
    steps = (found[..., 1:, :].float() - found[..., :-1, :].float()).abs().mean(dim=(1, 2, 3))
    if share == 1:
        assert steps.mean() < 0.8 * 85  # of independent levels: a third of the range


REFERENCES: dict[str, Any] = {
    "identity": lambda images, strength: images,
    "brightness": lambda images, strength: reference.adjust_brightness(images, 1 + 0.9 * strength),
    "colour": lambda images, strength: reference.adjust_saturation(images, 1 + 0.9 * strength),
    "contrast": lambda images, strength: reference.adjust_contrast(images, 1 + 0.9 * strength),
    "sharpness": lambda images, strength: reference.adjust_sharpness(images, 1 + 0.9 * strength),
    "posterize": lambda images, strength: reference.posterize(images, 8 - round(4 * abs(strength))),
    "solarize": lambda images, strength: reference.solarize(images, 256 - round(256 * abs(strength))),
    "autocontrast": lambda images, strength: reference.autocontrast(images),
    "equalize": lambda images, strength: reference.equalize(images),
    "rotate": lambda images, strength: reference.rotate(
        images, 30 * strength, interpolation=reference.InterpolationMode.BILINEAR
    ),
}


@pytest.mark.parametrize("name", list(REFERENCES))
@pytest.mark.parametrize("strength", [-0.7, 0.3, 1.0])
def test_an_operation_is_torchvisions(name: str, strength: float) -> None:
    images = torch.cat([photographs(3, 20, 26), torch.full((1, 3, 20, 26), 7, dtype=torch.uint8)])
    change = OPERATIONS[name]
    found = images if change is None else change(images, torch.full((4,), strength))
    difference = (found.int() - REFERENCES[name](images, strength).int()).abs()
    if name == "rotate":
        assert difference.float().mean() < 2  # borders differ
    else:
        assert difference.max() <= 2 and difference.float().mean() < 1  # one rounds where the other cuts off


@pytest.mark.parametrize(("name", "axis"), [("translate_x", 3), ("translate_y", 2)])
def test_a_translation_moves_by_a_share_of_the_side(name: str, axis: int) -> None:
    images = torch.full((1, 1, 40, 40), 200, dtype=torch.uint8)
    change = OPERATIONS[name]
    assert change is not None
    for sign in (-1.0, 1.0):
        found = change(images, torch.tensor([sign / 2]))
        black = (found == 0).all(dim=5 - axis).flatten()
        assert int(black.sum()) == 9  # 150 / 331 / 2 of 40
        assert bool(black[-1 if sign > 0 else 0])


@pytest.mark.parametrize("name", ["shear_x", "shear_y"])
def test_a_shear_keeps_the_middle_line(name: str) -> None:
    images = torch.full((1, 1, 41, 41), 200, dtype=torch.uint8)
    change = OPERATIONS[name]
    assert change is not None
    found = change(images, torch.ones(1))[0, 0]
    found = found if name == "shear_x" else found.T
    assert int((found[20] == 200).sum()) == 41
    assert int((found[0] == 0).sum()) == 6  # 0.3 of the 20 lines to the middle
    assert bool((found[0, :6] == 0).all()) != bool((found[-1, :6] == 0).all())


def test_every_operation_is_drawn_and_more_of_them_do_more() -> None:
    images = photographs(1, 20, 20).expand(400, -1, -1, -1)
    found = {operations: augmented(images, seeded(0), operations=operations, magnitude=9) for operations in (0, 1, 3)}
    assert torch.equal(found[0], images)
    # Signs make two of some operations: 13 that change, of which 9 have a sign.
    different = {tuple(image.flatten().tolist()) for image in found[1]}
    assert 18 <= len(different) <= 24
    unchanged = [(found[operations] == images).flatten(1).all(dim=1).float().mean() for operations in (1, 3)]
    assert unchanged[0] > 3 * unchanged[1]


def test_the_strength_is_the_magnitude_or_drawn() -> None:
    images = photographs(1, 20, 20).expand(300, -1, -1, -1)

    def changed(magnitude: int | None) -> Tensor:
        found = augmented(images, seeded(0), operations=1, magnitude=magnitude)
        return (found.float() - images.float()).abs().mean(dim=(1, 2, 3))

    assert changed(2).mean() < changed(9).mean() < changed(28).mean()
    assert len(changed(None).unique()) > 2 * len(changed(28).unique())


def targets(rows: int) -> Tensor:
    return torch.arange(rows) % 3


@given(alpha=st.sampled_from([0.2, 1.0, 4.0]), seed=st.integers(0, 2**31))
def test_cutmix_keeps_of_each_image_the_share_that_it_says(alpha: float, seed: int) -> None:
    # Each image is of one level of its own.
    images = torch.arange(1, 9, dtype=torch.uint8).view(8, 1, 1, 1).expand(8, 3, 7, 10)
    found, partner, share = mixed(images, seeded(seed), mixup=0.0, cutmix=alpha)
    for row in range(8):
        own, other = (int((found[row] == images[each, 0, 0, 0]).sum()) for each in (row, int(partner[row])))
        if partner[row] == row:
            assert own == 210
        else:
            assert own + other == 210
            assert own / 210 == pytest.approx(share)
    assert sorted(partner.tolist()) == list(range(8))


@given(alpha=st.sampled_from([0.2, 1.0, 4.0]), seed=st.integers(0, 2**31))
def test_mixup_is_a_weighted_mean_of_two_images(alpha: float, seed: int) -> None:
    images = photographs(6, seed=seed % 1000)
    found, partner, share = mixed(images, seeded(seed), mixup=alpha, cutmix=0.0)
    expected = share * images.double() + (1 - share) * images[partner].double()
    assert (found.double() - expected).abs().max() <= 0.51
    assert 0 <= share <= 1


def test_shares_are_drawn_from_the_beta_distribution_and_both_ways_of_mixing_are_used() -> None:
    images = photographs(7)
    kept = np.array([mixed(images, seeded(seed), mixup=2.0, cutmix=0.0)[2] for seed in range(600)])
    assert kept.mean() == pytest.approx(0.5, abs=0.03)
    assert kept.var() == pytest.approx(1 / 20, abs=0.01)  # of Beta(2, 2)
    cut = 0
    for seed in range(200):
        found, partner, share = mixed(images, seeded(seed), mixup=1.0, cutmix=1.0)
        cut += bool(((found == images) | (found == images[partner])).all()) and 0.1 < share < 0.9
    assert 50 < cut < 110


@given(seed=st.integers(0, 2**31))
def test_the_loss_of_equal_targets_is_the_plain_one(seed: int) -> None:
    logits = torch.randn(6, 3, generator=seeded(seed))
    target = torch.full((6,), seed % 3)
    objective = Supervised(Fixed(logits), label.Loss(smoothing=0.1))
    plain = {"rows": torch.arange(6), "target": target}
    pairs = {**plain, "partner": target, "share": torch.full((6,), 0.3)}
    assert objective(pairs)["loss"].item() == pytest.approx(objective(plain)["loss"].item(), rel=1e-5)


@pytest.mark.parametrize("kind", [label, labels])
def test_the_loss_of_a_mixture_is_that_of_the_mixed_target(kind: Any) -> None:
    logits = torch.randn(4, 3, generator=seeded(0))
    own, other = torch.tensor([0, 1, 2, 0]), torch.tensor([1, 1, 0, 2])
    hot = [torch.nn.functional.one_hot(each, 3).float() for each in (own, other)]
    soft = 0.3 * hot[0] + 0.7 * hot[1]
    if kind is label:
        expected = -(soft * logits.log_softmax(dim=1)).sum(dim=1).mean()
        given = own, other
    else:
        expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, soft)
        given = hot[0], hot[1]
    batch = {"rows": torch.arange(4), "target": given[0], "partner": given[1], "share": torch.full((4,), 0.3)}
    found = Supervised(Fixed(logits), kind.Loss())(batch)["loss"]
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


class Fixed(torch.nn.Module):
    """Says the same whatever it is shown."""

    inputs = ("rows",)

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, rows: Tensor) -> dict[str, Tensor]:
        return {"logits": self.logits[rows]}


def test_inputs_mix_training_batches_only_and_tell_both_targets() -> None:
    images = photographs(9).permute(0, 2, 3, 1).contiguous()
    inputs = Inputs(images, targets(9), {}, mixup=0.4)
    index = torch.tensor([8, 3, 4, 1])
    batch = inputs.take(index, seeded(0))
    assert set(batch) == {"image", "target", "partner", "share"}
    assert batch["target"].tolist() == targets(9)[index].tolist()
    assert sorted(batch["partner"].tolist()) == sorted(batch["target"].tolist())
    assert batch["share"].shape == (4,) and len(batch["share"].unique()) == 1
    assert not torch.equal(batch["image"], inputs.take(index, None)["image"])
    assert set(inputs.take(index, None)) == {"image", "target"}
    again = inputs.take(index, seeded(0))
    assert all(torch.equal(batch[name], again[name]) for name in batch)


def test_without_targets_nothing_can_be_mixed() -> None:
    with pytest.raises(ParamsError, match="mixup and cutmix mix targets"):
        Inputs(torch.zeros(2, 9, 9, 1, dtype=torch.uint8), None, {}, cutmix=1.0)


def test_images_are_scaled_about_their_middle_and_mirrored_top_to_bottom_and_noise_has_its_strength() -> None:
    images = torch.zeros(200, 1, 16, 16, dtype=torch.uint8)
    images[:, :, 4:12, 4:12] = 200
    sizes = [(copy > 100).sum().item() for copy in Distortions(scale=0.5).apply(images, seeded(0))]
    assert 16 <= min(sizes) < 30 and 120 < max(sizes) <= 144, "an area of 64, by 0.5 to 1.5 a side"
    images[:, :, :2] = 250
    found = Distortions(vertical_flip=True).apply(images, seeded(0))
    assert 70 < sum(torch.equal(copy, own) for copy, own in zip(found, images.flip(2), strict=True)) < 130
    flat = torch.full((200, 3, 16, 16), 100, dtype=torch.uint8)
    deviations = Distortions(noise=0.1).apply(flat, seeded(0)).float().flatten(1).std(dim=1)
    assert deviations.min() < 3 and 20 < deviations.max() < 27
