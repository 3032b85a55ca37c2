"""Data by the hash that DVC gave it."""

from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from chainrule.system import dvc_data


@pytest.fixture
def hashes(tmp_path: Path) -> dict[str, str]:
    """A project in `tmp_path` with a folder and a file in DVC's cache; their hashes as DVC wrote them down."""
    Repo.init(str(tmp_path), no_scm=True).close()
    (tmp_path / ".dvcignore").write_text("*.tmp\n")
    (tmp_path / "many").mkdir()
    for name in ("a", "b"):
        (tmp_path / "many" / name).write_text(name)
    (tmp_path / "one").write_text("1")
    with Repo(str(tmp_path)) as repo:
        repo.add([str(tmp_path / "many"), str(tmp_path / "one")])
    return {name: yaml.safe_load((tmp_path / f"{name}.dvc").read_text())["outs"][0]["md5"] for name in ("many", "one")}


def test_what_lies_at_a_path_is_told_by_its_hash(
    tmp_path: Path, hashes: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "file"
    outside.write_text("1")
    (tmp_path / "many" / "c.tmp").write_text("ignored by DVC")
    before = sorted(tmp_path.iterdir())
    with Repo(str(tmp_path)) as repo:
        for path, digest in [*hashes.items(), (str(outside), hashes["one"])]:
            assert dvc_data.is_at(repo, path, digest)
            assert not dvc_data.is_at(repo, path, "0" * 32)
        (tmp_path / "many" / "a").write_text("other")
        assert not dvc_data.is_at(repo, "many", hashes["many"])
        assert not dvc_data.is_at(repo, "nowhere", hashes["one"])
    assert sorted(tmp_path.iterdir()) == before


def test_data_is_read_from_the_cache_by_its_hash(tmp_path: Path, hashes: dict[str, str]) -> None:
    (tmp_path / "many" / "a").unlink()
    (tmp_path / "one").unlink()
    with dvc_data.named(tmp_path, hashes["one"]) as cached:
        assert cached.open(dvc_data.DATA).read() == b"1"
    with dvc_data.named(tmp_path, hashes["many"]) as cached:
        assert cached.open(f"{dvc_data.DATA}/a").read() == b"a"
        assert not cached.exists(f"{dvc_data.DATA}/c")
    with dvc_data.named(tmp_path, f"{'0' * 32}.dir") as cached:
        assert not cached.exists(f"{dvc_data.DATA}/a")


def test_a_file_that_is_gone_from_the_cache_is_not_found(tmp_path: Path, hashes: dict[str, str]) -> None:
    for path in (tmp_path / ".dvc" / "cache").rglob("*"):
        if path.is_file() and path.read_bytes() == b"a":
            path.chmod(0o644)
            path.unlink()
    with (
        dvc_data.named(tmp_path, hashes["many"]) as cached,
        pytest.raises(FileNotFoundError),
    ):
        cached.open(f"{dvc_data.DATA}/a")
