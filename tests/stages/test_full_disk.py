"""A stage on a disk without room: one line that names the disk, nothing published, nothing left."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import shipped
from chainrule.stages import runner
from chainrule.stages.job import STATE, Job
from chainrule.system.errors import ChainruleError
from chainrule.system.files import write_json, write_rows
from chainrule.training import checkpoints
from chainrule.training.optimizers import make_optimizer
from chainrule.training.weights import save_weights
from small_disk import small_disk


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project on a disk of 256 KiB."""
    monkeypatch.setenv("CHAINRULE_TRACKING", "off")
    with small_disk(tmp_path / "disk", "256k"):
        shutil.copy(shipped.PARAMS, tmp_path / "disk")
        yield tmp_path / "disk"


def rows(job: Job) -> None:
    noise = np.random.default_rng(0).bytes(1_000_000)
    write_rows(job.out("data/clean/{recipe}") / "rows.parquet", pd.DataFrame({"image": [noise]}))


def report(job: Job) -> None:
    write_json(job.out("reports/{recipe}/clean.json"), ["word"] * 100_000)


def weights(job: Job) -> None:
    save_weights(nn.Linear(300, 300), job.out("models/finetuned/{recipe}") / "model.safetensors")


def picture(job: Job) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().imshow(np.random.default_rng(0).random((400, 400)))
    figure.savefig(job.out("reports/{recipe}/plot.png"), dpi=300)


def checkpoint(job: Job) -> None:
    model = nn.Linear(300, 300)
    folder = job.root / STATE / "checkpoints" / job.name
    path = checkpoints.checkpoint_path(folder, {}, job.root, [])
    checkpoints.save(path, {"epoch": 1}, model, make_optimizer(model, "nesterov", 0.1, 0.0), {}, {})


def after_another(job: Job) -> None:
    write_json(job.out("reports/{recipe}/first.json"), ["whole"])
    rows(job)


@pytest.mark.parametrize("work", [rows, report, weights, picture, checkpoint, after_another])
def test_no_room_for_what_a_stage_writes_is_one_line(work: Callable[[Job], None], root: Path) -> None:
    torch.manual_seed(0)
    with pytest.raises(ChainruleError, match=f"the disk of {root}.* is full: free room there") as caught:
        runner.run(root, "clean", "digits", work)
    assert "\n" not in str(caught.value)
    left = {path.name for path in root.rglob("*") if path.is_file()}
    assert left == {"params.yaml", "clean@digits.lock"}
    assert shutil.disk_usage(root).free > 200_000


def test_what_was_published_before_stays(root: Path) -> None:
    def small(job: Job) -> None:
        write_json(job.out("reports/{recipe}/clean.json"), ["before"])

    runner.run(root, "clean", "digits", small)
    with pytest.raises(ChainruleError, match="is full"):
        runner.run(root, "clean", "digits", report)
    assert (root / "reports" / "digits" / "clean.json").read_text() == '[\n  "before"\n]\n'


def test_no_room_for_the_record_of_a_run_is_one_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAINRULE_TRACKING")
    (root / "filler").write_bytes(os.urandom(shutil.disk_usage(root).free))
    with pytest.raises(ChainruleError, match=f"the disk of {root}.* is full"):
        runner.run(root, "clean", "digits", rows)


def test_another_error_passes_as_it_is(root: Path) -> None:
    def broken(job: Job) -> None:
        raise OSError("something else")

    with pytest.raises(OSError, match="something else"):
        runner.run(root, "clean", "digits", broken)
