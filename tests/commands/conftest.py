"""A toy project that was trained once, to be shared by the tests of commands that only look at it or copy it."""

import shutil
from pathlib import Path

import pytest

import toy_project


@pytest.fixture(scope="session")
def trained(project: Path, empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe digits built, registered as version 1 and committed; reviews never run."""
    root = toy_project.make(tmp_path_factory.mktemp("trained") / "toy", project, empty_store)
    toy_project.train(root, "first")
    toy_project.commit(root, "built")
    return root


@pytest.fixture
def toy(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to change; its registry can be read, the artifacts are the original's."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "PREFECT_API_URL", "CHAINRULE_CORES"):
        monkeypatch.delenv(name, raising=False)
    return Path(shutil.copytree(trained, tmp_path / "toy", symlinks=True))
