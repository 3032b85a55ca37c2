"""Folders of the hub's form: config.json, weights, maybe a tokenizer, a README and a licence."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from chainrule.system.errors import DataError
from chainrule.system.files import sha256

CONFIG = "config.json"
README = "README.md"
# The first words of a licence's text that name it, as the hub writes it.
_KINDS = {
    "apache license": "apache-2.0",
    "mit license": "mit",
    "permission is hereby granted, free of charge": "mit",
    "bsd 3-clause": "bsd-3-clause",
    "redistribution and use in source and binary forms": "bsd-3-clause",
    "gnu general public license": "gpl",
}
_LOOKED_AT = 4000


class Folder(NamedTuple):
    """A folder with a model's files; revision: the commit of the hub that they are of, where that is known."""

    path: Path
    revision: str | None = None


def beside(root: Path, place: str, name: str) -> Folder | None:
    """Return the folder that a name means on this machine, or None where the hub is to be asked.

    A name is a path, absolute or from the project's, or one below `models/<place>`. Raises DataError for a folder
    without config.json, and for a path where there is nothing: the hub knows no such names.
    """
    folders = [root / Path(name).expanduser(), root / "models" / place / name]
    for folder in folders:
        if (folder / CONFIG).is_file():
            return Folder(folder)
    for folder in folders:
        if folder.is_dir():
            raise DataError(f"base.name: {name}: {folder} has no {CONFIG}; a folder of the hub's form is needed")
    if name.startswith(("/", "./", "../", "~")) or name.count("/") > 1:
        raise DataError(f"base.name: {name}: no such folder; one with {CONFIG} and weights is needed")
    return None


def config(folder: Path) -> dict[str, Any]:
    """Return the content of config.json; DataError if it is none."""
    path = folder / CONFIG
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); bring the file again") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: not a configuration; bring the file again")
    return found


def sums(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file by name."""
    return {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.is_file()}


def licence(folder: Path) -> str | None:
    """Return the licence that the model's page names, or that a file holds the text of; None where neither says."""
    readme = folder / README
    if readme.is_file():
        text = readme.read_text(encoding="utf-8", errors="replace")
        matter = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
        said = re.search(r"^license:\s*['\"]?([\w.+-]+)", matter[1], re.MULTILINE) if matter else None
        if said:
            return said[1]
    for path in sorted(folder.glob("LICEN[CS]E*")):
        text = " ".join(path.read_text(encoding="utf-8", errors="replace")[:_LOOKED_AT].lower().split())
        for words, kind in _KINDS.items():
            if words in text:
                return kind
    return None
