"""A stage that is started by hand before what it reads is there."""

import shutil
from pathlib import Path

import pytest

import shipped
from chainrule.stages import runner
from chainrule.stages.job import Job
from chainrule.system.errors import ChainruleError

ROOT = Path(__file__).parents[2]


def nothing(job: Job) -> None:
    """Read and write nothing."""


@pytest.mark.parametrize(
    ("stage", "missing"),
    [("ingest", "data/accepted/digits"), ("split", "data/clean/digits"), ("evaluate", "data/raw/digits/source.json")],
)
def test_the_first_input_that_nobody_made_is_named_with_the_remedy(
    stage: str, missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINRULE_TRACKING", "off")
    shutil.copy(shipped.PARAMS, tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    with pytest.raises(ChainruleError, match=f"^{missing} is not there; `dvc repro {stage}@digits` makes it"):
        runner.run(tmp_path, stage, "digits", nothing)


def test_a_stage_whose_inputs_are_there_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_TRACKING", "off")
    shutil.copy(shipped.PARAMS, tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    (tmp_path / "data" / "accepted" / "digits").mkdir(parents=True)
    runner.run(tmp_path, "ingest", "digits", nothing)  # its source says itself what of it is missing
