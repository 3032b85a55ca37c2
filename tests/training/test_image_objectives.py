"""What image nets are pretrained for: hidden patches, two views of one image, four turns."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import small_trainings
from chainrule.nets import cnn, timm
from chainrule.system.errors import ParamsError
from chainrule.training.inputs.image import Inputs
from chainrule.training.objectives import masked_image, rotation, simclr


def image_objective(mask_ratio: float, patch: int, channels: int = 1, loss: str = "l1") -> masked_image.MaskedImage:
    torch.manual_seed(0)
    facts: dict[str, Any] = {"height": 12, "width": 12, "mean": [0.4] * channels, "std": [0.2] * channels}
    net = cnn.build(channels, width=4, depth=2, dropout=0.0)
    return masked_image.build(net, facts, mask_ratio=mask_ratio, patch=patch, loss=loss)


def pictures(rows: int, height: int, width: int, channels: int = 1, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (rows, channels, height, width), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(("side", "patch"), [(8, 2), (12, 4), (9, 3)])
@pytest.mark.parametrize("mask_ratio", [0.25, 0.5, 0.6])
def test_exactly_the_asked_share_of_patches_is_hidden_in_every_image(side: int, patch: int, mask_ratio: float) -> None:
    mask = image_objective(mask_ratio, patch)({"image": pictures(20, side, side)})["mask"]
    assert mask.shape == (20, 1, side, side)
    patches = mask.view(20, side // patch, patch, side // patch, patch).permute(0, 1, 3, 2, 4).flatten(3)
    assert torch.equal(patches.all(dim=3), patches.any(dim=3))  # whole patches only
    assert set(patches.all(dim=3).sum(dim=(1, 2)).tolist()) == {round(mask_ratio * (side // patch) ** 2)}
    assert len({tuple(image.flatten().tolist()) for image in mask}) > 15  # each image its own


def test_at_least_one_patch_is_hidden() -> None:
    mask = image_objective(0.001, 4)({"image": pictures(3, 8, 8)})["mask"]
    assert mask.sum(dim=(1, 2, 3)).tolist() == [16, 16, 16]


@pytest.mark.parametrize(("mask_ratio", "patch"), [(0.5, 12), (0.1, 64), (0.99, 3)])
def test_a_mask_that_leaves_nothing_to_see_is_refused(mask_ratio: float, patch: int) -> None:
    with pytest.raises(ParamsError, match=f"patch {patch} .* of 12×12 pixels; take a smaller patch or ratio"):
        image_objective(mask_ratio, patch)


def test_images_that_no_patch_divides_are_rebuilt_in_full_size() -> None:
    result = image_objective(0.5, 4, channels=3)({"image": pictures(4, 7, 10, 3)})
    assert result["logits"].shape == (4, 3, 7, 10)
    assert result["mask"].shape == (4, 1, 7, 10)
    assert result["loss"].isfinite()


def test_the_loss_counts_masked_pixels_alone_in_standard_deviations() -> None:
    objective = image_objective(0.5, 2, channels=3).eval()
    images = pictures(5, 8, 8, 3)
    torch.manual_seed(3)
    result = objective({"image": images})
    normalised = (images.float() / 255 - 0.4) / 0.2
    errors = (result["logits"] - normalised).abs()[result["mask"].expand(-1, 3, -1, -1)]
    assert result["loss"].item() == pytest.approx(errors.mean().item(), rel=1e-5)
    assert int(result["count"]) == 5


def test_the_net_never_sees_a_masked_pixel() -> None:
    objective = image_objective(0.5, 2).eval()
    images = pictures(5, 8, 8)
    torch.manual_seed(3)
    first = objective({"image": images})
    torch.manual_seed(3)
    second = objective({"image": torch.where(first["mask"], 255 - images, images)})
    assert torch.equal(first["mask"], second["mask"])
    torch.testing.assert_close(first["logits"], second["logits"])
    assert float(first["loss"].detach()) != float(second["loss"].detach())


def test_everything_in_masked_image_learns() -> None:
    objective = image_objective(0.5, 2)
    objective({"image": pictures(5, 8, 8)})["loss"].backward()
    assert all(parameter.grad is not None and bool(parameter.grad.any()) for parameter in objective.parameters())


@pytest.mark.parametrize("loss", ["mse", "ssim"])
def test_the_other_losses_count_masked_pixels_alone_too(loss: str) -> None:
    objective = image_objective(0.5, 2, channels=3, loss=loss).eval()
    images = pictures(5, 12, 14, 3)
    torch.manual_seed(3)
    result = objective({"image": images})
    pixels = images.float() / 255
    rebuilt = result["logits"] * 0.2 + 0.4
    if loss == "mse":
        expected = (((rebuilt - pixels) / 0.2) ** 2)[result["mask"].expand(-1, 3, -1, -1)].mean()
    else:
        expected = 1 - masked_image.ssim(torch.where(result["mask"], rebuilt, pixels), pixels).mean()
    torch.testing.assert_close(result["loss"], expected, rtol=1e-4, atol=1e-6)
    result["loss"].backward()
    assert all(parameter.grad is not None and bool(parameter.grad.any()) for parameter in objective.parameters())


def test_ssim_of_even_images_is_that_of_their_luminance() -> None:
    one, other = torch.full((1, 1, 16, 16), 0.5), torch.full((1, 1, 16, 16), 0.25)
    found = masked_image.ssim(one, other)
    assert found.shape == (1, 1, 6, 6)
    assert found.mean().item() == pytest.approx((2 * 0.5 * 0.25 + 1e-4) / (0.25 + 0.0625 + 1e-4), rel=1e-4)  # 0.8001
    assert masked_image.ssim(one, one).mean().item() == pytest.approx(1)


def test_ssim_is_what_its_formula_says_window_by_window() -> None:
    one, other = (pictures(2, 13, 12, seed=seed).double() / 255 for seed in (1, 2))
    weights = np.outer(*[[math.exp(-((place - 5) ** 2) / (2 * 1.5**2)) for place in range(11)]] * 2)
    weights /= weights.sum()
    expected = np.empty((2, 1, 3, 2))
    for image in range(2):
        for row in range(3):
            for column in range(2):
                x, y = (each[image, 0, row : row + 11, column : column + 11].numpy() for each in (one, other))
                mx, my = (weights * x).sum(), (weights * y).sum()
                vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
                both = (weights * (x - mx) * (y - my)).sum()
                luminance = (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
                structure = (2 * both + 0.03**2) / (vx + vy + 0.03**2)
                expected[image, 0, row, column] = luminance * structure
    np.testing.assert_allclose(masked_image.ssim(one, other).numpy(), expected, rtol=1e-6)


def test_ssim_of_opposite_structure_is_negative_and_small_images_have_small_windows() -> None:
    stripes = (torch.arange(8) % 2).float().expand(1, 1, 6, 8)
    found = masked_image.ssim(stripes, 1 - stripes)
    assert found.shape == (1, 1, 2, 4)  # of windows of 5×5
    assert bool((found < -0.8).all())


def test_a_net_that_scales_is_rebuilt_in_the_size_of_the_images() -> None:
    torch.manual_seed(0)
    net = timm.build(1, arch="test_resnet", size=64)
    facts: dict[str, Any] = {"height": 12, "width": 14, "mean": [0.4], "std": [0.2]}
    result = masked_image.build(net, facts, mask_ratio=0.5, patch=4, loss="l1")({"image": pictures(3, 12, 14)})
    assert result["logits"].shape == (3, 1, 12, 14)
    result["loss"].backward()
    assert net.net.conv1[0].weight.grad.any()  # type: ignore[index, union-attr]


def test_a_net_without_maps_is_refused_in_a_line() -> None:
    facts: dict[str, Any] = {"height": 12, "width": 12, "mean": [0.4], "std": [0.2]}
    with pytest.raises(ParamsError, match="masked_image: this net gives no feature map; take another"):
        masked_image.build(nn.Linear(2, 2), facts, mask_ratio=0.5, patch=4, loss="l1")


# simclr

FACTS: dict[str, Any] = {"channels": 1, "height": 6, "width": 6, "mean": [0.5], "std": [0.3]}


def contrastive(temperature: float = 0.5) -> simclr.SimCLR:
    torch.manual_seed(0)
    return simclr.build(cnn.build(1, width=4, depth=2, dropout=0.0), FACTS, temperature=temperature, projection=5)


def test_nt_xent_is_the_formula_written_out() -> None:
    temperature = 0.3
    rows = nn.functional.normalize(torch.randn(8, 5, generator=torch.Generator().manual_seed(0)).double(), dim=1)
    total = 0.0
    for i in range(8):
        partner = (i + 4) % 8
        others = [math.exp(float(rows[i] @ rows[k]) / temperature) for k in range(8) if k != i]
        total -= math.log(math.exp(float(rows[i] @ rows[partner]) / temperature) / sum(others))
    assert simclr.nt_xent(rows, temperature).item() == pytest.approx(total / 8, rel=1e-9)


def test_views_that_are_found_at_once_cost_little_and_ones_that_are_all_alike_as_much_as_guessing() -> None:
    apart = torch.eye(4).repeat(2, 1)
    assert simclr.nt_xent(apart, 0.1).item() == pytest.approx(math.log(1 + 6 * math.exp(-10)), rel=1e-3)
    assert simclr.nt_xent(torch.ones(8, 1), 0.1).item() == pytest.approx(math.log(7), rel=1e-5)


def test_simclr_compares_two_distorted_views_by_projections_of_length_one() -> None:
    objective = contrastive()
    shifted = small_trainings.images(12, shift=2)
    one, other = (shifted.take(torch.arange(12), torch.Generator().manual_seed(seed)) for seed in (1, 2))
    result = objective(one, other)
    assert result["projections"].shape == (2, 12, 5)
    torch.testing.assert_close(result["projections"].norm(dim=-1), torch.ones(2, 12))
    expected = simclr.nt_xent(result["projections"].flatten(0, 1), 0.5)
    torch.testing.assert_close(result["loss"], expected)
    assert int(result["count"]) == 12
    result["loss"].backward()
    missing = [name for name, weight in objective.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert missing == []


@pytest.mark.parametrize(("distort", "warns"), [({}, True), ({"shift": 2}, False)])
def test_distortions_that_leave_two_views_the_same_are_warned_of(distort: dict[str, Any], warns: bool) -> None:
    said = contrastive().look(small_trainings.images(60, **distort))
    assert len(said) == warns
    assert not warns or ("views of an image differ by 0%" in said[0] and "pretrain.training.distort" in said[0])


def test_simclr_learns_to_find_the_other_view() -> None:
    rows = small_trainings.images(60, shift=1)
    history = small_trainings.fit(contrastive(), rows, rows, epochs=12, batch_size=30)
    assert history[-1]["validation_loss"] < history[0]["validation_loss"] - 0.3


# rotation


def turned() -> rotation.Rotation:
    torch.manual_seed(0)
    return rotation.build(cnn.build(1, width=4, depth=2, dropout=0.0), FACTS)


def test_every_image_is_shown_in_its_four_turns() -> None:
    shown = []
    objective = turned()
    objective.net.register_forward_pre_hook(lambda module, given: shown.append(given[0]))
    images = pictures(3, 6, 6)
    result = objective({"image": images})
    assert result["logits"].shape == (12, 4)
    assert result["targets"].tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    (seen,) = shown
    for row, target in enumerate(result["targets"].tolist()):
        expected = np.rot90(images[row % 3, 0].numpy(), target)
        np.testing.assert_allclose((seen[row, 0] * 0.3 + 0.5).numpy() * 255, expected, atol=1e-3)
    torch.testing.assert_close(result["loss"], nn.functional.cross_entropy(result["logits"], result["targets"]))
    assert int(result["count"]) == 3


def test_rotation_learns_which_way_is_up() -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 60, (40, 6, 6, 1), dtype=torch.uint8, generator=generator)
    pixels[:, :2] += 180  # the sky
    rows = small_trainings.Inputs(pixels, None, FACTS)
    history = small_trainings.fit(turned(), rows, rows, epochs=15, batch_size=20)
    assert history[-1]["validation_loss"] < 0.7 * math.log(4)


def test_rotation_needs_square_images() -> None:
    with pytest.raises(ParamsError, match=r"these are 8×6; set clean\.normalise\.size"):
        rotation.build(cnn.build(1, width=4, depth=2, dropout=0.0), FACTS | {"width": 8})


# what they show


def inputs_of(images: Tensor) -> Inputs:
    return Inputs(images.permute(0, 2, 3, 1).contiguous(), None, {})


def test_images_are_shown_as_they_are_hidden_and_rebuilt() -> None:
    objective = image_objective(0.5, 2, channels=3).eval()
    images = pictures(4, 12, 12, 3)
    inputs = inputs_of(images)
    found = [masked_image.show(objective, inputs, {}, loss=0.5, seed=1) for _ in range(2)]
    (strips,), (again,) = found[0].sections, found[1].sections
    given = {each.tobytes() for each in inputs.images.numpy()}
    for row, same in zip(strips.rows, again.rows, strict=True):
        (whole, _), (hidden, _), (rebuilt, _) = row.images
        assert whole.tobytes() in given
        grey = (hidden == 128).all(axis=2)
        assert grey.mean() == pytest.approx(0.5, abs=0.02)
        assert (hidden[~grey] == whole[~grey]).all() and (rebuilt[~grey] == whole[~grey]).all()
        assert (rebuilt[grey] != whole[grey]).any()
        assert all((one == other).all() for (one, _), (other, _) in zip(row.images, same.images, strict=True))


class Brightness(nn.Module):
    """Stands for a net: the mean of each quarter of an image, so that what is alike is known."""

    out_features = 4

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return self.weight * nn.functional.adaptive_avg_pool2d(images.mean(dim=1, keepdim=True), 2).flatten(1)


def lit(corner: int, level: int) -> Tensor:
    """Make an image [1, 12, 12] that is bright in one of its quarters."""
    pixels = torch.zeros(1, 12, 12, dtype=torch.uint8)
    pixels[:, 6 * (corner // 2) : 6 * (corner // 2) + 6, 6 * (corner % 2) : 6 * (corner % 2) + 6] = level
    return pixels


LIT: dict[str, Any] = {"height": 12, "width": 12, "mean": [0.0], "std": [1.0]}


def test_the_nearest_images_are_shown_nearest_first() -> None:
    images = torch.stack([lit(corner, 200 + level) for corner in range(4) for level in range(3)])
    objective = simclr.build(Brightness(), LIT, temperature=0.5, projection=4).eval()
    (strips,) = simclr.show(objective, inputs_of(images), LIT, loss=1.0, seed=1).sections
    assert len(strips.rows) == 12
    for row in strips.rows:
        (own, _), *others = row.images
        corners = [int(other.argmax()) for other, _ in others]
        assert corners[:2] == [int(own.argmax())] * 2  # the two that are bright at the same place
        likeness = [float(said) for _, said in others]
        assert likeness == sorted(likeness, reverse=True) and likeness[1] == 1.0


def test_turns_are_shown_with_what_is_true_and_what_is_said() -> None:
    images = torch.stack([lit(0, 200 + level) for level in range(8)])
    objective = rotation.build(Brightness(), LIT).eval()
    # A quarter turn, counted from the right angle, takes the light from corner 0 to 2, 3 and 1.
    objective.head.weight.data = torch.eye(4)[[0, 2, 3, 1]]
    objective.head.bias.data.zero_()
    found = rotation.show(objective, inputs_of(images), LIT, loss=1.0, seed=1)
    (strips,) = found.sections
    assert found.numbers["turns that are told"] == "100.0% of 32"
    assert [row.images[0][1] for row in strips.rows[:2]] == ["turned 0°, said 0°", "turned 90°, said 90°"]
    assert all(row.right for row in strips.rows)
    objective.head.weight.data = torch.eye(4)[[2, 0, 3, 1]]
    found = rotation.show(objective, inputs_of(images), LIT, loss=1.0, seed=1)
    assert found.numbers["turns that are told"] == "50.0% of 32"
    assert [row.right for row in found.sections[0].rows[:4]] == [False, False, True, True]
