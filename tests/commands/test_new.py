"""`chainrule new`: what it writes into params.yaml, what it says, and that what it writes is a recipe."""

import os
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import shipped
from chainrule.cli import main
from chainrule.recipes.check import check

WORDS = ("warm", "cold", "slow", "loud", "long", "wide", "deep", "rare")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without a base."""
    monkeypatch.delenv("CHAINRULE_REAL_MODELS", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "project" / "data").mkdir(parents=True)
    shutil.copy(shipped.PARAMS, tmp_path / "project" / "params.yaml")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def reviews(root: Path) -> Path:
    rows = "".join(
        f"it was a {WORDS[at % 8]} and {WORDS[at % 7]} sort of film {at},{'ab'[at % 2]}\n" for at in range(64)
    )
    path = root / "data" / "films.csv"
    path.write_text(f"text,label\n{rows}")
    return path


def test_writes_a_recipe_behind_the_others(root: Path, reviews: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (root / "params.yaml").read_text()
    assert main(["new", "films", "--data", str(reviews)]) == 0
    after = (root / "params.yaml").read_text()
    assert after.startswith(before.rstrip())
    check(root)
    block = YAML(typ="safe").load(after)["recipes"]["films"]
    assert block["source"] == {"kind": "delimited", "path": "data/films.csv"}
    assert (block["task"], block["base"]) == ("text_classification", {"from": "nothing"})
    assert block["finetune"]["naive_bayes"] is True
    said = capsys.readouterr().out
    assert "films.csv 64 rows: columns apart by commas, a header" in said
    assert "uv run dvc repro export@films" in said
    assert "hf download" in said


def test_a_dry_run_writes_nothing(root: Path, reviews: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (root / "params.yaml").read_bytes()
    assert main(["new", "films", "--data", str(reviews), "--dry-run"]) == 0
    assert (root / "params.yaml").read_bytes() == before
    assert "  films:\n    task: text_classification\n" in capsys.readouterr().out


def test_no_recipe_is_overwritten(root: Path, reviews: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (root / "params.yaml").read_bytes()
    assert main(["new", "digits", "--data", str(reviews)]) == 2
    assert "recipes.digits: there is one of that name" in capsys.readouterr().err
    assert (root / "params.yaml").read_bytes() == before


def test_a_file_without_recipes_gets_its_first(root: Path, reviews: Path) -> None:
    (root / "params.yaml").write_text("# mine\nrecipes: {}\n")
    assert main(["new", "films", "--data", str(reviews)]) == 0
    assert (root / "params.yaml").read_text().startswith("# mine\nrecipes:\n  # ")
    check(root)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Films", "--data", "data/films.csv"], "a recipe's name is lower-case"),
        (["films", "--data", ""], "--data is empty"),
        (["films", "--data", "data/none.csv"], "no such file or directory"),
        (["films", "--data", "data/films.csv", "--task", "poetry"], "--task poetry: one of"),
        (["films", "--data", "data/films.csv", "--base", "gpt9"], "--base gpt9: not on this machine"),
    ],
)
def test_mistakes_are_a_line(
    root: Path, reviews: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["new", *arguments]) in (1, 2)
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_few_rows_and_uneven_classes_are_doubted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(
        f"a {WORDS[at % 8]} and {WORDS[at % 5]} thing number {at},{'rare' if at < 3 else 'usual'}\n" for at in range(90)
    )
    (root / "data" / "rows.csv").write_text(f"text,label\n{rows}")
    assert main(["new", "rows", "--data", "data/rows.csv", "--dry-run"]) == 0
    assert "1 of 2 classes has fewer than 20 rows to learn from: rare 3" in capsys.readouterr().out


def test_a_table_of_numbers_becomes_a_recipe_for_a_number(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{at % 9},{'abc'[at % 3]},{at * 0.37:.2f}\n" for at in range(120))
    (root / "data" / "rooms.csv").write_text(f"rooms,town,price\n{rows}")
    assert main(["new", "rooms", "--data", "data/rooms.csv"]) == 0
    check(root)
    block = YAML(typ="safe").load((root / "params.yaml").read_text())["recipes"]["rooms"]
    assert (block["task"], block["net"]) == ("table_regression", {"name": "tabm"})
    assert block["clean"] == {"normalise": {"number": ["rooms"], "category": ["town"]}}
    assert "look at this" not in capsys.readouterr().out


REAL = pytest.mark.skipif(
    not {"CHAINRULE_REAL_DATA", "CHAINRULE_REAL_MODELS"} <= os.environ.keys(),
    reason="CHAINRULE_REAL_DATA and CHAINRULE_REAL_MODELS name no directories",
)
MODELS = os.environ.get("CHAINRULE_REAL_MODELS", "")
MINILM = {"from": "huggingface", "name": f"{MODELS}/minilm-l6"}
EFFICIENTNET = {"from": "timm", "name": f"{MODELS}/efficientnet-lite0"}
NOTHING = {"from": "nothing"}


@REAL
@pytest.mark.parametrize(
    ("name", "base", "net"),
    [
        ("sst2", MINILM, "transformers"),
        ("mr-polarity", MINILM, "transformers"),
        ("goemotions", MINILM, "transformers"),
        ("sick", MINILM, "transformers"),
        ("chnsenticorp-hotel", NOTHING, "text_cnn"),
        ("thucnews-titles", NOTHING, "bag"),
        ("afqmc-zh", NOTHING, "encoder"),
        ("adult", NOTHING, "mlp"),
        ("avocado", NOTHING, "mlp"),
        ("bike-sharing", NOTHING, "mlp"),
        ("california-housing", NOTHING, "mlp"),
        ("cifar10-jpeg", EFFICIENTNET, "timm"),
        ("telco-churn", NOTHING, "tabm"),
        ("titanic", NOTHING, "tabm"),
        ("wine-quality", NOTHING, "tabm"),
        ("sign-language-digits", EFFICIENTNET, "timm"),
        ("fashion-mnist", NOTHING, "resnet9"),
        ("mnist", NOTHING, "resnet9"),
    ],
)
def test_real_sets_start_from_the_base_that_fits(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, base: dict[str, str], net: str
) -> None:
    monkeypatch.setenv("CHAINRULE_REAL_MODELS", MODELS)
    assert main(["new", "mine", "--data", f"{os.environ['CHAINRULE_REAL_DATA']}/{name}"]) == 0
    check(root)
    block = YAML(typ="safe").load((root / "params.yaml").read_text())["recipes"]["mine"]
    assert (block["base"], block["net"]["name"]) == (base, net)
