import itertools

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from chainrule.serving import tiles


@pytest.mark.parametrize(
    ("length", "side", "overlap"), [(10, 16, 4), (16, 16, 4), (17, 16, 4), (100, 16, 6), (41, 20, 0)]
)
def test_spans_cover_an_axis_once_and_overlap(length: int, side: int, overlap: int) -> None:
    found = tiles.spans(length, side, overlap)
    covered = [place for _, start, end in found for place in range(start, end)]
    assert covered == list(range(length))
    for begin, start, end in found:
        assert begin <= start and end <= min(begin + side, length)
    for (one, *_), (other, *_) in itertools.pairwise(found):
        assert one + side - other >= overlap


def run(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What looks two pixels far."""
    image = inputs["image"].astype(np.float32)
    logits = uniform_filter(image, (0, 0, 5, 5), mode="constant")
    return {"logits": logits, "mask": logits.argmax(axis=1).astype(np.uint8)}


@pytest.mark.parametrize("size", [(40, 70), (20, 90), (64, 64)])
def test_tiles_give_what_the_whole_gives(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, 3, *size), np.uint8)
    calls = []

    def counted(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        calls.append(inputs["image"].shape[2:])
        return run(inputs)

    found = tiles.around(counted, {"tiles": {"side": 24, "overlap": 8}})({"image": image})
    whole = run({"image": image})
    assert len(calls) > 1 and all(high <= 24 and wide <= 24 for high, wide in calls)
    np.testing.assert_allclose(found["logits"], whole["logits"], rtol=1e-5)
    assert (found["mask"] == whole["mask"]).all()


def test_without_tiles_and_for_small_images_a_graph_runs_as_it_is() -> None:
    image = np.zeros((1, 3, 8, 30), np.uint8)
    assert tiles.around(run, {}) is run
    assert run({"image": image})["logits"].shape == tiles.in_tiles(run, {"image": image}, 16, 4)["logits"].shape


@pytest.mark.parametrize("told", [{"side": 8}, {"side": 8, "overlap": 5}, {"side": "8", "overlap": 1}, [8, 2]])
def test_a_signature_that_means_no_tiles_is_refused(told: object) -> None:
    assert "overlap" in tiles.fault({"tiles": told, "inputs": [{}]})
    assert tiles.fault({"tiles": {"side": 8, "overlap": 2}, "inputs": [{}]}) == ""
    assert "several" in tiles.fault({"tiles": {"side": 8, "overlap": 2}, "inputs": [{}, {}]})
