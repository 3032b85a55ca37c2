"""What several tests need: the project's root, and no telemetry of any tool."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(scope="session")
def project() -> Path:
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("CHAINRULE_REAL_DATA")
    if not folder:
        pytest.skip("CHAINRULE_REAL_DATA names no folder of real data sets")
    return Path(folder)
