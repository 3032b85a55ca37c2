"""Histograms by epoch as a part of a page: whose strips are drawn, and what is said of them."""

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chainrule.examination import histograms
from chainrule.training.audit.histograms import histogram
from looked_at import of_table


def counted(values: np.ndarray) -> dict[str, Any] | None:
    return histogram(values.astype(np.float32))


def record(epochs: int = 3, layers: int = 3) -> dict[str, Any]:
    """Return what the audit leaves of a layer that is frozen, one that grows and one whose outputs die."""
    draw = np.random.default_rng(0).standard_normal(400)
    places = list(range(3))
    grown = [[counted(draw), counted(draw * (1 + epoch)), counted(draw)] for epoch in range(epochs)]
    outputs = [
        [None, counted(draw), counted(np.where(np.arange(400) < 100 * epoch, 0, draw))] for epoch in range(epochs)
    ]
    return {
        "layers": [{"name": name, "kind": "Linear"} for name in ["frozen", "grows", "dies", *"more"][:layers]],
        "histograms": {
            "every": 1,
            "layers": places,
            "epochs": list(range(epochs)),
            "weights": grown,
            "outputs": outputs,
        },
    }


def test_what_stands_out_is_said() -> None:
    said = " ".join(histograms.in_words(record()))
    assert said == (
        "The start and 2 epochs. Weights that stood still: frozen, dies. Weights spread most in grows: 3-fold. "
        "Outputs that have become 0: dies (0% → 50%)."
    )


def test_what_is_left_out_is_said() -> None:
    found = record(layers=5)
    found["histograms"]["epochs"] = [0, 8, 16]
    assert "The start and 2 epochs of 16, evenly picked. 3 of 5 layers, evenly picked." in " ".join(
        histograms.in_words(found)
    )
    assert histograms.in_words(record(epochs=1)) == ["The start and 0 epochs."]


def test_a_strip_shows_a_column_for_each_epoch() -> None:
    found = record()
    drawn = histograms.picture("Fine-tuning", ["frozen", "<grows>", "dies"], found["histograms"])
    pictures = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))).astype(int)
        for each in re.findall(r"data:image/png;base64,([^\"]+)", drawn)
    ]
    assert len(pictures) == 5, "two for each layer, but for the outputs of a layer that is never called"
    assert all(each.shape == (histograms.CELLS, 3, 3) for each in pictures)
    frozen, grows = pictures[:2]
    assert (frozen[:, 0] == frozen[:, 2]).all()
    empty = (grows == grows.max(axis=(0, 1))).all(axis=2).sum(axis=0)
    assert empty[0] > empty[1] > empty[2], "the strip of weights that grow opens like a fan"
    assert "&lt;grows&gt;" in drawn
    assert "nan" not in drawn


def test_the_part_of_a_page() -> None:
    looked = of_table([{"x": 1.0}, {"x": 2.0}], ["a", "b"])
    assert histograms.part(looked) is None, "no training was audited"
    part = histograms.part(looked._replace(gradients={"finetune": record(), "pretrain": record(epochs=1)}))
    assert part is not None
    assert part.body.index("Pretraining.") < part.body.index("Fine-tuning.")
    assert part.numbers["finetune"]["layers"]["grows"]["weights"][1]["spread"] == pytest.approx(
        3 * part.numbers["finetune"]["layers"]["grows"]["weights"][0]["spread"], rel=1e-3
    )
    assert part.numbers["finetune"]["layers"]["frozen"]["outputs"] == [None, None]
