"""Save the bundles as MLflow models for `mlflow models serve`: `peer_mlflow.py` below SERVING_ROOT."""

import mlflow
import numpy as np
import onnx
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from peer_sessions import ROOT, inputs_of, names


def save(name: str) -> None:
    """Save one model, with a session of one thread."""
    graph = onnx.load(ROOT / "models" / "onnx" / name / "model.onnx")
    inputs = Schema([TensorSpec(np.dtype(dtype), [-1, *shape], key) for key, (shape, dtype) in inputs_of(name).items()])
    mlflow.onnx.save_model(
        graph,
        ROOT / "mlflow" / name,
        signature=ModelSignature(inputs=inputs),
        onnx_execution_providers=["CPUExecutionProvider"],
        onnx_session_options={"intra_op_num_threads": 1, "inter_op_num_threads": 1},
        save_as_external_data=False,
        pip_requirements=["onnxruntime"],
    )


if __name__ == "__main__":
    for name in names():
        save(name)
