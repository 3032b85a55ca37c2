"""What a retraining reads of the chain it ran."""

from pathlib import Path

import pytest
from dvc.repo import Repo

import tiny_bundles
from chainrule.retraining import evidence
from chainrule.serving import bundle
from chainrule.system.errors import DataError


def test_a_bundle_of_links_into_the_cache_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "onnx" / "digits"
    folder.parent.mkdir(parents=True)
    tiny_bundles.image_bundle(folder)
    Repo.init(str(tmp_path), no_scm=True).close()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n[cache]\n    type = symlink\n")
    with Repo(str(tmp_path)) as repo:
        repo.add(str(folder))
    assert all(path.is_symlink() for path in folder.iterdir())
    with pytest.raises(DataError, match="a link, where a bundle is plain files"):  # as a server has it
        bundle.read(folder, "digits", "0")
    found = evidence.exported(tmp_path, "digits")
    assert found.signature["target"]["classes"] == list(tiny_bundles.DIGITS)
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert bundle.read(folder, "digits", "0").digest == found.digest


def test_a_link_that_somebody_else_made_is_no_way_around_the_hashes(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "onnx" / "digits"
    folder.parent.mkdir(parents=True)
    tiny_bundles.image_bundle(folder)
    Repo.init(str(tmp_path), no_scm=True).close()
    (tmp_path / "elsewhere").write_text("not the card")
    (folder / "MODEL_CARD.md").unlink()
    (folder / "MODEL_CARD.md").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="MODEL_CARD"):
        evidence.exported(tmp_path, "digits")
