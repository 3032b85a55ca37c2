"""What export leaves in a real chain: variants that ship, why others do not, and times outside of every output."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import yaml

Dvc = Callable[..., subprocess.CompletedProcess[str]]


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_the_bundle_holds_the_variants_that_the_report_says_ship(built: Path) -> None:
    for recipe in ("digits", "reviews", "mine"):
        folder = built / "models" / "onnx" / recipe
        table = read(built / "reports" / recipe / "export.json")["variants"]
        signature = read(folder / "signature.json")
        assert set(table) == {"fp32", "int8", "fp16"}
        assert set(signature["variants"]) == {name for name, found in table.items() if found["ships"]}
        for name, entry in signature["variants"].items():
            path = folder / entry["file"]
            assert path.stat().st_size == table[name]["bytes"]
            onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        card = (folder / "MODEL_CARD.md").read_text()
        assert all(found["reason"] in card for found in table.values())
    assert read(built / "models/onnx/reviews/signature.json")["padding"] == {"attention_mask": 0, "input_ids": 0}
    assert read(built / "models/onnx/digits/signature.json")["padding"] == {}


def test_times_are_kept_apart_from_all_that_git_and_dvc_hash(built: Path, dvc: Dvc) -> None:
    hashed = {
        out["path"]
        for stage in yaml.safe_load((built / "dvc.lock").read_text())["stages"].values()
        for out in stage["outs"]
    }
    assert not [path for path in hashed if path.startswith("measured")]
    for recipe in ("digits", "reviews"):
        found = read(built / "measured" / "metrics" / f"{recipe}.json")
        assert found["int8"]["batch_1_ms"] > 0
        assert found["int8"]["batch_32_speedup"] > 0
        assert "_ms" not in (built / "reports" / recipe / "export.json").read_text()
    assert "measured_plots_digits.png" in page_of_plots(built, dvc)


def test_dvc_shows_what_is_there_where_nothing_was_timed(built: Path, dvc: Dvc, tmp_path: Path) -> None:
    """As in a clone whose outputs came by `dvc pull`."""
    pulled = Path(shutil.copytree(built, tmp_path / "pulled", symlinks=True))
    shutil.rmtree(pulled / "measured")
    for words in (("metrics", "show"), ("exp", "show", "--no-pager")):
        dvc(pulled, *words)
    page = page_of_plots(pulled, dvc)
    assert "reports_digits_plots_confusion_matrix.png" in page
    assert "measured_plots_digits.png" not in page


def page_of_plots(clone: Path, dvc: Dvc) -> str:
    page = dvc(clone, "plots", "show").stdout.strip().splitlines()[-1]
    return Path(page.removeprefix("file://")).read_text()
