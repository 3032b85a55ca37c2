"""Archives: read as streams, like the folders they hold, and refused before a byte of a member is unpacked."""

import io
import os
import stat
import struct
import tarfile
import zipfile
from pathlib import Path
from random import Random

import pytest

from chainrule.data.formats import archives
from chainrule.data.sources import image_folder
from chainrule.system.errors import DataError
from packing import add, pack

FILES = {
    f"{part}/{label}/{n}.png": f"{part} {label} {n}".encode()
    for part in ("train", "test")
    for label in "ab"
    for n in (1, 2)
}
LITTER = {"__MACOSX/train/a/._1.png": b"", "train/.DS_Store": b"", "train/a/Thumbs.db": b"", "train/readme.txt": b""}


def unpacked(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("ending", [".zip", ".ZIP", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst"])
@pytest.mark.parametrize("above", ["", "set/", "./set/"])
def test_an_archive_reads_as_the_folder_it_holds(tmp_path: Path, ending: str, above: str) -> None:
    folder = image_folder.read(unpacked(tmp_path / "f", FILES | LITTER), group_pattern=None)
    packed = pack(tmp_path / f"set{ending}", {above + name: content for name, content in (FILES | LITTER).items()})
    frame = image_folder.read(packed, group_pattern=None)
    assert frame.drop(columns="origin").equals(folder.drop(columns="origin"))
    assert (
        frame.attrs
        == folder.attrs
        == {
            "hidden_files": 3,
            "loose_files": 1,
            "parts": {"train as train": 4, "test as test": 4},
        }
    )
    assert frame["origin"][0] == f"set{ending}/{above.removeprefix('./')}test/a/1.png"


@pytest.mark.parametrize("inside", ["", "train/", "cifar/"])
def test_archives_in_a_folder_are_the_folders_they_are_called_like(tmp_path: Path, inside: str) -> None:
    for part in ("train", "test"):
        own = {name.removeprefix(f"{part}/"): content for name, content in FILES.items() if name.startswith(part)}
        within = inside.replace("train", part)
        pack(tmp_path / f"{part}.tar.gz", {f"{within}{name}": content for name, content in own.items()})
    (tmp_path / "LICENSE.txt").write_text("free")
    frame = image_folder.read(tmp_path, group_pattern=None)
    assert dict(zip(frame["id"], frame["image"], strict=True)) == FILES
    assert frame["part"].tolist() == ["test"] * 4 + ["train"] * 4
    assert frame.attrs["loose_files"] == 1


def test_an_archive_per_class_is_a_class(tmp_path: Path) -> None:
    pack(tmp_path / "cat.zip", {"cat/1.png": b"1", "cat/2.png": b"2"})
    pack(tmp_path / "dog.zip", {"1.png": b"3"})
    frame = image_folder.read(tmp_path, group_pattern=None)
    assert frame[["id", "label"]].to_numpy().tolist() == [
        ["cat/1.png", "cat"],
        ["cat/2.png", "cat"],
        ["dog/1.png", "dog"],
    ]


def test_archives_beside_folders_are_loose_but_not_if_they_are_parts(tmp_path: Path) -> None:
    unpacked(tmp_path, {"cat/1.png": b"1", "dog/1.png": b"2"})
    pack(tmp_path / "backup.zip", {"x/1.png": b"1"})
    assert image_folder.read(tmp_path, group_pattern=None).attrs["loose_files"] == 1
    pack(tmp_path / "test.zip", {"cat/1.png": b"1"})
    with pytest.raises(DataError, match=r"test\.zip: named like a part of the split, beside folders .*unpack it"):
        image_folder.read(tmp_path, group_pattern=None)


def test_names_in_the_encoding_of_whoever_packed_them_are_read(tmp_path: Path) -> None:
    for number, encoding in enumerate(("gb18030", "utf-8")):
        path = tmp_path / f"{number}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("动物的照片/小猫/图片.png", "动物的照片/小狗/图片.png"):
                info = zipfile.ZipInfo(name.encode(encoding).decode("cp437"))
                archive.writestr(info, b"x")
        path.write_bytes(_unmarked(path.read_bytes()))
        assert image_folder.read(path, group_pattern=None)["label"].tolist() == ["小狗", "小猫"]


def _unmarked(data: bytes) -> bytes:
    """Return a .zip with its names in the bytes that Python took for cp437, not marked as UTF-8: as others pack."""
    out, directory = bytearray(), bytearray()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        count = len(archive.infolist())
        for info in archive.infolist():
            name, content = info.filename.encode("cp437"), archive.read(info)
            head = (20, 0, 0, 0, 33, info.CRC, len(content), len(content), len(name), 0)
            directory += struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, *head, 0, 0, 0, 0, len(out)) + name
            out += struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", *head) + name + content
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(out), 0)
    return bytes(out + directory + end)


def tar_with(path: Path, *members: tuple[str, bytes, str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        add(archive, "cat/1.png", b"1")
        for name, kind, to in members:
            add(archive, name, kind=kind, to=to)
    return path


@pytest.mark.parametrize(
    ("name", "kind", "to", "said"),
    [
        ("cat/../../evil.png", tarfile.REGTYPE, "", r"'cat/\.\./\.\./evil\.png': leaves its folder by '\.\.'"),
        ("/etc/evil.png", tarfile.REGTYPE, "", r"'/etc/evil\.png': an absolute path"),
        ("C:\\evil.png", tarfile.REGTYPE, "", "an absolute path"),
        ("cat/2.png", tarfile.SYMTYPE, "/etc/passwd", r"'cat/2\.png': a link"),
        ("cat/2.png", tarfile.LNKTYPE, "cat/1.png", r"'cat/2\.png': a link"),
        ("cat/2.png", tarfile.CHRTYPE, "", r"'cat/2\.png': a device"),
        ("cat/1.png", tarfile.REGTYPE, "", r"'cat/1\.png': stored twice"),
    ],
)
def test_a_tar_with_a_member_that_is_not_to_be_trusted_is_refused(
    tmp_path: Path, name: str, kind: bytes, to: str, said: str
) -> None:
    with pytest.raises(DataError, match=said) as error:
        image_folder.read(tar_with(tmp_path / "x.tar.gz", (name, kind, to)), group_pattern=None)
    assert "\n" not in str(error.value)


def test_a_zip_with_a_link_or_a_way_out_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("cat/2.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    for member, said in ((link, "a link or a device"), (zipfile.ZipInfo("..\\..\\evil.png"), "leaves its folder")):
        with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
            archive.writestr(member, b"/etc/passwd")
        with pytest.raises(DataError, match=said):
            image_folder.read(tmp_path / "x.zip", group_pattern=None)


def test_bombs_are_refused_by_what_they_declare(tmp_path: Path) -> None:
    """A member of 2 GiB is named though the file ends behind its header, and 128 MiB of blanks in 130 kB are too."""
    with tarfile.open(tmp_path / "big.tar", "w") as archive:
        add(archive, "cat/1.png", b"1")
    huge = tarfile.TarInfo("cat/2.png")
    huge.size = 2 << 30
    (tmp_path / "big.tar").write_bytes((tmp_path / "big.tar").read_bytes()[:1024] + huge.tobuf())
    with pytest.raises(DataError, match=r"'cat/2\.png': 2,147,483,648 bytes"):
        archives.members(tmp_path / "big.tar")
    blank = pack(tmp_path / "blank.zip", {"cat/1.bmp": bytes(128 << 20)})
    with pytest.raises(DataError, match=r"blank\.zip: 'cat/1\.bmp': .* bytes that unpack to 134,217,728; refused"):
        archives.members(blank)


def test_what_is_no_archive_or_cut_short_is_named(tmp_path: Path) -> None:
    files = {f"{label}/{n}.png": os.urandom(3000) for label in ("cat", "dog") for n in range(5)}
    for ending in (".zip", ".tar", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst"):
        whole = pack(tmp_path / f"whole{ending}", files).read_bytes()
        for name, content in (("cut", whole[: len(whole) // 2]), ("text", b"no archive at all" * 100), ("empty", b"")):
            (tmp_path / f"{name}{ending}").write_bytes(content)
            with pytest.raises(
                DataError, match=rf"{name}{ending}: (no archive, )?(truncated|.*holds no class folders)"
            ):
                image_folder.read(tmp_path / f"{name}{ending}", group_pattern=None)


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz", ".tar.xz", ".tar.zst"])
def test_damage_anywhere_is_one_line_or_rows(tmp_path: Path, ending: str) -> None:
    whole = pack(tmp_path / f"whole{ending}", FILES).read_bytes()
    random = Random(ending)
    said = []
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(random.choice([1, 3, 20])):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        (tmp_path / f"x{ending}").write_bytes(damaged)
        try:
            image_folder.read(tmp_path / f"x{ending}", group_pattern=None)
        except DataError as error:
            said.append(str(error))
    assert said
    assert not any("\n" in line for line in said)


def test_a_damaged_member_of_a_zip_is_a_row_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("cat/1.png", b"sound")
        archive.writestr("dog/1.png", b"broken")
    path.write_bytes(path.read_bytes().replace(b"broken", b"brOken", 1))
    frame = image_folder.read(path, group_pattern=None)
    assert frame["image"].tolist() == [b"sound", b""]
    assert frame["problem"][1].startswith("damaged_in_archive: Bad CRC-32")


@pytest.mark.skipif("CHAINRULE_REAL_DATA" not in os.environ, reason="CHAINRULE_REAL_DATA names no directory")
def test_the_test_part_of_cifar_is_read_from_its_archive() -> None:
    path = Path(os.environ["CHAINRULE_REAL_DATA"]) / "cifar10-jpeg" / "test.tar.gz"
    frame = image_folder.read(path, group_pattern=None)
    assert frame["label"].value_counts().tolist() == [1000] * 10
    assert frame["problem"].isna().all()
    assert all(content.startswith(b"\xff\xd8\xff") for content in frame["image"])
