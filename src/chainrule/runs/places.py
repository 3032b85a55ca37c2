"""Where the runs of a project go: its folder, and the address of its MLflow."""

import os
from pathlib import Path
from urllib.parse import quote, unquote

OWN_STORE = "sqlite:///mlflow.db"
"""The address of a project's own database, wherever the project lies."""
TRAINED, TRAINED_TAG = "finetuned", "finetuned_sha256"
"""Where a chain's run keeps the fine-tuned model of a version, and the version's tag: the sha256 of its weights."""
_EXPERIMENTS = (".dvc", "tmp", "exps")
_FILE, _QUERY = "sqlite+pysqlite:///file:", "?uri=true"


def home(path: Path) -> Path:
    """Return the place in the project that a place in a copy of it stands for; any other place is its own.

    `dvc exp run --temp` and `--queue` run in .dvc/tmp/exps/tmp… or .dvc/tmp/exps/standalone/tmp…, and remove it.
    """
    parts = path.parts
    for at in range(len(parts) - len(_EXPERIMENTS)):
        if parts[at : at + len(_EXPERIMENTS)] == _EXPERIMENTS:
            below = parts[at + len(_EXPERIMENTS) :]
            return Path(*parts[:at], *below[2 if below[0] == "standalone" else 1 :])
    return path


def named_uri() -> str:
    """MLFLOW_TRACKING_URI, a relative SQLite path made absolute; unset or empty, OWN_STORE."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or OWN_STORE
    path = sqlite_path(uri)
    if uri == OWN_STORE or path is None or path.is_absolute():
        return uri
    return uri.replace(f"sqlite:///{path}", f"sqlite:///{home(Path.cwd()) / path}")


def tracking_uri(root: Path, named: str | None = None) -> str:
    """The address that `named` (None: what `named_uri` says) means in the project at `root`."""
    uri = named_uri() if named is None else named
    return sqlite_uri(home(root) / "mlflow.db") if uri == OWN_STORE else uri


def sqlite_uri(path: Path) -> str:
    """The address of a SQLite file. Where SQLAlchemy would cut the path, at a question mark, it is SQLite's own."""
    return f"{_FILE}{quote(str(path))}{_QUERY}" if "?" in str(path) else f"sqlite:///{path}"


def sqlite_path(uri: str) -> Path | None:
    """The file that an address means; None if it is no SQLite file."""
    if uri.startswith(_FILE):
        return Path(unquote(uri.removeprefix(_FILE).removesuffix(_QUERY)))
    path = uri.removeprefix("sqlite:///").partition("?")[0]
    return Path(path) if uri.startswith("sqlite:///") and path else None
