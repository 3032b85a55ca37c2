"""`chainrule register`: a bundle that came without the registry it was made in."""

import shutil
from pathlib import Path

import pytest

import toy_project
from chainrule import cli
from chainrule.system.files import write_json

SCORES = {"accuracy": {"value": 0.875, "low": 0.8, "high": 0.9}}


@pytest.fixture
def pulled(toy: Path, empty_store: Path) -> Path:
    """A clone after `dvc pull`: the bundle, the reports that git has, and none of the runs."""
    shutil.copy(empty_store, toy / "mlflow.db")
    shutil.rmtree(toy / "mlruns")
    (toy / "reports" / "digits").mkdir(parents=True)
    write_json(toy / "reports" / "digits" / "metrics.json", {"test": SCORES, "floor": {"majority": SCORES}})
    variants = {"fp32": {"accuracy": 0.875, "bytes": 1000, "ships": True}}
    report = {"validation": {"agreement": 1.0}, "bytes": 1000, "variants": variants}
    write_json(toy / "reports" / "digits" / "export.json", report)
    return toy


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert cli.main(list(words)) == code
    out, err = capsys.readouterr()
    return err if code else out


def test_a_bundle_that_was_pulled_becomes_a_version(pulled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(pulled)]
    remedy = "`chainrule register digits` registers the bundle in models/onnx/digits"
    assert remedy in said(capsys, "promote", "digits", *root, code=1)
    assert said(capsys, "register", "digits", *root) == (
        "digits: registered as version 1; `chainrule promote digits` makes it champion\n"
    )
    assert said(capsys, "register", "digits", *root) == "digits: the bundle is version 1 already\n"
    assert "0.8750 (0.8000 to 0.9000)" in said(capsys, "models", *root)
    assert "digits: parity holds (fp32)" in said(capsys, "promote", "digits", *root)


def test_a_bundle_that_is_not_what_the_commit_records_is_refused(
    pulled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--root", str(pulled)]
    # What only is not here is no reason: `dvc pull` may have brought the bundle alone.
    shutil.rmtree(pulled / "data" / "raw")
    shutil.rmtree(pulled / "models" / "onnx" / "digits")
    assert "`dvc pull export@digits` fetches the bundle" in said(capsys, "register", "digits", *root, code=1)
    toy_project.set_param(pulled, "digits", 33, "finetune", "epochs")
    assert "finetune is stale (recipes.digits.finetune.epochs changed (" in said(
        capsys, "register", "digits", *root, code=1
    )
