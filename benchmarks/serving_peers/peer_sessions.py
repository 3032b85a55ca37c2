"""What all peers share: a session of one thread per model, for two processes (or workers) share two cores."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-not-found,unused-ignore]

ROOT = Path(os.environ["SERVING_ROOT"])
DTYPES = {"UINT8": np.uint8, "FLOAT": np.float32, "INT64": np.int64}
MAX_BATCH = 32


def names() -> list[str]:
    """Return the models to serve."""
    return sorted(folder.name for folder in (ROOT / "models" / "onnx").iterdir())


def inputs_of(name: str) -> dict[str, tuple[list[int], Any]]:
    """Return the shape of one item, batch left out, and dtype by input; a text has the length that is measured."""
    signature = json.loads((ROOT / "models" / "onnx" / name / "signature.json").read_text())
    return {
        each["name"]: ([axis if isinstance(axis, int) else 32 for axis in each["shape"][1:]], DTYPES[each["type"]])
        for each in signature["inputs"]
    }


def session(name: str) -> Any:
    """Open a model's graph with one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    path = ROOT / "models" / "onnx" / name / "model.onnx"
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
