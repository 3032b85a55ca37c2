import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from chainrule.fields.image import decode
from chainrule.system.errors import ParamsError
from chainrule.training.inputs import image as module
from chainrule.training.inputs.image import Inputs, fit_facts


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(rows: int, side: int = 7, channels: int = 1) -> Tensor:
    # From 1 on: black is what a shift brings in.
    return torch.randint(1, 256, (rows, side, side + 2, channels), dtype=torch.uint8, generator=seeded(0))


def taken(images: Tensor, seed: int | None = 0, **distort: Any) -> Tensor:
    """Return all images as one batch [B, H, W, C]."""
    inputs = Inputs(images, None, {}, **distort)
    batch = inputs.take(torch.arange(len(images)), None if seed is None else seeded(seed))
    return batch["image"].permute(0, 2, 3, 1)


@given(rows=st.integers(1, 60), batch_size=st.integers(1, 20), seed=st.integers(0, 2**31))
def test_a_shuffled_pass_takes_every_row_at_most_once_and_leaves_out_under_half_a_batch(
    rows: int, batch_size: int, seed: int
) -> None:
    batches = Inputs(noise(rows, 1), None, {}).order(batch_size, seeded(seed))
    used = torch.cat(batches).tolist()
    assert len(set(used)) == len(used)
    assert set(used) <= set(range(rows))
    assert rows - len(used) < max(batch_size / 2, 2)
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert len(batches) == 1 or len(batches[-1]) >= batch_size / 2
    assert rows == 1 or batch_size == 1 or min(map(len, batches)) > 1  # one row has no batch statistics


@given(rows=st.integers(1, 60), batch_size=st.integers(1, 20))
def test_without_a_generator_every_row_comes_in_row_order(rows: int, batch_size: int) -> None:
    batches = Inputs(noise(rows, 1), None, {}).order(batch_size, None)
    assert torch.cat(batches).tolist() == list(range(rows))
    assert max(map(len, batches)) <= batch_size


def test_the_order_follows_the_seed() -> None:
    inputs = Inputs(noise(50, 1), None, {})
    first, again, other = (torch.cat(inputs.order(8, seeded(seed))).tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_other_rows_are_left_out_in_every_pass() -> None:
    inputs = Inputs(noise(17, 1), None, {})
    left_out = {(set(range(17)) - set(torch.cat(inputs.order(8, seeded(seed))).tolist())).pop() for seed in range(20)}
    assert len(left_out) > 5


def test_takes_the_rows_asked_for_channels_first_with_their_targets() -> None:
    images = noise(5, channels=3)
    inputs = Inputs(images, torch.tensor([4, 3, 2, 1, 0]), {})
    batch = inputs.take(torch.tensor([3, 1]), None)
    assert batch["image"].shape == (2, 3, 7, 9)
    assert batch["image"].dtype == torch.uint8
    assert batch["image"].is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch["image"], images[[3, 1]].permute(0, 3, 1, 2))
    assert batch["target"].tolist() == [1, 3]
    assert set(Inputs(images, None, {}).take(torch.tensor([0]), None)) == {"image"}


def test_without_a_generator_nothing_is_distorted() -> None:
    images = noise(20)
    assert torch.equal(taken(images, None, shift=3, flip=True, erase=4), images)


def test_with_nothing_to_distort_a_generator_changes_nothing() -> None:
    images = noise(20)
    assert torch.equal(taken(images, 0), images)


def test_distortion_follows_the_seed() -> None:
    images = noise(20)
    options: dict[str, Any] = {"shift": 2, "flip": True, "erase": 2}
    assert torch.equal(taken(images, 1, **options), taken(images, 1, **options))
    assert not torch.equal(taken(images, 1, **options), taken(images, 2, **options))


def shifted(image: Tensor, down: int, right: int) -> Tensor:
    height, width, _ = image.shape
    result = torch.zeros_like(image)
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                result[row, column] = image[row - down, column - right]
    return result


@pytest.mark.parametrize("flip", [False, True])
def test_shift_moves_the_content_by_at_most_that_many_pixels_and_fills_with_black(flip: bool) -> None:
    images = noise(150, side=5)
    moves = range(-2, 3)
    seen = set()
    for before, after in zip(images, taken(images, shift=2, flip=flip), strict=True):
        sources = {False: before, True: before.flip(1)} if flip else {False: before}
        found = [
            (down, right, mirrored)
            for mirrored, source in sources.items()
            for down in moves
            for right in moves
            if torch.equal(shifted(source, down, right), after)
        ]
        assert len(found) == 1
        seen.add(found[0])
    assert {down for down, _, _ in seen} == {right for _, right, _ in seen} == set(moves)
    assert {mirrored for _, _, mirrored in seen} == ({False, True} if flip else {False})


def test_flip_mirrors_left_and_right_half_of_the_time() -> None:
    images = noise(400, side=3)
    mirrored = 0
    for before, after in zip(images, taken(images, flip=True), strict=True):
        assert torch.equal(after, before) or torch.equal(after, before.flip(1))
        mirrored += torch.equal(after, before.flip(1))
    assert 150 < mirrored < 250


@pytest.mark.parametrize("erase", [1, 2, 3, 5])
def test_erase_greys_one_square_of_at_most_that_side(erase: int) -> None:
    images = noise(300, side=6, channels=3)
    sizes = set()
    places = torch.zeros(6, 8, dtype=torch.int64)
    for before, after in zip(images, taken(images, erase=erase), strict=True):
        # Grey: the image's own mean, channel by channel.
        grey = before.float().mean(dim=(0, 1)).to(torch.uint8)
        hole = (after == grey).all(dim=2)
        changed = (after != before).any(dim=2)
        assert not bool((changed & ~hole).any())
        assert int(changed.sum()) <= erase**2
        if bool(changed.any()):
            rows, columns = changed.any(dim=1).nonzero().flatten(), changed.any(dim=0).nonzero().flatten()
            assert int(rows.max() - rows.min()) < erase
            assert int(columns.max() - columns.min()) < erase
        sizes.add(int(changed.sum()))
        places += changed
    assert max(sizes) == erase**2
    assert int(places.min()) > 0  # the borders too


def test_distortion_leaves_the_rows_in_memory_as_they_are() -> None:
    images = noise(10)
    kept = images.clone()
    taken(images, shift=2, flip=True, erase=3)
    assert torch.equal(images, kept)


@pytest.mark.parametrize("channels", [1, 3])
def test_facts_equal_numpys_mean_and_deviation(channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 5, 4, channels)).astype(np.uint8)
    facts = fit_facts([torch.from_numpy(images)], None)
    assert (facts["channels"], facts["height"], facts["width"]) == (channels, 5, 4)
    assert facts["mean"] == pytest.approx((images / 255).mean(axis=(0, 1, 2)), abs=1e-6)
    assert facts["std"] == pytest.approx((images / 255).std(axis=(0, 1, 2)), abs=1e-6)


def test_images_of_one_colour_have_a_deviation_to_divide_by() -> None:
    assert fit_facts([torch.full((2, 3, 3, 1), 7, dtype=torch.uint8)], None)["std"] == [0.001]


def test_facts_survive_the_disk(tmp_path: Path) -> None:
    facts = fit_facts([noise(4, channels=3)], None)
    module.save_facts(facts, tmp_path)
    assert module.load_facts(tmp_path) == facts


@pytest.mark.parametrize("distort", [{"erase": 9}, {"shift": 9}, {"erase": 512}])
def test_a_distortion_that_leaves_nothing_of_an_image_is_refused(distort: dict[str, int]) -> None:
    with pytest.raises(ParamsError, match="less than 9 leaves something"):
        Inputs(torch.zeros(2, 9, 12, 1, dtype=torch.uint8), None, {}, **distort)


@pytest.fixture
def pictures() -> list[bytes]:
    """Normalised PNG bytes of 30 images of noise, 7 by 9 pixels."""
    found = []
    for pixels in noise(30, channels=3).numpy():
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        found.append(file.getvalue())
    return found


def test_rows_that_would_fill_the_memory_stay_encoded_and_give_the_same(
    pictures: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = module.held(pictures, decode)
    assert isinstance(whole, Tensor)
    assert isinstance(module.held(pictures[:10], decode), Tensor)
    monkeypatch.setattr(module, "MOST_DECODED", 30 * 7 * 9 * 3 - 1)
    encoded = module.held(pictures, decode)
    assert isinstance(encoded, module.Encoded)
    assert all(one is other for one, other in zip(encoded.values, pictures, strict=True))  # no second copy
    assert fit_facts([encoded], None) == fit_facts([whole], None)
    target = torch.arange(30)
    options: dict[str, Any] = {"shift": 1, "crop": 0.5, "colour": 0.4, "mixup": 0.3}
    one, other = (module.of_fields([images], target, {}, **options) for images in (whole, encoded))
    assert len(one) == len(other) == 30
    for index in one.order(11, seeded(3)):
        for seed in (None, 1):
            first, again = (each.take(index, None if seed is None else seeded(seed)) for each in (one, other))
            assert first.keys() == again.keys()
            assert all(torch.equal(first[name], again[name]) for name in first)


def test_what_a_base_says_of_its_images_wins() -> None:
    facts = fit_facts([noise(4, channels=3)], None, {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]})
    assert (facts["mean"], facts["std"]) == ([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])
    assert (facts["channels"], facts["height"], facts["width"]) == (3, 7, 9)
