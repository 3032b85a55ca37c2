"""Triton's own protobuf schema of a model's configuration."""

import functools
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@functools.cache
def load() -> ModuleType:
    """Return the schema's module, taken from its file, because the package around it wants gRPC; skips without it."""
    pytest.importorskip("google.protobuf")
    package = importlib.util.find_spec("tritonclient")
    if package is None or not package.submodule_search_locations:
        pytest.skip("tritonclient is not installed")
    path = Path(package.submodule_search_locations[0]) / "grpc" / "model_config_pb2.py"
    spec = importlib.util.spec_from_file_location("model_config_pb2", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("model_config_pb2", module)
    spec.loader.exec_module(module)
    return module
