"""benchmarks/quality.py and its gallery, as far as they go without data."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from chainrule.recipes import check

ROOT = Path(__file__).parents[1]
GALLERY = sorted((ROOT / "examples").glob("*.yaml"))
SCRIPT = ROOT / "benchmarks" / "quality.py"


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_an_example_is_one_short_recipe_without_a_mistake(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    check.check(tmp_path)
    assert check.recipes(tmp_path) == [path.stem]
    assert "# Data: " in text and len(text.splitlines()) <= 35


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks" / "params").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_benchmark_s_recipe_is_one_without_a_mistake(path: Path, tmp_path: Path) -> None:
    block = yaml.safe_load(path.read_text(encoding="utf-8"))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"recipes": {path.stem: block}}), encoding="utf-8")
    check.check(tmp_path)


def run(*words: str, **variables: str) -> str:
    """Return the one line that the script ends with."""
    environment = {
        name: text for name, text in os.environ.items() if not name.startswith("CHAINRULE_REAL_")
    } | variables
    found = subprocess.run(
        [sys.executable, str(SCRIPT), *words], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert found.returncode == 1 and found.stderr.count("\n") == 1
    return found.stderr


def test_what_cannot_be_built_is_one_line(tmp_path: Path) -> None:
    assert "did you mean films?" in run("flims")
    assert "CHAINRULE_REAL_DATA" in run("films")
    assert "examples/films.yaml says where to get it" in run("films", CHAINRULE_REAL_DATA=str(tmp_path))
    (tmp_path / "mr-polarity").mkdir()
    assert "CHAINRULE_REAL_MODELS" in run("films_minilm", CHAINRULE_REAL_DATA=str(tmp_path))
    there = {"CHAINRULE_REAL_DATA": str(tmp_path), "CHAINRULE_REAL_MODELS": str(tmp_path)}
    assert "examples/films_minilm.yaml says where to get it" in run("films_minilm", **there)
    (tmp_path / "mine.yaml").write_text("recipes: {other: {}}")
    assert "one recipe named mine is needed" in run("--gallery", str(tmp_path))


def test_a_record_takes_the_place_of_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import quality

    path = tmp_path / "results" / "quality.json"
    for name, value in (("b", 1), ("a", 2), ("b", 3)):
        quality.keep(path, [{"recipe": name, "primary": {"value": value}}])
    assert [(each["recipe"], each["primary"]["value"]) for each in json.loads(path.read_text())] == [("a", 2), ("b", 3)]


@pytest.mark.integration
def test_a_recipe_is_built_and_recorded(tmp_path: Path) -> None:
    block = yaml.safe_load((ROOT / "examples" / "films.yaml").read_text(encoding="utf-8"))["recipes"]["films"]
    block["source"]["path"] = "lines"
    block["net"] = {"name": "encoder", "layers": 1, "width": 32, "heads": 2, "feed_forward": 64}
    block["pretrain"] = {"objective": {"name": "none"}, "tokenizer": {"vocabulary": 300}}
    block["finetune"] |= {"epochs": 2}
    block["evaluate"] = {"resamples": 100}
    gallery = tmp_path / "gallery"
    gallery.mkdir()
    (gallery / "tiny.yaml").write_text(yaml.safe_dump({"recipes": {"tiny": block}}))
    lines = tmp_path / "data" / "lines"
    lines.mkdir(parents=True)
    for label, word in (("neg", "dull"), ("pos", "bright")):
        rows = [f"film {number} of {number % 7} was {word} and {number * number}" for number in range(200)]
        (lines / f"rt-polarity.{label}").write_text("\n".join(rows))
    command = [sys.executable, str(SCRIPT), "--gallery", str(gallery), "--data", str(tmp_path / "data")]
    done = subprocess.run([*command, "--results", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads((tmp_path / "quality.json").read_text())
    assert {key: found[key] for key in ("recipe", "data", "task", "base", "strategy")} == {
        "recipe": "tiny", "data": "lines", "task": "text_classification", "base": None, "strategy": "full",
    }  # fmt: skip
    assert found["primary"]["name"] == "accuracy"
    assert found["primary"]["low"] <= found["primary"]["value"] <= found["primary"]["high"]
    assert found["floor"]["value"] > 0.9  # one word tells
    assert found["rows"]["training"] > 200 > found["rows"]["test"] > 50 and found["training_seconds"] > 0
