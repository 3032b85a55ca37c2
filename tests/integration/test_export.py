"""What export leaves in a real chain: variants that ship, why others do not, and times outside of every output."""

import json
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


def test_times_are_metrics_and_plots_of_the_project_and_in_nothing_that_dvc_hashes(built: Path, dvc: Dvc) -> None:
    hashed = {
        out["path"]
        for stage in yaml.safe_load((built / "dvc.lock").read_text())["stages"].values()
        for out in stage["outs"]
    }
    assert not [path for path in hashed if path.startswith("measured")]
    shown = dvc(built, "metrics", "show", "--json").stdout
    metrics = json.loads(shown[shown.index("{") :])[""]["data"]
    for recipe in ("digits", "reviews"):
        found = metrics[f"measured/metrics/{recipe}.json"]["data"]
        assert found["int8"]["batch_1_ms"] > 0
        assert found["int8"]["batch_32_speedup"] > 0
        assert "_ms" not in (built / "reports" / recipe / "export.json").read_text()
    page = dvc(built, "plots", "show").stdout.strip().splitlines()[-1]
    assert "digits.png" in Path(page.removeprefix("file://")).read_text()
