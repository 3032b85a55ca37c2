"""Challenger against champion, as they are served, on the same rows."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tiny_bundles
from chainrule.release import contest
from chainrule.system.errors import DataError

SETTINGS: dict[str, Any] = {"margin": 0.05, "resamples": 50, "seed": 0}


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def rows(count: int = 60) -> pd.DataFrame:
    """Rows whose labels are what the image bundle of seed 0 says of them."""
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8), np.uint8)
    said = (images.reshape(count, -1) / 255 @ tiny_bundles.image_weights()).argmax(axis=1)
    return pd.DataFrame(
        {"image": list(map(png, images)), "label": said.astype(str), "group": [str(at // 2) for at in range(count)]}
    )


def test_the_better_bundle_is_ahead_and_margin_is_in_the_unit_of_what_decides(tmp_path: Path) -> None:
    right = tiny_bundles.image_bundle(tmp_path / "right")
    other = tiny_bundles.image_bundle(tmp_path / "other", seed=1)
    found = contest.compare(rows(), right, other, **SETTINGS)
    assert found["primary"] == {"name": "accuracy", "more_is_better": True, "unit": "share"}
    assert found["challenger"] == 1.0 and found["champion"] < 0.5 and found["not_worse"]
    assert found["difference"]["value"] == pytest.approx(1 - found["champion"], abs=1e-6)
    assert found["only_champion_right"] == 0 and found["mcnemar_p"] < 1e-6
    back = contest.compare(rows(), other, right, **SETTINGS)
    assert not back["not_worse"] and back["difference"]["high"] == pytest.approx(-found["difference"]["low"])


def test_a_row_that_a_bundle_refuses_counts_as_wrong_and_is_counted(tmp_path: Path) -> None:
    table = rows()
    table.loc[:5, "image"] = pd.Series([b"no image"] * 6)
    bundle = tiny_bundles.image_bundle(tmp_path / "one")
    found = contest.compare(table, bundle, bundle, **SETTINGS)
    assert found["refused"] == {"challenger": 6, "champion": 6}
    assert found["challenger"] == pytest.approx(0.9) and found["difference"]["value"] == 0


def test_classes_that_only_one_bundle_or_none_knows_are_compared_all_the_same(tmp_path: Path) -> None:
    table = rows()
    table.loc[:2, "label"] = "new"
    knows = tiny_bundles.image_bundle(tmp_path / "knows", labels=(*tiny_bundles.DIGITS[:9], "new"))
    without = tiny_bundles.image_bundle(tmp_path / "without")
    found = contest.compare(table, knows, without, **SETTINGS)
    old = table["label"] != "new"
    nine = (table["label"] == "9").sum()
    assert found["champion"] == pytest.approx(old.mean(), abs=1e-6)
    assert found["challenger"] == pytest.approx((old.sum() - nine) / len(table), abs=3 / len(table))


def test_bundles_of_other_tasks_and_no_rows_are_refused(tmp_path: Path) -> None:
    image, text = tiny_bundles.image_bundle(tmp_path / "image"), tiny_bundles.text_bundle(tmp_path / "text")
    table = rows(4).assign(text="a good film")
    with pytest.raises(DataError, match="no metric compares them"):
        contest.compare(table, image, text, **SETTINGS)
    with pytest.raises(DataError, match="no test rows"):
        contest.compare(table.iloc[:0], image, image, **SETTINGS)
