"""What passes between stages: Parquet rows and JSON, with the same bytes for the same content, and hashes of files."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def write_rows(path: Path, rows: "pd.DataFrame") -> None:
    """Write rows as Parquet (zstd), without the index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.to_parquet(path, index=False, compression="zstd")


def read_rows(path: Path, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """Read rows from Parquet; DataError when the file is missing or is not Parquet."""
    import pandas as pd
    import pyarrow

    if not path.is_file():
        raise DataError(f"{path}: not found; run `dvc repro`, which makes it")
    try:
        return pd.read_parquet(path, columns=list(columns) if columns else None)
    except pyarrow.ArrowInvalid as error:
        raise DataError(f"{path}: not readable as Parquet ({error}); delete it and run `dvc repro`") from None


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys; NaN and infinities are refused (ValueError), no strict reader takes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read JSON; DataError when the file is missing or is not JSON."""
    if not path.is_file():
        raise DataError(f"{path}: not found; run `dvc repro`, which makes it")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON ({error}); delete it and run `dvc repro`") from None


def sha256(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove(path: Path) -> None:
    """Remove whatever stands at a path: a file, a link, a directory with all that is in it, or nothing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def disk_is_full(error: BaseException) -> bool:
    """Return whether an error, or one that led to it, says that no room is left; some libraries use words alone."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if os.strerror(errno.ENOSPC) in str(cause):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
