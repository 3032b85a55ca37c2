"""Archives (.zip, .tar, .tar.gz, …) as streams: what they hold is checked first, and nothing is unpacked to the disk.

An archive comes from anywhere. Every member's name, kind and size is looked at before one is read; an archive with a
member that leaves its folder, is a link, or is larger than any data set's is refused as a whole, by that member's name.
"""

import bz2
import gzip
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path, PureWindowsPath
from typing import IO, NamedTuple, cast

from chainrule.data.formats import text as encodings
from chainrule.system.errors import DataError

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")
MOST_MEMBERS = 1_000_000
MOST_BYTES = 64 << 30
"""Of all members together: they are held in memory."""
MOST_BYTES_OF_ONE = 1 << 30
"""Of one member: a photograph has ten million."""
MOST_RATIO, SMALL = 200, 64 << 20
"""Bytes unpacked for each byte packed, beyond the first SMALL: photographs have 1, texts 3 to 10, blank images 100."""
_BROKEN = (
    *(EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, struct.error, OSError, ValueError),
    *(NotImplementedError, RuntimeError, OverflowError, MemoryError),
)
_CHUNK = 1 << 20


class Member(NamedTuple):
    """A file or folder of an archive: its name from the top, where it begins, how many bytes it has."""

    name: str
    is_folder: bool
    at: int
    """Of a .zip its place in the directory, of a .tar the byte of the unpacked stream."""
    size: int


def stem(name: str) -> str | None:
    """Return the name of an archive without its ending, in any letter case; None if it is not called like one."""
    ending = max((each for each in ENDINGS if name.lower().endswith(each)), key=len, default=None)
    return name[: -len(ending)] if ending else None


def members(path: Path) -> list[Member]:
    """Return what an archive holds, in its order, with names that stay below it.

    Raises DataError, before a member's content is read, for a file that is no archive or cut short, and one with a
    member that is a link, a device, locked by a password, stored twice, names a place outside, or makes the archive
    unpack to more than MOST_BYTES_OF_ONE, MOST_BYTES, MOST_MEMBERS or MOST_RATIO.
    """
    found: list[Member] = []
    seen: set[str] = set()
    total, packed = 0, path.stat().st_size
    try:
        for name, member, fault in _zip_members(path) if _is_zip(path) else _tar_members(path):
            total += member.size
            fault = fault or _fault(name, member, total, len(found), packed)
            if fault is None and member.name in seen and not member.is_folder:
                fault = "stored twice; pack the files anew"
            if fault is not None:
                raise DataError(f"{path}: {_shown(name)}: {fault}")
            if member.name:
                seen.add(member.name)
                found.append(member)
    except _BROKEN as error:
        after = f" behind {_shown(found[-1].name)}" if found else ""
        raise DataError(f"{path}: no archive, truncated or corrupt{after} ({_line(error)}); fetch it again") from None
    return found


def contents(path: Path, wanted: Collection[Member]) -> Iterator[tuple[Member, bytes | str]]:
    """Yield members of an archive with their bytes, in the archive's order; of one that is damaged, with what is wrong.

    Raises DataError where the archive itself cannot be read on.
    """
    try:
        yield from (_zip_contents if _is_zip(path) else _tar_contents)(path, wanted)
    except _BROKEN as error:
        raise DataError(f"{path}: truncated or corrupt ({_line(error)}); fetch it again") from None


def _fault(name: str, member: Member, total: int, count: int, packed: int) -> str | None:
    """Return why an archive with this member, and so many bytes up to it, is not to be trusted."""
    if name.startswith(("/", "\\")) or PureWindowsPath(name).drive:
        return "an absolute path, which would lie outside; refused, pack the files by their paths from one folder"
    if ".." in name.replace("\\", "/").split("/"):
        return "leaves its folder by '..'; refused, pack the files by their paths from one folder"
    if member.size > MOST_BYTES_OF_ONE:
        return f"{member.size:,} bytes, no file of a data set has over {MOST_BYTES_OF_ONE:,}; refused, take it out"
    if total > MOST_BYTES or count >= MOST_MEMBERS:
        return (
            f"the archive unpacks to over {MOST_BYTES:,} bytes or {MOST_MEMBERS:,} files; refused, unpack it yourself"
        )
    if total > SMALL and total > MOST_RATIO * packed:
        return (
            f"up to here {packed:,} bytes unpack to {total:,}, over {MOST_RATIO} times as many, as in an archive made "
            "to fill a disk; refused, unpack it yourself if you trust it"
        )
    return None


def _shown(name: str) -> str:
    return repr(os.fsencode(name).decode("utf-8", "backslashreplace"))


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _tidy(name: str) -> str:
    """Return the path of a member without steps that mean nothing."""
    return "/".join(each for each in name.split("/") if each not in ("", "."))


# ---- .zip


def _is_zip(path: Path) -> bool:
    return path.name.lower().endswith(".zip")


def _zip_members(path: Path) -> Iterator[tuple[str, Member, str | None]]:
    """Yield the name of each member as it is stored, the member, and why it is refused."""
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        names = _zip_names(path, infos)
        windows = not any("/" in name for name in names)  # some packers of Windows write their own separator
        for at, (info, name) in enumerate(zip(infos, names, strict=True)):
            own = name.replace("\\", "/") if windows else name
            member = Member(_tidy(own), own.endswith("/"), at, info.file_size)
            yield name, member, _zip_fault(info)


def _zip_fault(info: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind and kind not in (stat.S_IFREG, stat.S_IFDIR):
        return "a link or a device; refused, pack the file itself"
    if info.flag_bits & 1:
        return "locked by a password; unpack it yourself"
    if info.file_size > SMALL and info.file_size > MOST_RATIO * max(1, info.compress_size):
        return f"{info.compress_size:,} bytes that unpack to {info.file_size:,}; refused, take it out"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        return f"packed by a method ({info.compress_type}) that Python has not; unpack it and pack it anew"
    return None


def _zip_names(path: Path, infos: list[zipfile.ZipInfo]) -> list[str]:
    """Return the names of a .zip's members; those not marked as UTF-8 are in the encoding of whoever packed them."""
    marked = 0x800
    bare = b"\n".join(info.filename.encode("cp437") for info in infos if not info.flag_bits & marked)
    if not bare or bare.isascii():
        return [info.filename for info in infos]
    try:
        bare.decode("utf-8")
        encoding = "utf-8"
    except UnicodeDecodeError:
        (_, encoding) = next(iter(encodings.decoded({f"{path} (its names)": bare}, None, "nothing").values()))
    return [
        info.filename if info.flag_bits & marked else info.filename.encode("cp437").decode(encoding, "surrogateescape")
        for info in infos
    ]


def _zip_contents(path: Path, wanted: Collection[Member]) -> Iterator[tuple[Member, bytes | str]]:
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        for member in sorted(wanted, key=lambda member: member.at):
            try:
                yield member, archive.read(infos[member.at])
            except _BROKEN as error:
                yield member, f"damaged_in_archive: {_line(error)}"


# ---- .tar


def _tar_stream(path: Path) -> IO[bytes]:
    """Return the unpacked stream of a .tar by how its file begins."""
    with open(path, "rb") as file:
        begin = file.read(6)
    if begin.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if begin.startswith(b"BZh"):
        return bz2.open(path, "rb")
    if begin.startswith(b"\xfd7zXZ"):
        return lzma.open(path, "rb")
    if begin.startswith(b"\x28\xb5\x2f\xfd"):
        import pyarrow  # Python has no zstd before 3.14

        stream: IO[bytes] = pyarrow.input_stream(str(path), compression="zstd")
        return stream
    return open(path, "rb")


def _tar_members(path: Path) -> Iterator[tuple[str, Member, str | None]]:
    """Yield the name of each member as it is stored, the member, and why it is refused."""
    with _tar_stream(path) as stream, tarfile.open(fileobj=stream, mode="r|", errors="surrogateescape") as archive:
        for info in archive:
            fault = None
            if not (info.isreg() or info.isdir()) or info.issparse():
                what = "a link" if info.issym() or info.islnk() else "a device, a pipe or a file with holes"
                fault = f"{what}; refused, pack the file itself"
            yield info.name, Member(_tidy(info.name), info.isdir(), info.offset_data, info.size), fault


def _tar_contents(path: Path, wanted: Collection[Member]) -> Iterator[tuple[Member, bytes | str]]:
    at = 0
    with _tar_stream(path) as stream:
        for member in sorted(wanted, key=lambda member: member.at):
            while at < member.at:
                skipped = len(stream.read(min(_CHUNK, member.at - at)))
                if not skipped:
                    raise EOFError("it ends before its last file")
                at += skipped
            content = stream.read(member.size)
            if len(content) < member.size:
                raise EOFError("it ends within a file")
            at += len(content)
            yield member, content
