"""Trees of files: a folder on the disk, an archive of one, or a folder of archives, all looked at and read alike."""

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from chainrule.data.formats import archives
from chainrule.data.formats.folders import TOP, Folder, Looked, hidden, part_of
from chainrule.system.errors import DataError


class File(NamedTuple):
    """A file of a tree: its path from the top, where it is to be found, and why it cannot be read, if so."""

    name: PurePosixPath
    origin: str
    problem: str | None = None


class Tree(Looked, Protocol):
    """Folders and files below `path`; they are named by their paths from there."""

    def below(self, folder: PurePosixPath) -> tuple[list[File], int]:
        """Return every file below a folder, and how many entries are hidden."""

    def contents(self, files: Collection[File]) -> Iterator[tuple[File, bytes | str]]:
        """Yield each of the files with its bytes, or with why they cannot be read, in the order they are stored in."""


def plant(path: Path, section: str, what: str) -> Tree:
    """Return the tree of a source: of a folder, of an archive, or of the archives that lie in a folder without folders.

    Of several archives each is a folder that is called like it. section: the block of params.yaml that messages name;
    `what`: what its path must name. Raises DataError for anything else, and for an archive that is not to be trusted.
    """
    if path.is_file() and archives.stem(path.name):
        return Packed.of(path, {"": path}, Folder([], [], 0))
    if not path.is_dir():
        kind = "a file, neither a folder nor an archive" if path.is_file() else "no such file or directory"
        raise DataError(f"{path}: {kind}; {section}.path must name {what}")
    folder = Directory(path)
    top = folder.look(TOP)
    packed = {name: stem for name in top.files if (stem := archives.stem(name))}
    if section != "source" or not packed:
        return folder
    if top.folders:
        if mixed := [name for name, stem in packed.items() if part_of(stem)]:
            raise DataError(
                f"{path / mixed[0]}: named like a part of the split, beside folders ({', '.join(top.folders[:3])}); "
                "unpack it, or take it away if it is unpacked already"
            )
        return folder
    loose = [name for name in top.files if name not in packed]
    if len(packed) == 1:
        return Packed.of(path, {"": path / next(iter(packed))}, Folder([], loose, top.hidden))
    if len(set(packed.values())) < len(packed):
        raise DataError(f"{path}: two archives are called alike ({', '.join(packed)}); take one of them away")
    return Packed.of(path, {stem: path / name for name, stem in packed.items()}, Folder([], loose, top.hidden))


# ---- on the disk


@dataclass(frozen=True)
class Directory:
    """A folder on the disk. A link to a folder is a folder to `look`, and a file that cannot be read to `below`."""

    path: Path

    def look(self, folder: PurePosixPath) -> Folder:
        """Return what lies in a folder."""
        place = self.path / folder
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(f"{place}: cannot be read ({error.strerror}); check the folder's permissions") from error
        shown = [entry for entry in entries if not hidden(entry.name)]
        names = {entry.name for entry in shown if _is_folder(entry)}
        return Folder(
            [entry.name for entry in shown if entry.name in names],
            [entry.name for entry in shown if entry.name not in names],
            len(entries) - len(shown),
        )

    def below(self, folder: PurePosixPath) -> tuple[list[File], int]:
        """Return every file below a folder, and how many entries are hidden."""
        found: list[File] = []
        count = 0
        for here, below, names in os.walk(self.path / folder, onerror=_refuse):
            names += [name for name in below if os.path.islink(os.path.join(here, name))]
            count += sum(map(hidden, {*below, *names}))
            below[:] = [name for name in below if not hidden(name)]
            inside = PurePosixPath(os.path.relpath(here, self.path))
            for name in names:
                if not hidden(name):
                    own = inside / name
                    found.append(File(own, printable(own.as_posix()), _problem(os.path.join(here, name))))
        return found, count

    def contents(self, files: Collection[File]) -> Iterator[tuple[File, bytes | str]]:
        """Yield each of the files with its bytes."""
        for file in files:
            place = self.path / file.name
            try:
                yield file, place.read_bytes()
            except OSError as error:
                raise DataError(f"{place}: cannot be read ({error.strerror}); check the file's permissions") from error


def printable(name: str) -> str:
    """Return a file's name with bytes that are not UTF-8 written out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot be read ({error.strerror}); check the folder's permissions")


def _problem(file: str) -> str | None:
    """Return why a file is not even read."""
    if file != printable(file):
        return "undecodable_name: not UTF-8, rename it"
    try:
        mode = os.stat(file).st_mode
    except OSError as error:  # ENOENT, or ELOOP for a link to itself
        if not os.path.islink(file):
            raise DataError(f"{file}: cannot be read ({error.strerror}); check the file's permissions") from error
        return f"broken_link: to {printable(os.readlink(file))}"
    return None if stat.S_ISREG(mode) else "not_a_file"


# ---- in archives


class _Stored(NamedTuple):
    """Where a file of a packed tree is: in which archive, as which member."""

    archive: Path
    member: archives.Member


@dataclass(frozen=True)
class Packed:
    """What archives hold, read as a stream: nothing is unpacked to the disk."""

    path: Path
    folders: dict[PurePosixPath, Folder]
    stored: dict[PurePosixPath, _Stored]

    @classmethod
    def of(cls, path: Path, packed: dict[str, Path], beside: Folder) -> "Packed":
        """Return the tree of archives by the folder that each is ("": it is the tree); `beside`: what lies with them.

        A folder in which an archive has all of its content is left out of the names. Raises DataError, before anything
        is read, for an archive that is not to be trusted (`archives.members`).
        """
        folders: dict[PurePosixPath, Folder] = {}
        stored: dict[PurePosixPath, _Stored] = {}
        _add(folders, TOP, beside.files, beside.hidden)
        for stem, archive in packed.items():
            within = _index(archives.members(archive))
            top = _content(within, stem)
            for place, found in within.items():
                if place == top or top in place.parents:
                    own = TOP / stem / place.relative_to(top)
                    _add(folders, own, list(found.files), found.hidden)
                    stored |= {own / name: _Stored(archive, member) for name, member in found.files.items()}
                elif place in top.parents:  # what lies beside the folder with all the content
                    _add(folders, TOP / stem, list(found.files), found.hidden)
                    stored |= {TOP / stem / name: _Stored(archive, found.files[name]) for name in found.files}
        return cls(path, folders, stored)

    def look(self, folder: PurePosixPath) -> Folder:
        """Return what lies in a folder."""
        return self.folders[folder]

    def below(self, folder: PurePosixPath) -> tuple[list[File], int]:
        """Return every file below a folder, and how many entries are hidden."""
        found: list[File] = []
        count = 0
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            held = self.folders[here]
            count += held.hidden
            waiting += [here / name for name in held.folders]
            found += [self._file(here / name) for name in held.files if here / name in self.stored]
        return found, count

    def contents(self, files: Collection[File]) -> Iterator[tuple[File, bytes | str]]:
        """Yield each of the files with its bytes, or with why they cannot be read, archive by archive."""
        wanted: dict[Path, dict[archives.Member, File]] = {}
        for file in files:
            archive, member = self.stored[file.name]
            wanted.setdefault(archive, {})[member] = file
        for archive, own in wanted.items():
            for member, content in archives.contents(archive, own):
                yield own[member], content

    def _file(self, name: PurePosixPath) -> File:
        archive, member = self.stored[name]
        problem = None if member.name == printable(member.name) else "undecodable_name: not UTF-8, rename it"
        return File(name, printable(f"{archive.name}/{member.name}"), problem)


class _Held(NamedTuple):
    """What lies in a folder of an archive."""

    folders: set[str]
    files: dict[str, archives.Member]
    hidden_names: set[str]

    @property
    def hidden(self) -> int:
        return len(self.hidden_names)


def _index(members: Collection[archives.Member]) -> dict[PurePosixPath, _Held]:
    """Return what lies in each folder that is not hidden."""
    found: dict[PurePosixPath, _Held] = {TOP: _Held(set(), {}, set())}
    for member in members:
        here = TOP
        *above, name = PurePosixPath(member.name).parts
        for each in above if not member.is_folder else (*above, name):
            if hidden(each):
                found[here].hidden_names.add(each)
                break
            found[here].folders.add(each)
            here = here / each
            found.setdefault(here, _Held(set(), {}, set()))
        else:
            if member.is_folder:
                continue
            if hidden(name):
                found[here].hidden_names.add(name)
            else:
                found[here].files[name] = member
    return found


def _content(within: dict[PurePosixPath, _Held], stem: str) -> PurePosixPath:
    """Return the folder that has all of an archive's content: down while there is but one, and it has folders."""
    top = TOP
    while len(within[top].folders) == 1:
        (name,) = within[top].folders
        if not within[top / name].folders and name != stem:
            break
        top = top / name
    return top


def _add(folders: dict[PurePosixPath, Folder], place: PurePosixPath, files: list[str], hidden_count: int) -> None:
    """Put a folder and what lies in it into the folders of a tree, and its name into the folder above."""
    before = folders.get(place, Folder([], [], 0))
    folders[place] = Folder(before.folders, sorted([*before.files, *files]), before.hidden + hidden_count)
    if place != TOP:
        above = folders.get(place.parent)
        if above is None:
            _add(folders, place.parent, [], 0)
            above = folders[place.parent]
        if place.name not in above.folders:
            folders[place.parent] = above._replace(folders=sorted([*above.folders, place.name]))
