"""Challenger against champion on altered rows: one that leans on what noise undoes is told apart."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tiny_bundles
from chainrule.recipes.retrain import Robustness
from chainrule.release import altered, contest
from chainrule.retraining import evidence
from chainrule.system.errors import ParamsError
from looked_at import png

SETTINGS: dict[str, Any] = {"resamples": 50, "seed": 0}


def mirrored(count: int = 40) -> pd.DataFrame:
    """Return images whose halves mirror each other, with the labels that the bundle of seed 0 gives them."""
    half = np.random.default_rng(0).integers(60, 200, (count, 8, 4), np.uint8)
    images = np.concatenate([half, half[:, :, ::-1]], axis=2)
    said = (images.reshape(count, -1) / 255 @ tiny_bundles.image_weights()).argmax(axis=1)
    return pd.DataFrame(
        {"image": list(map(png, images)), "label": said.astype(str), "group": [str(at // 2) for at in range(count)]}
    )


@pytest.fixture
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return a bundle that looks at what differs between the halves, too, and one that does not; both are right."""
    steady = tiny_bundles.image_bundle(tmp_path / "steady")
    weights = tiny_bundles.image_weights()
    sides = np.where(np.arange(64) % 8 < 4, 1.0, -1.0)[:, None] * np.linspace(-40, 40, 10)
    monkeypatch.setattr(tiny_bundles, "image_weights", lambda *_: (weights + sides).astype(np.float32))
    return tiny_bundles.image_bundle(tmp_path / "leaning"), steady


def compared(challenger: Path, champion: Path, **settings: Any) -> dict[str, Any]:
    chosen = Robustness(corruptions=["gaussian_noise", "shot_noise"], severities=[3, 5], **settings)
    return altered.compare(mirrored(), ["image"], "image", challenger, champion, chosen, **SETTINGS)


def test_equals_on_rows_as_they_are_may_differ_where_these_are_altered(bundles: tuple[Path, Path]) -> None:
    leaning, steady = bundles
    plain = contest.compare(mirrored(), leaning, steady, margin=0.05, **SETTINGS)
    assert plain["challenger"] == plain["champion"] == 1 and plain["not_worse"]
    found = compared(leaning, steady)
    assert found["challenger"] < 0.5 < found["champion"] and not found["not_worse"]
    assert found["rows"] == 4 * 40 and found["groups"] == 20  # a group with all that was made of it
    assert compared(steady, leaning)["not_worse"] and compared(steady, steady)["difference"]["value"] == 0
    assert found == compared(leaning, steady)


def test_few_rows_will_do_and_a_wide_margin_lets_pass(bundles: tuple[Path, Path]) -> None:
    leaning, steady = bundles
    assert compared(leaning, steady, rows=10)["rows"] == 4 * 10
    assert compared(leaning, steady, margin=1)["not_worse"]


def test_an_unknown_corruption_is_named(bundles: tuple[Path, Path]) -> None:
    settings = Robustness(corruptions=["typos"])
    with pytest.raises(ParamsError, match="no corruption of modality image is called typos"):
        altered.compare(mirrored(), ["image"], "image", *bundles, settings, **SETTINGS)


def test_the_verdict_says_why_and_both_must_hold(bundles: tuple[Path, Path]) -> None:
    plain = contest.compare(mirrored(), *bundles, margin=0.05, **SETTINGS)
    found = plain | {"left_out": 0, "robustness": compared(*bundles)}
    said = evidence.verdict(found, 3)
    assert said.startswith("not worse than version 3 on 40 test rows: accuracy 1.0000 against 1.0000")
    assert "; may be worse under 2 corruptions at severity 3, 5: accuracy 0." in said
    assert not evidence.fit(found) and evidence.fit(found | {"robustness": None})
    numbers = evidence.numbers(found)
    assert numbers["robustness.challenger"] == found["robustness"]["challenger"]
    assert "robustness.difference.value" in numbers
