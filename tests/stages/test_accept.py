"""The stage accept: quick where there is nothing, strict where there is something."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import shipped
from chainrule.stages import runner
from chainrule.stages.accept import accept
from chainrule.system.errors import DataError
from tiny_clone import environment


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHAINRULE_TRACKING", "off")
    shutil.copy(shipped.PARAMS, tmp_path)
    return tmp_path


def test_the_first_time_it_makes_an_empty_folder_and_imports_nothing_heavy(root: Path) -> None:
    program = (
        "import sys; from chainrule.stages import accept, runner; from pathlib import Path\n"
        "runner.run(Path.cwd(), 'accept', 'digits', accept.accept)\n"
        "print(*sys.modules)"
    )
    variables = environment(CHAINRULE_TRACKING="off")
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=root, env=variables, capture_output=True, text=True, check=True
    )
    assert not {"pandas", "numpy", "pyarrow", "mlflow", "torch"} & set(answer.stdout.split())
    assert [path.name for path in (root / "data" / "accepted" / "digits").iterdir()] == ["README.md"]
    report = json.loads((root / "reports" / "digits" / "accept.json").read_text())
    assert report == {"batches": 0, "files": 0, "rows": 0}


def test_what_dvc_cannot_hash_is_named_with_the_remedy(root: Path) -> None:
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["recipes"]["digits"]["source"] = {"kind": "image_folder", "path": "data/mine", "group_pattern": None}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    (root / "data" / "mine" / "cat").mkdir(parents=True)
    link, odd = root / "data/mine/cat/gone.png", root / "data/mine/cat" / os.fsdecode(b"caf\xe9.png")
    link.symlink_to("nowhere.png")
    odd.write_bytes(b"x")
    with pytest.raises(DataError, match=r"caf\\xe9\.png: its name is not UTF-8.*rename it \(1 more"):
        runner.run(root, "accept", "digits", accept)
    odd.unlink()
    with pytest.raises(DataError, match=r"gone\.png: a link to nowhere \(nowhere\.png\).*remove it$"):
        runner.run(root, "accept", "digits", accept)
    link.unlink()
    runner.run(root, "accept", "digits", accept)


def test_anything_that_is_no_batch_is_refused(root: Path) -> None:
    runner.run(root, "accept", "digits", accept)
    stray = root / "data" / "accepted" / "digits" / "stray.png"
    stray.write_bytes(b"?")
    with pytest.raises(DataError, match=r"stray\.png: no batch"):
        runner.run(root, "accept", "digits", accept)


def test_batches_that_dvc_lock_names_must_be_here(root: Path) -> None:
    outs = [{"path": "data/accepted/digits", "nfiles": 3}]
    (root / "dvc.lock").write_text(yaml.safe_dump({"stages": {"accept@digits": {"outs": outs}}}))
    with pytest.raises(DataError, match=r"dvc.lock names 3 files in it; `dvc checkout data/accepted/digits`"):
        runner.run(root, "accept", "digits", accept)
    assert not (root / "data" / "accepted" / "digits").exists()
