"""MLflow's store as a project has it: made whole or not at all, following the project, an experiment a recipe."""

import logging
import os
import shutil
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chainrule.runs.places import OWN_STORE, sqlite_path, sqlite_uri, tracking_uri
from chainrule.system import locks
from chainrule.system.errors import ChainruleError

if TYPE_CHECKING:
    from mlflow import MlflowClient

PLACES = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "logged_models": "artifact_location",
    "model_versions": "storage_location",
}
"""Table -> column of every place of artifacts that MLflow keeps in a database; it keeps whole paths alone."""
KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Without it MLflow's pages open an experiment as one of generative AI."""
ABOUT = (
    "One row for each execution of the recipe's chain: its parameters, its scores on the test rows beside those of "
    "the floors, its curves, `report.html`, the bundle that was registered. A row opens into the stages."
)


def connect(root: Path, uri: str, *, reads: bool = False) -> "MlflowClient":
    """A client for `uri`; a new SQLite store is made first, under a lock (of two that make it, one dies).

    A store that was left half-made is set aside; one whose project has moved learns where it is now, unless the
    client only `reads` what is not in files.
    """
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    # Repeating is the sender's business: it looks first whether a run exists, a blind retry makes a second.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    # Set by `mlflow run` or by hand, it would make every run of ours that one (mlflow issue 15713).
    os.environ.pop("MLFLOW_RUN_ID", None)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    logging.getLogger("alembic").setLevel(logging.WARNING)
    path = sqlite_path(uri)
    registry_uri = os.environ.get("MLFLOW_REGISTRY_URI") or uri
    if path is None:
        return MlflowClient(uri, registry_uri=registry_uri)
    with locks.held(root / ".chainrule" / "locks" / "mlflow.lock"):
        if not path.exists():
            _make(path)
        try:
            client = MlflowClient(uri, registry_uri=registry_uri)
            client.search_experiments(max_results=1)
        except (MlflowException, SQLAlchemyError):
            if _is_used(path):
                raise
            _make_again(path)
            client = MlflowClient(uri, registry_uri=registry_uri)
        if not reads and uri == tracking_uri(root, OWN_STORE):
            _follow(path)
    return client


def _make(path: Path) -> None:
    """Make a store beside its place, which it takes when it is whole."""
    fresh = _fresh(path)
    if path.exists():  # by another tool, meanwhile
        fresh.unlink()
    else:
        fresh.rename(path)


def _make_again(path: Path) -> None:
    """Give a store that was left half-made the content of a whole one; a copy stays of what it was."""
    fresh = _fresh(path)
    aside = path.with_name(f"{path.name}.half-made-{time.time_ns()}")
    shutil.copyfile(path, aside)
    # Not by its name: MLflow keeps connections to the file that it found.
    with closing(sqlite3.connect(fresh)) as whole, closing(sqlite3.connect(path, timeout=20.0)) as database:
        whole.backup(database)
    fresh.unlink()
    print(
        f"tracking: {path} was half-made and without a run; it is made anew; as it was: {aside.name}", file=sys.stderr
    )


def _fresh(path: Path) -> Path:
    """Make a store beside its place."""
    from mlflow import MlflowClient

    for left in path.parent.glob(f"{path.name}.new-*"):
        left.unlink()
    # Another name at every attempt: MLflow keeps its connections to the file of one that failed.
    fresh = path.with_name(f"{path.name}.new-{time.time_ns()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    MlflowClient(sqlite_uri(fresh)).search_experiments(max_results=1)
    return fresh


def _is_used(path: Path) -> bool:
    """Whether a database holds a run or a model, or is none that can be read."""
    try:
        with closing(sqlite3.connect(path)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            asked = [name for name in ("runs", "registered_models") if name in tables]
            return any(database.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() for name in asked)  # noqa: S608
    except sqlite3.Error:
        return True


def _follow(path: Path) -> None:
    """Let every place of artifacts that lay in `mlruns` beside the store lie there again, after the project moved."""
    here = path.parent / "mlruns"
    with closing(sqlite3.connect(path, timeout=20.0)) as database, database:
        kept = database.execute("SELECT name, artifact_location FROM experiments").fetchall()
        for former in {former for name, location in kept if (former := _former(here, name, location))}:
            for table, column in PLACES.items():
                database.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",  # noqa: S608
                    (f"{here.as_uri()}/", len(former) + 1, len(former), former),
                )
            print(f"tracking: what MLflow knew below {former} is now in {here}", file=sys.stderr)


def _former(here: Path, name: str, location: str) -> str | None:
    """Where the experiments of this store were, ending in a slash; None for one that is where it says."""
    end = quote(name)
    former = location.removesuffix(end)
    moved = location.endswith(f"/mlruns/{end}") and former != f"{here.as_uri()}/"
    # An experiment that somebody made elsewhere on purpose lies there, and not here.
    return former if moved and ((here / name).exists() or not _is_there(location)) else None


def _is_there(location: str) -> bool:
    from urllib.request import url2pathname

    return Path(url2pathname(location.removeprefix("file://"))).exists()


def experiment_id(client: "MlflowClient", root: Path, uri: str, recipe: str) -> str:
    """The recipe's experiment, created if need be. Without a server its artifacts lie in `<root>/mlruns`.

    Raises ChainruleError if it was deleted.
    """
    from mlflow.exceptions import MlflowException

    found: Any = client.get_experiment_by_name(recipe)
    if found is None:
        place = (root / "mlruns" / recipe).as_uri() if sqlite_path(uri) else None
        tags = {**KIND, "mlflow.note.content": ABOUT}
        try:
            return str(client.create_experiment(recipe, artifact_location=place, tags=tags))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(recipe)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        remedy = f"mlflow experiments restore --experiment-id {found.experiment_id}"
        raise ChainruleError(f"the experiment {recipe} was deleted in MLflow; `{remedy}` brings it back")
    for key in KIND.keys() - found.tags.keys():
        client.set_experiment_tag(found.experiment_id, key, KIND[key])
    return str(found.experiment_id)
