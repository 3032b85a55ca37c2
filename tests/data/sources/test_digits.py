"""The bundled digits and their card."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chainrule.data.sources import digits
from chainrule.system.errors import DataError

CARD = Path(__file__).parents[3] / "data" / "sources" / "digits.yaml"


def test_pixels_and_labels_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    frame = digits.read(CARD, block=20)
    bundled = load_digits()
    assert len(frame) == 1797
    assert frame["id"].is_unique
    assert frame["label"].tolist() == [str(digit) for digit in bundled.target]
    decoded = np.stack([np.asarray(Image.open(io.BytesIO(png))) for png in frame["image"]])
    assert decoded.dtype == np.uint8
    assert decoded.shape == (1797, 8, 8)
    assert np.abs(decoded - bundled.images * 255 / 16).max() <= 0.5


@pytest.mark.parametrize("block", [1, 20, 1797])
def test_groups_are_blocks_of_consecutive_images(block: int) -> None:
    groups = digits.read(CARD, block=block)["group"]
    assert groups.tolist() == [f"block/{i // block:06d}" for i in range(1797)]


def test_the_same_card_gives_the_same_bytes() -> None:
    assert digits.read(CARD, block=20).equals(digits.read(CARD, block=20))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("", "has no 'classes'"),
        ("a: [", "not valid YAML"),
        ("classes: [a, b]\nsha256: x\n", "names 2 classes"),
        (
            CARD.read_text().replace("sha256: 6", "sha256: 7"),
            r"other data than the card .*digits\.yaml describes",
        ),
    ],
)
def test_a_card_that_does_not_fit_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    card = tmp_path / "digits.yaml"
    if content is not None:
        card.write_text(content)
    with pytest.raises(DataError, match=message) as error:
        digits.read(card, block=20)
    assert "\n" not in str(error.value)
