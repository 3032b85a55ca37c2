"""Intake: what lies in data/incoming/<recipe>/ becomes a batch of new rows; what cannot be used is set aside.

    data/incoming/<recipe>/…            files that are offered; moved there whole, or named like UNFINISHED until then
    data/accepted/<recipe>/<batch>/     what was taken in (`chainrule.data.batches`)
    data/rejected/<recipe>/<batch>/     what was set aside: reasons.json, and the files under files/

Everything is copied, hashed and judged in a folder beside the real place first. Then that takes its name in one step,
and only then the originals go. So a kill at any moment loses nothing; the next intake knows by content what is in
already, and removes it from data/incoming without taking it twice.
"""

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from chainrule.data import batches, judging
from chainrule.data.columns import columns
from chainrule.data.judging import Progress
from chainrule.data.normalising import readable
from chainrule.data.reading import reader, takes_along
from chainrule.exporting.signature import version_2
from chainrule.fields.names import tidy
from chainrule.recipes.file import plug_in
from chainrule.system import dvc_lock
from chainrule.system.errors import ChainruleError, DataError
from chainrule.system.files import read_json, write_json

INCOMING, REJECTED = Path("data/incoming"), Path("data/rejected")
PARTIAL, REASONS = ".partial", "reasons.json"
UNFINISHED = (".part", ".tmp", ".partial")


@dataclass(frozen=True)
class Intake:
    """What became of every file that lay in data/incoming; names are paths below it."""

    batch: str | None
    """The batch that was made; None if nothing new could be used."""
    rows: int
    """Rows of it that can be used."""
    accepted: tuple[str, ...]
    repeated: tuple[str, ...]
    """Removed: their content was taken in, or set aside, before."""
    set_aside: dict[str, str]
    """Reason by name."""
    waiting: dict[str, str]
    """Left where it is, and why."""
    aside: Path | None = None
    """The folder in data/rejected that has what was set aside, with the reasons."""
    aside_before: dict[str, Path] = field(default_factory=dict)
    """The same by name for those of `repeated` that an earlier intake set aside."""


@dataclass(frozen=True)
class _Offer:
    """One file that lies in data/incoming, as it was when it was copied."""

    path: Path
    stamp: tuple[int, ...]
    sha256: str


def take_in(
    root: Path,
    recipe: str,
    block: Mapping[str, Any],
    *,
    known: Collection[str] | None = None,
    new_classes: Collection[str] = (),
    progress: Progress | None = None,
) -> Intake:
    """Take in what lies in data/incoming/<recipe>; to be called by one process at a time.

    block: the recipe's block of params.yaml; known: the labels that rows may have, by default `known_labels`;
    new_classes: labels that are welcome although they are new. Raises DataError, with everything left where it was, for
    labels that are neither; ChainruleError if the disk is full.
    """
    place = root / INCOMING / recipe
    accepted = batches.prepare(root, recipe, dvc_lock.read)
    staging = {above: root / above / PARTIAL / recipe for above in (batches.ACCEPTED, REJECTED)}
    for folder in staging.values():
        shutil.rmtree(folder, ignore_errors=True)  # copies that a killed intake left; their originals are in place
    fresh, aside = staging[batches.ACCEPTED], staging[REJECTED]
    try:
        offers, links, waiting = _copy(place, fresh / batches.FILES)
        if not offers and not links:
            return Intake(None, 0, (), (), {}, waiting)
        kind, options = plug_in(block["incoming"], "kind")
        fields = columns(block["task"], block["modality"])
        repeated = _repeated(root, recipe, offers, options, takes_along(kind, fields), judging.belongs(kind))
        for name in repeated:
            (fresh / batches.FILES / name).unlink()
        judged = {name: offer for name, offer in offers.items() if name not in repeated}
        known = known_labels(root, recipe, block) if known is None else known
        welcome = {tidy(label) for label in (*known, *new_classes)}
        misplaced = judging.misplaced(judged, kind, options, welcome)
        _move(misplaced, fresh / batches.FILES, aside / batches.FILES)
        verdict = judging.judge(
            fresh / batches.FILES,
            judged.keys() - misplaced.keys(),
            kind,
            options,
            fields,
            block["clean"]["normalise"],
            block["clean"].get("labels"),
            welcome,
            progress,
        )
        if verdict.unknown or verdict.unmapped:
            raise DataError(judging.unknown_labels(place, recipe, verdict, known))
        for name in verdict.waiting:
            (fresh / batches.FILES / name).unlink()
            offers.pop(name), judged.pop(name)
        waiting |= verdict.waiting
        _move(verdict.broken, fresh / batches.FILES, aside / batches.FILES)
        broken = {**misplaced, **verdict.broken}
        good = {name: offer.sha256 for name, offer in judged.items() if name not in broken}
        now = datetime.now(UTC)
        batch = _name(now, good) if good else None
        if batch is not None:
            about = {"batch": batch, "taken": now.isoformat(timespec="seconds"), "files": good}
            counts = {"rows": verdict.rows, "usable": verdict.usable, "labels": dict(sorted(verdict.labels.items()))}
            write_json(fresh / batches.MANIFEST, {**about, **counts})
        set_aside = {**broken, **links}
        if set_aside:
            sums = {name: judged[name].sha256 if name in judged else None for name in set_aside}
            reasons = {name: {"reason": reason, "sha256": sums[name]} for name, reason in set_aside.items()}
            write_json(aside / REASONS, reasons)
        os.sync()  # the copies are on the disk before the originals go
        if batch is not None:
            _take_name(fresh, accepted / batch)
        if set_aside:
            rejected = root / REJECTED / recipe / (batch or _name(now, sums))
            _take_name(aside, rejected)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ChainruleError(
            f"{place}: cannot be taken in, the disk is full ({error.strerror}); free room on the disk of "
            f"{root / batches.ACCEPTED} and run again. Nothing was lost: what is not taken in is still there"
        ) from None
    finally:
        for folder in staging.values():
            shutil.rmtree(folder, ignore_errors=True)
    _remove(place, offers, links)
    kept = rejected if set_aside else None
    before = {name: folder for name, folder in repeated.items() if folder is not None}
    return Intake(batch, verdict.usable, tuple(sorted(good)), tuple(repeated), set_aside, waiting, kept, before)


def known_labels(root: Path, recipe: str, block: Mapping[str, Any]) -> set[str]:
    """Return the labels that rows may have: those of the recipe's exported model, else of its source; and of batches.

    Raises DataError if the source or a batch's manifest cannot be read.
    """
    signature = root / "models" / "onnx" / recipe / "signature.json"
    if signature.is_file():
        known = {str(label) for label in version_2(read_json(signature))["target"].get("classes", [])}
    else:
        kind, options = plug_in(block["source"], "kind")
        fields = columns(block["task"], block["modality"])
        rows = reader(kind, fields)(root / options.pop("path"), **options)
        values = readable(fields.target.kind, rows[fields.target.name].dropna().unique())
        known = {name for own in fields.target.kind.classes(values) for name in own}
    folder = batches.prepare(root, recipe, dvc_lock.read)
    for name in batches.names(folder):
        known |= batches.manifest(folder / name)["labels"].keys()
    return known


# ---- looking and copying


def _copy(place: Path, to: Path) -> tuple[dict[str, _Offer], dict[str, str], dict[str, str]]:
    """Copy every complete file below `place`; return these, what is no file and what waits, each by name."""
    offers: dict[str, _Offer] = {}
    links: dict[str, str] = {}
    waiting: dict[str, str] = {}
    to.mkdir(parents=True)
    for path in _entries(place):
        name = path.relative_to(place).as_posix()
        if any(part.startswith(".") or part.lower().endswith(UNFINISHED) for part in PurePosixPath(name).parts):
            waiting[name] = "its name says that it is still being written"
            continue
        try:
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):
                links[_printable(name)] = _what(path, found.st_mode)
            elif name != _printable(name):
                waiting[_printable(name)] = "its name is not UTF-8; rename it"
            else:
                copied = _copied(path, to / name)
                if copied is None:
                    (to / name).unlink()
                    waiting[name] = "it changed while it was read"
                else:
                    offers[name] = copied
        except FileNotFoundError:
            continue  # taken away since it was seen
        except PermissionError as error:
            waiting[name] = f"it cannot be read ({error.strerror}); change its permissions"
    return offers, links, waiting


def _entries(place: Path) -> Iterable[Path]:
    """Yield everything below a folder but the folders themselves; links to folders are entries, not followed."""
    for here, below, files in os.walk(place):
        below.sort()
        linked = [name for name in below if (Path(here) / name).is_symlink()]
        yield from (Path(here) / name for name in sorted([*files, *linked]))


def _copied(path: Path, to: Path) -> _Offer | None:
    """Copy a file and hash it on the way; None if it changed meanwhile. No link is followed."""
    to.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as source, open(to, "wb") as target:
        before = _stamp(os.fstat(source.fileno()))
        while chunk := source.read(1 << 20):
            digest.update(chunk)
            target.write(chunk)
        after = _stamp(os.fstat(source.fileno()))
    return _Offer(path, before, digest.hexdigest()) if before == after else None


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def _what(path: Path, mode: int) -> str:
    if stat.S_ISLNK(mode):
        return f"a link to {_printable(os.readlink(path))}; put the file itself there"
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return f"{kinds.get(stat.S_IFMT(mode), 'a device')}, no file"


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


def _repeated(
    root: Path, recipe: str, offers: Mapping[str, _Offer], options: Mapping[str, Any], along: bool, paired: bool
) -> dict[str, Path | None]:
    """Return the offers whose content is in already or comes twice; of what was set aside, the folder it is in.

    along: files of which no pattern tells the name belong to tables; where one of these is new they stay for it.
    paired: files belong to each other, and where one is new all stay; two of one content and other names are two.
    """
    along = along or paired
    seen: dict[tuple[str, str | None], Path | None] = {}
    for reasons in sorted((root / REJECTED / recipe).glob(f"*/{REASONS}")):
        seen |= {
            (_shelf(name, options, along), entry["sha256"]): reasons.parent
            for name, entry in read_json(reasons).items()
        }
    folder = batches.prepare(root, recipe, dvc_lock.read)
    for batch in batches.names(folder):
        files = batches.manifest(folder / batch)["files"]
        seen |= dict.fromkeys(((_shelf(name, options, along), sha256) for name, sha256 in files.items()), None)
    found = {}
    for name, offer in offers.items():
        mark = (_shelf(name, options, along), offer.sha256)
        if mark in seen:
            found[name] = seen[mark]
        seen.setdefault(mark, None)
    if paired:
        return found if found.keys() == offers.keys() else {}
    tables = [name for name in offers if along and batches.key_of(name, options["files"])]
    if found.keys() >= set(tables):
        return found
    return {name: found[name] for name in tables if name in found}


def _shelf(name: str, options: Mapping[str, Any], along: bool) -> str:
    """Return what besides its content makes a file what it is: what `files` takes it for, else the folder it is in.

    Of files whose names say their labels it is that; of those that belong to others (`along`) it is the name itself.
    """
    if options.get("label_pattern") is not None:
        found = re.search(options["label_pattern"], PurePosixPath(name).name)
        return found[1] if found else ""
    if options.get("files") is None:
        return name if along else PurePosixPath(name).parent.as_posix()
    return batches.key_of(name, options["files"]) or (name if along else "")


def _name(now: datetime, sums: Mapping[str, str | None]) -> str:
    listing = "".join(f"{name} {sha256}\n" for name, sha256 in sorted(sums.items()))
    return f"{now:%Y%m%dT%H%M%SZ}-{hashlib.sha256(listing.encode()).hexdigest()[:12]}"


def _move(names: Iterable[str], folder: Path, to: Path) -> None:
    """Move files, and take away the folders that this leaves empty: no source reads an empty folder of a class."""
    for name in names:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).rename(to / name)
    for here, _, _ in os.walk(folder, topdown=False):
        if here != str(folder) and not os.listdir(here):
            os.rmdir(here)


# ---- the last steps


def _take_name(folder: Path, final: Path) -> None:
    final.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(final)


def _remove(place: Path, offers: Mapping[str, _Offer], links: Mapping[str, str]) -> None:
    """Remove the originals of what was copied, unless another file took their place meanwhile."""
    for offer in offers.values():
        try:
            if _stamp(offer.path.lstat()) == offer.stamp:
                offer.path.unlink()
        except FileNotFoundError:
            continue
    for path in list(_entries(place)) if links else []:
        if _printable(path.relative_to(place).as_posix()) in links and not stat.S_ISREG(path.lstat().st_mode):
            path.unlink()
