"""`chainrule gradcheck` on recipes whose data are not built."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

from chainrule import cli
from chainrule.nets import cnn

IMAGES: dict[str, Any] = {
    "task": "image_classification",
    "modality": "image",
    "target": "label",
    "seed": 7,
    "source": {"kind": "digits", "path": "data/sources/digits.yaml"},
    "incoming": {"kind": "image_folder"},
    "base": {"from": "nothing"},
    "net": {"name": "cnn", "width": 4, "depth": 2},
    "pretrain": {"objective": {"name": "masked_image", "mask_ratio": 0.5, "patch": 2}},
    "finetune": {"strategy": {"name": "full"}},
    **{section: {} for section in ("clean", "split", "augment", "evaluate", "export", "retrain")},
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"recipes": {"mine": IMAGES}}))
    return tmp_path


def test_every_block_head_and_loss_of_both_trainings_is_in_the_table(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["gradcheck", "mine", "--root", str(root)]) == 0
    fine_tuning, pretraining, last = capsys.readouterr().out.split("\n\n")
    assert fine_tuning.startswith("mine: fine-tuning, made-up rows")
    names = [[line.split()[0] for line in part.splitlines()[2:]] for part in (fine_tuning, pretraining)]
    assert names == [["layers.0", "layers.4", "head", "loss"], ["layers.0", "layers.4", "decoder.0", "loss"]]
    assert all(line.endswith("  ok") for part in (fine_tuning, pretraining) for line in part.splitlines()[2:])
    assert last.startswith("all derivatives agree")


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> Tensor:
        return 2 * given[0]


class Wrong(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        return Doubled.apply(super().forward(input))  # type: ignore[no-any-return]


def test_a_net_with_a_wrong_backward_pass_fails(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cnn.nn, "Conv2d", Wrong)
    assert cli.main(["gradcheck", "mine", "--root", str(root)]) == 1
    said = capsys.readouterr().out
    assert "FAILS at " in said
    assert "the backward pass there is wrong" in said


def test_a_base_that_is_not_fetched_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = {**IMAGES, "base": {"from": "timm", "name": "resnet18"}, "net": {"name": "timm"}}
    recipe["pretrain"] = {"objective": {"name": "none"}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"recipes": {"mine": recipe}}))
    assert cli.main(["gradcheck", "mine", "--root", str(tmp_path)]) == 1
    assert "`dvc repro fetch@mine` brings it" in capsys.readouterr().err


def test_rows_of_a_table_are_made_up_of_every_kind_of_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = {"number": ["n"], "category": ["c"], "date": ["d"], "boolean": ["b"], "text": ["t"]}
    block = {
        **IMAGES,
        "task": "table_regression",
        "modality": "table",
        "target": "number",
        "source": {"kind": "delimited", "path": "rows.csv", "columns": {"target": "y"}},
        "incoming": {"kind": "delimited", "columns": {"target": "y"}},
        "clean": {"normalise": columns},
        "net": {"name": "tabm", "embedding": 2, "members": 2, "layers": 1, "width": 3},
        "pretrain": {"objective": {"name": "none"}, "tokenizer": {"bins": 3, "buckets": 5, "fewest": 1}},
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"recipes": {"mine": block}}))
    assert cli.main(["gradcheck", "mine", "--root", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines()[2:6]] == ["columns", "layers.0", "head", "loss"]
