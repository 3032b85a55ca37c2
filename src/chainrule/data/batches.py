"""Batches: rows that were taken in after the source's, each batch whole in a folder of its own.

data/accepted/<recipe>/README.md               for whoever finds the folder
                       <batch>/manifest.json   when it came, its rows, and the sha256 of every file
                       <batch>/files/          the files, exactly as they came
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from chainrule.system.errors import DataError
from chainrule.system.files import read_json, sha256

if TYPE_CHECKING:
    import pandas as pd

ACCEPTED = Path("data/accepted")
MANIFEST, FILES = "manifest.json", "files"
NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}")
"""UTC time at which it was taken in, and the beginning of the digest of its files: sorted by name is sorted by time."""
README = """\
Rows that were taken in after the source's, one folder per batch, exactly as they came. DVC keeps this folder:
`dvc.lock` says what belongs in it. `ingest` reads every batch. To take one out, remove its folder and run
`dvc repro`; to add one, put files into data/incoming/ and run `python -m pipelines.retrain`.
"""


def prepare(root: Path, recipe: str, read_lock: Callable[[Path], Mapping[str, Any]]) -> Path:
    """Return the folder of the recipe's batches, made if this is the first time.

    read_lock: returns what a project's dvc.lock records (`chainrule.system.dvc_lock.read`). Raises DataError if the
    folder is missing although dvc.lock names batches in it: an empty one in its place would lose them.
    """
    folder = root / ACCEPTED / recipe
    if not folder.is_dir():
        count = _recorded_files(read_lock(root), recipe)
        if count > 1:
            raise DataError(
                f"{folder}: missing, and dvc.lock names {count} files in it; `dvc checkout {ACCEPTED / recipe}` brings "
                "them (after `dvc fetch`, if they are not in this cache), an empty folder there gives them up"
            )
        folder.mkdir(parents=True)
    readme = folder / "README.md"
    if not readme.is_file():
        readme.write_text(README, encoding="utf-8")
    return folder


def _recorded_files(lock: Mapping[str, Any], recipe: str) -> int:
    """Return how many files dvc.lock says that the folder holds; the README is one."""
    outs = lock.get(f"accept@{recipe}", {}).get("outs", [])
    return max((int(out.get("nfiles", 0)) for out in outs), default=0)


def names(folder: Path) -> list[str]:
    """Return the names of the batches in a recipe's folder, oldest first; DataError for anything that is none."""
    found = sorted(path.name for path in folder.iterdir() if path.name != "README.md" and not path.name.startswith("."))
    for name in found:
        if not NAME.fullmatch(name):
            raise DataError(
                f"{folder / name}: no batch; take it away, and put files that are to be taken in into data/incoming"
            )
    return found


def manifest(batch: Path) -> dict[str, Any]:
    """Return what a batch says about itself; DataError if it says nothing that can be read."""
    content = read_json(batch / MANIFEST)
    if not isinstance(content, dict) or not isinstance(content.get("files"), dict) or "rows" not in content:
        raise DataError(f"{batch / MANIFEST}: not a batch's manifest; restore the folder with `dvc checkout {batch}`")
    return content


def check(batch: Path) -> dict[str, Any]:
    """Return the batch's manifest; DataError unless its files are exactly those that were taken in."""
    content = manifest(batch)
    restore = f"restore the folder with `dvc checkout {batch}`, or remove it to take the batch out"
    present = {path.relative_to(batch / FILES).as_posix(): path for path in files_below(batch / FILES)}
    for name in sorted(present.keys() ^ content["files"].keys()):
        fault = "missing" if name in content["files"] else f"not in {MANIFEST}"
        raise DataError(f"{batch / FILES / name}: {fault}; {restore}")
    for name, path in present.items():
        if sha256(path) != content["files"][name]:
            raise DataError(f"{path}: changed since it was taken in; {restore}")
    return content


def files_below(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder that is no folder, sorted."""
    for here, folders, found in os.walk(folder):
        folders.sort()
        yield from (Path(here) / name for name in sorted(found))


Read = Callable[..., "pd.DataFrame"]


def pieces(folder: Path, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return by name what of a batch's files is read at once: file name, or "" for the whole; with the options for it.

    A source whose options name files (patterns, such as *.csv) reads one file at a time, any other the whole folder.
    Files that no pattern names are left out.
    """
    patterns = options.get("files")
    options = {**options, "section": "incoming"}
    if patterns is None:
        return {"": options}
    found = {}
    for path in files_below(folder):
        name = path.relative_to(folder).as_posix()
        key = key_of(name, patterns)
        if key is not None:
            found[name] = {**options, "files": {key: name}}
    return found


def key_of(name: str, patterns: Mapping[str, str]) -> str | None:
    """Return the key of the first pattern that a file's name fits; None if it fits none."""
    return next((key for key, pattern in patterns.items() if fnmatchcase(name, pattern)), None)


def read(batch: Path, read_rows: Read, options: Mapping[str, Any]) -> "pd.DataFrame":
    """Return the raw rows of a batch, in the order of its files, named apart from all others.

    read_rows: `read` of a source plug-in; options: its options beside the path. The digest of its content stands before
    every `id`, and before a `group` that is a row's own; one that means something (a person) is left as it is. Raises
    DataError as the plug-in does, and for a batch without rows.
    """
    import pandas as pd

    frames: list[pd.DataFrame] = []
    for piece, chosen in pieces(batch / FILES, options).items():
        rows = read_rows(batch / FILES, **chosen)
        # Not the time: the split of a row must not depend on when it came.
        digest = batch.name.rpartition("-")[2]
        before = f"{digest}/{piece}/" if piece else f"{digest}/"
        own = [is_own(group, row) for group, row in zip(rows["group"], rows["id"], strict=True)]
        rows["group"] = rows["group"].mask(pd.Series(own, index=rows.index), before + rows["group"])
        frames.append(rows.assign(id=before + rows["id"], origin=f"{batch.name}/" + rows["origin"]))
    if not frames:
        raise DataError(f"{batch}: no file of it is one of `incoming.files`; correct these, or remove the folder")
    return joined(frames)


def joined(frames: Sequence["pd.DataFrame"]) -> "pd.DataFrame":
    """Return frames of rows as one; what their sources counted is added up, counts by name by name, as are tuples."""
    import pandas as pd

    if len(frames) == 1:
        return frames[0]
    rows = pd.concat(frames, ignore_index=True)
    rows.attrs = _sum([frame.attrs for frame in frames])
    return rows


def _sum(counts: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
    total: dict[Any, Any] = {}
    for each in counts:
        for key, count in each.items():
            if isinstance(count, Mapping):
                total[key] = _sum([total.get(key, {}), count])
            else:
                total[key] = total[key] + count if key in total else count
    return total


def is_own(group: str, row: str) -> bool:
    """Whether a group is one row's own: the row's id, or that without a file's ending."""
    return group in (row, row.removesuffix(PurePosixPath(row).suffix))
