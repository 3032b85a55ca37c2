"""Chinese from a path alone: what `chainrule new` writes, through the chain to a served answer; cuts of real sets."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import chain_project
import live_server
from chainrule.commands.new import add_arguments, run
from chainrule.recipes.check import check

DATA = ("accept", "ingest", "clean", "split", "explore", "augment", "fetch", "pretrain", "finetune", "evaluate")
THINGS = ("房间", "早餐", "服务", "位置", "床铺", "浴室", "大堂", "空调", "隔音", "价格")
GOOD = ("干净", "热情", "满意", "舒服", "方便")
BAD = ("肮脏", "冷淡", "失望", "难受", "麻烦")
QUICK: dict[str, Any] = {
    "resamples": 100,
    "examine": {
        "rows": 20,
        "explained": 1,
        "explain_runs": 16,
        "explain_steps": 4,
        "passes": 2,
        "surface_steps": 2,
        "surface_rows": 10,
        "robustness": {"rows": 10, "severities": [3], "steps": 2},
    },
}


def reviews(count: int) -> list[tuple[str, str]]:
    """Return made-up reviews, some with blanks between their letters or letters of double width."""
    drawn = np.random.default_rng(0)
    rows = []
    for number in range(count):
        good = number % 2 == 0
        things = drawn.choice(THINGS, 3, replace=False)
        words = drawn.choice(GOOD if good else BAD, 3)
        text = "，".join(f"{thing}很{word}" for thing, word in zip(things, words, strict=True)) + f"。ＷｉＦｉ{number}"
        rows.append((" ".join(text) if number % 6 else text, "好评" if good else "差评"))
    return rows


def new(root: Path, name: str, data: Path, **finetune: Any) -> dict[str, Any]:
    """Write the recipe of `chainrule new` with little to train; return its block as it was written."""
    import argparse

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    (root / "params.yaml").write_text("recipes: {}\n", encoding="utf-8")
    assert run(parser.parse_args([name, "--data", str(data), "--base", "nothing", "--root", str(root)])) == 0
    recipes = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    block = recipes["recipes"][name]
    block["split"]["tolerance"] = 1.0
    if "training" in block["pretrain"]:
        block["pretrain"]["training"]["epochs"] = 1
    block["pretrain"]["tokenizer"] = {**block["pretrain"].get("tokenizer", {}), "vocabulary": 400}
    block["finetune"] |= finetune
    block["evaluate"] = QUICK
    (root / "params.yaml").write_text(yaml.safe_dump(recipes, allow_unicode=True), encoding="utf-8")
    check(root)
    return recipes["recipes"][name]


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def hotels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hotels")
    lines = "".join(f"{text},{label}\n" for text, label in reviews(240))
    (root / "rows.csv").write_text(f"review,label\n{lines}", encoding="gb18030")
    block = new(root, "hotels", root / "rows.csv", epochs=6, learning_rate=0.01, precision="fp32")
    assert block["source"]["encoding"] == "gb18030"
    assert block["clean"]["normalise"] == {"width": "letters", "blanks": "words"}
    chain_project.run(root, "hotels", *DATA, "examine", "export")
    return root


def test_the_chain_cleans_learns_and_shows_chinese(hotels: Path) -> None:
    report = read(hotels / "reports" / "hotels" / "clean.json")
    assert report["repairs"]["width"] == 240 and report["repairs"]["blanks"] == 200
    accuracy = read(hotels / "reports" / "hotels" / "metrics.json")
    assert accuracy["test"]["accuracy"]["value"] > 0.95
    assert accuracy["floor"]["naive_bayes"]["accuracy"]["value"] > 0.95
    page = (hotels / "reports" / "hotels" / "data.html").read_text(encoding="utf-8")
    assert "Most frequent runs of three characters" in page and "很干净" in page
    for part in ("explore", "examine"):
        assert "it failed" not in (hotels / "reports" / "hotels" / f"{part}.json").read_text(encoding="utf-8"), part


def test_a_request_is_cleaned_as_the_rows_were_and_explained_by_characters(hotels: Path) -> None:
    with live_server.running(hotels) as server:

        def asked(text: str, query: str = "") -> Any:
            answer = server.ask("POST", f"/models/hotels{query}", text.encode(), Content_Type="text/plain")
            assert answer.status == 200, answer.content
            return answer.json

        plain = asked("房间很干净，WiFi也快")
        assert asked("房 间 很 干 净，ＷｉＦｉ也快")["labels"] == plain["labels"]
        assert plain["labels"][0]["label"] == "好评"
        assert asked("大堂很肮脏")["labels"][0]["label"] == "差评"
        why = asked("房间很肮脏", "?explain=occlusion")["explanation"]
    parts = [part["text"] for part in why["parts"]]
    assert "".join(parts) == "房间很肮脏" and len(parts) == 5


REAL = os.environ.get("CHAINRULE_REAL_DATA")


@pytest.mark.skipif(REAL is None, reason="CHAINRULE_REAL_DATA names no folder of real data sets")
@pytest.mark.parametrize(
    ("path", "task"),
    [
        ("chnsenticorp-hotel/ChnSentiCorp_htl_all.csv", "text_classification"),
        ("thucnews-titles/dev.txt", "text_classification"),
        ("afqmc-zh/dev.txt", "text_pair_classification"),
    ],
)
def test_a_cut_of_a_real_set_goes_through_the_chain(tmp_path: Path, path: str, task: str) -> None:
    with (Path(str(REAL)) / path).open(encoding="utf-8") as file:
        lines = list(file)
    kept = lines[:1] + lines[1 :: len(lines) // 500]  # the labels may lie in order
    (tmp_path / f"rows{Path(path).suffix}").write_text("".join(kept), encoding="utf-8")
    block = new(tmp_path, "real", tmp_path / f"rows{Path(path).suffix}", epochs=1)
    assert block["task"] == task
    assert block["clean"]["normalise"] == {"width": "letters"}  # blanks part phrases there, not words
    chain_project.run(tmp_path, "real", *DATA)
    scores = read(tmp_path / "reports" / "real" / "metrics.json")
    assert scores["test"]["accuracy"]["value"] >= 0 and len(scores["floor"]) >= 3
    assert "it failed" not in (tmp_path / "reports" / "real" / "explore.json").read_text(encoding="utf-8")
