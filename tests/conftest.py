"""What several tests need, and how the whole suite is dealt out to two processes."""

import gc
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import chainrule as chainrule  # its environment: no library that a test uses reports anything

# A shell starts what runs in its background deaf to Ctrl-C, and the tests' processes would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Libraries' millions of objects stay: the collector need not look through them again and again.
gc.set_threshold(200_000, 50, 50)

# How long an example takes says how busy the machine is.
settings.register_profile("chainrule", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("chainrule")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers for the suite or a folder of it; none for files, which start sooner and can be debugged without."""
    return 2 if all(Path(word).is_dir() for word in config.args) else 0


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal out whole files, so that a module's fixtures are made once; those that share a built chain stay together."""
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return "tests/integration" if path.startswith("tests/integration/") else path

    return Files(config, log)


@pytest.fixture(autouse=True)
def no_store_of_another_test() -> Iterator[None]:
    """MLflow tells every later process by an environment variable which store a test has set."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    yield
    if before is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    else:
        os.environ["MLFLOW_TRACKING_URI"] = before


@pytest.fixture(scope="session", autouse=True)
def own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give this worker a place of its own for what its processes leave behind, and remove it."""
    tmp_path_factory.getbasetemp()  # where pytest always has it
    with tempfile.TemporaryDirectory(prefix="chainrule-tests-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o711)  # PostgreSQL has a user of its own where we are root
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TMPDIR", folder)
            patch.setattr(tempfile, "tempdir", None)
            yield


@pytest.fixture(scope="session")
def project() -> Path:
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("CHAINRULE_REAL_DATA")
    if not folder:
        pytest.skip("CHAINRULE_REAL_DATA names no folder of real data sets")
    return Path(folder)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new MLflow store, to be copied: making one takes longer than most tests."""
    from chainrule.runs import mlflow_store

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow_store.connect(path.parent, f"sqlite:///{path}")
    return path
