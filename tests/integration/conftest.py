"""A clone of the project in an empty folder, with recipes small enough to run the real chain in a minute."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import shipped
from tiny_clone import environment, tiny, write_images

BUILT = ("reports/", "measured/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "integration" in item.path.parts:
            item.add_marker("integration")


@pytest.fixture(scope="session")
def make_clone(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Return a function that copies what git tracks (as it is on disk) into a new repository with tiny recipes."""

    def make() -> Path:
        clone = tmp_path_factory.mktemp("clone") / "chainrule"
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=project, check=True, capture_output=True, text=True
        )
        for name in listed.stdout.splitlines():
            if (project / name).is_file() and name != "dvc.lock" and not name.startswith(BUILT):
                (clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(project / name, clone / name)
        write_images(clone / "data" / "mine")
        params = tiny(shipped.written())
        (clone / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "clone"]):
            subprocess.run(
                ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *command], cwd=clone, check=True
            )
        return clone

    return make


@pytest.fixture(scope="session")
def dvc() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs dvc in a folder and gives back what it printed."""

    def run(folder: Path, *words: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-m", "dvc", *words],
            cwd=folder,
            env=environment(**variables),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert not check or result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
        return result

    return run


@pytest.fixture(scope="session")
def built(make_clone: Callable[[], Path], empty_store: Path, dvc: Callable[..., Any]) -> Path:
    """Return a clone whose whole chain was built by one `dvc repro`."""
    clone = make_clone()
    shutil.copy(empty_store, clone)
    dvc(clone, "repro")
    return clone
