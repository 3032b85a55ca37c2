from pathlib import Path
from typing import Any

from chainrule.evaluation.scores.label import PRIMARY
from chainrule.exporting import figure

TABLE: dict[str, dict[str, Any]] = {
    "fp32": {
        "bytes": 3_948_909, "accuracy": 0.9321, "batch_1_ms": 1.21, "batch_32_ms": 21.0, "ships": True,
        "reason": "the reference",
    },
    "int8": {"bytes": 1_100_000, "accuracy": 0.9, "batch_1_ms": 0.61, "batch_32_ms": 12.5, "ships": True, "reason": ""},
    "fp16": {"bytes": 1_980_000, "accuracy": 0.9321, "ships": False, "reason": "speed not measured here"},
}  # fmt: skip


def test_the_same_numbers_give_the_same_png(tmp_path: Path) -> None:
    for name in ("one.png", "other.png"):
        figure.variants(TABLE, PRIMARY, tmp_path / name)
    content = (tmp_path / "one.png").read_bytes()
    assert content == (tmp_path / "other.png").read_bytes()
    assert content.startswith(b"\x89PNG") and b"Software" not in content


def test_fp32_alone_can_be_drawn(tmp_path: Path) -> None:
    figure.variants({"fp32": TABLE["fp32"]}, PRIMARY, tmp_path / "alone.png")
    assert (tmp_path / "alone.png").stat().st_size > 1000
