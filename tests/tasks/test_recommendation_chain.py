"""Users and items through the whole chain: from a file of ratings to a list that a server gives."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chain_project
import live_server
from chainrule.drift import measuring
from chainrule.recipes.check import find_mistakes
from chainrule.release import contest
from chainrule.system.files import read_rows

STARS, PICKS = "stars", "picks"
COMMON: dict[str, Any] = {
    "modality": "interaction",
    "seed": 0,
    "split": {"by": "within_groups"},
    "augment": {},
    "base": {"from": "nothing"},
    "pretrain": {"objective": {"name": "none"}},
    "evaluate": {
        "resamples": 100,
        "examine": {
            "rows": 60,
            "explained": 1,
            "explain_runs": 16,
            "explain_steps": 4,
            "surface_steps": 2,
            "surface_rows": 8,
            "robustness": {"rows": 20, "severities": [3]},
        },
    },
    "export": {},
}
NORMALISE = {"user": "who", "item": "what", "category": ["genre"], "of_item": ["genre"]}


def block(task: str, target: str, column: str, **own: Any) -> dict[str, Any]:
    table = {"kind": "delimited", "columns": {target: column}, "group": "who"}
    source = {**table, "path": "data/stars.csv"}
    return {**COMMON, "task": task, "target": target, "source": source, "incoming": table, **own}


BLOCKS = {
    STARS: block(
        "recommendation",
        "rating",
        "stars",
        clean={"normalise": {**NORMALISE, "ratings": [1, 5]}},
        net={"name": "matrix_factorisation", "factors": 2},
        finetune={
            "strategy": {"name": "full"},
            "epochs": 20,
            "batch_size": 64,
            "learning_rate": 0.03,
            "weight_decay": 0.05,
        },
    ),
    PICKS: block(
        "item_ranking",
        "click",
        "what",
        clean={"normalise": NORMALISE},
        net={"name": "two_towers", "factors": 4, "layers": 0, "dropout": 0.0},
        finetune={"strategy": {"name": "full"}, "epochs": 12, "batch_size": 64, "learning_rate": 0.03},
    ),
}


def ratings() -> list[str]:
    """Users of two camps, who mostly meet the items of their own and like some items more than others."""
    drawn = np.random.default_rng(0)
    lines = []
    for user in range(60):
        for item in range(30):
            own = (user % 2) == (item % 2)
            if drawn.random() < (0.7 if own else 0.2):
                stars = np.clip(round(2 * (3 + (1 if own else -1) + drawn.normal() / 4)) / 2, 1, 5)
                lines.append(f"u{user},i{item},{stars:g},{'abc'[item % 3]}")
    return lines


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project in which both chains were run."""
    root = tmp_path_factory.mktemp("stars")
    (root / "data").mkdir()
    broken = ["u1,i1,9,a", "u2,,3,a", "u3,i3,nan,a", f"{'x' * 300},i1,3,b"]
    (root / "data/stars.csv").write_text("\n".join(["who,what,stars,genre", *ratings(), *broken]) + "\n")
    chain_project.build(root, BLOCKS)
    return root


def read(root: Path, name: str) -> Any:
    return json.loads((root / name).read_text())


def test_broken_rows_are_counted_with_their_reasons(root: Path) -> None:
    counts = read(root, f"reports/{STARS}/clean.json")
    assert counts["reasons"] == {"missing_item": 1, "not_a_number": 1, "rating_out_of_range": 1, "user_too_long": 1}


@pytest.mark.parametrize(
    ("name", "decisive", "sign"), [(STARS, "root_mean_squared_error", -1), (PICKS, "ndcg_at_10", 1)]
)
def test_the_model_is_better_than_every_floor(root: Path, name: str, decisive: str, sign: int) -> None:
    report = read(root, f"reports/{name}/metrics.json")
    own = report["test"][decisive]
    assert own["low"] < own["value"] < own["high"] and report["test"]["groups"] > 50
    for floor in report["floor"].values():
        assert sign * own["value"] > sign * floor[decisive]["value"]
    assert {"popularity", "item_knn"} <= set(report["floor"])


def test_pages_show_lists_and_whose_they_are(root: Path) -> None:
    for name in BLOCKS:
        report = (root / f"reports/{name}/report.html").read_text()
        assert "By what is known of a user" in report and "Gini" in report
        assert "not shown: " not in (root / f"reports/{name}/model.html").read_text()
    examined = read(root, f"reports/{STARS}/examine.json")
    assert "unknown_users" in json.dumps(examined["trust"]["robustness"])


def test_a_server_gives_lists_of_known_users_and_of_strangers(root: Path) -> None:
    with live_server.running(root) as server:

        def ask(name: str = STARS, **row: Any) -> Any:
            return server.ask("POST", f"/models/{name}", json.dumps(row).encode(), Content_Type="application/json")

        known = ask(user="u4", item="i2", k=3).json
        shorter = ask(user="u4", k=3, without=[known["items"][0]["item"]]).json
        stranger, nobody = ask(user="who is this", k=5), ask(user=None, k=5)
        picked = ask(PICKS, user="u4", k=5).json
        refused = {
            key: ask(**row).json["error"]
            for key, row in {
                "many": {"user": "u4", "k": 101},
                "none": {"item": "i2"},
                "typo": {"user": "u4", "itm": "i2"},
                "long": {"user": "u" * 201},
                "kind": {"user": ["u4"]},
                "list": {"user": "u4", "without": "i2"},
            }.items()
        }
        rows = [json.dumps({"user": "u4"}), json.dumps({"user": "u5", "item": "i1"})]
        tensors = {"inputs": [{"name": "interaction", "shape": [2], "datatype": "BYTES", "data": rows}]}
        tensor = server.ask("POST", f"/v2/models/{STARS}/infer", json.dumps(tensors).encode())
        why = server.ask(
            "POST",
            f"/models/{STARS}?explain=shap",
            json.dumps({"user": "u4", "item": "i2"}).encode(),
            Content_Type="application/json",
        )
        pages = [server.ask("GET", path).status for path in ("/fields/interaction.js", "/answers/ranked.js")]
    assert known["user_known"] and known["item_known"] and 1 <= known["rating"] <= 5
    assert len(known["items"]) == 3 and known["low"] <= known["rating"] <= known["high"]
    trained = read_rows(root / f"data/split/{STARS}/train.parquet")
    met = {json.loads(value)["item"] for value in trained["interaction"][trained["group"] == "u4"]}
    assert known["user_rows"] == len(met) and not met & {each["item"] for each in known["items"]}
    assert shorter["items"][:2] == known["items"][1:3] and "rating" not in shorter
    assert not stranger.json["user_known"] and "user" in stranger.json["notes"][0]
    assert stranger.json["items"] == nobody.json["items"]
    assert {int(each["item"][1:]) % 2 for each in picked["items"][:3]} == {0}
    assert list(refused) == [key for key, error in refused.items() if "\n" not in error and error]
    assert "1 to 100" in refused["many"] and "user is missing" in refused["none"] and "'item'" in refused["typo"]
    outputs = {each["name"]: each for each in tensor.json["outputs"]}
    assert outputs["top"]["shape"] == [2, 30] and outputs["rank"]["data"][0] == 31
    weights = {each["column"]: each["weight"] for each in why.json["explanation"]["parts"]}
    assert weights["item"] != 0 and why.json["explanation"]["deviation"] < 1e-6
    assert pages == [200, 200]


def test_the_graph_takes_names_and_gives_the_whole_order(root: Path) -> None:
    signature = read(root, f"models/onnx/{STARS}/signature.json")
    assert [tensor["name"] for tensor in signature["inputs"]] == ["user", "item", "categories"]
    shapes = {tensor["name"]: tensor["shape"] for tensor in signature["outputs"]}
    assert shapes["top"] == shapes["top_values"] == ["batch", 30]
    assert len(signature["preprocessing"]["interaction"]["facts"]["items"]) == 30


def test_drift_and_contest_read_interactions(root: Path) -> None:
    folder, rows = root / f"models/onnx/{STARS}", read_rows(root / f"data/split/{STARS}/test.parquet")
    sample = measuring.rows_sample(folder, rows)
    assert (sample.numbers["user known"] == 1).all() and "labels" in sample.numbers
    strange = rows.assign(
        interaction=[
            json.dumps({**json.loads(value), "user": f"new {place}"}) for place, value in enumerate(rows["interaction"])
        ]
    )
    assert (measuring.rows_sample(folder, strange).numbers["user known"] == 0).all()
    found = contest.compare(rows, folder, folder, margin=0.01, resamples=20, seed=1)
    assert found["not_worse"] and found["difference"]["value"] == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"split": {}}, "within_groups"),
        ({"source": {**BLOCKS[STARS]["source"], "group": None}}, "the column of the users"),
        ({"source": {**BLOCKS[STARS]["source"], "group": "what"}}, "'who'"),
        ({"split": {"by": "time"}}, "when a row is of"),
        ({"finetune": {**BLOCKS[STARS]["finetune"], "strategy": {"name": "head_only"}}}, "take full"),
        ({"clean": {"normalise": {**NORMALISE, "of_item": ["year"]}}}, "'year'"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(change: dict[str, Any], said: str) -> None:
    mistakes = [str(each) for each in find_mistakes({"recipes": {STARS: {**BLOCKS[STARS], **change}}})]
    assert len(mistakes) == 1 and said in mistakes[0] and "\n" not in mistakes[0], mistakes
