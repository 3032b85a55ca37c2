"""Archives as users make them, from names and contents."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

MODES = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}


def pack(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write an archive of the kind that the name says; a name that ends in / is an empty folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    if path.name.endswith(".tar.zst"):
        import pyarrow

        plain = pack(path.with_suffix(""), files)
        with pyarrow.output_stream(str(path), compression="zstd") as stream:
            stream.write(plain.read_bytes())
        plain.unlink()
        return path
    ending = next(each for each in sorted(MODES, key=len, reverse=True) if path.name.lower().endswith(each))
    with tarfile.open(path, MODES[ending]) as archive:
        for name, content in files.items():
            add(archive, name, content)
    return path


def add(archive: tarfile.TarFile, name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, to: str = "") -> None:
    """Add a member of any kind to a .tar."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE if name.endswith("/") else kind
    info.size, info.linkname = len(content), to
    archive.addfile(info, io.BytesIO(content))
