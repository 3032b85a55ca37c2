"""The real chain through `dvc repro` in a clone: what it leaves, what a second run does, what it makes of mistakes."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import yaml

from chainrule.reproduction import staleness
from chainrule.system.processes import available_cores
from code_closure import WATCHERS
from tiny_clone import environment

Dvc = Callable[..., subprocess.CompletedProcess[str]]
STAGES = (
    *("accept", "ingest", "clean", "split", "explore", "augment", "fetch", "pretrain"),
    *("finetune", "evaluate", "examine", "export"),
)
RECIPES = ("digits", "reviews", "mine")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def runs(clone: Path) -> pd.DataFrame:
    """Return every run in the clone's MLflow store."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{clone / 'mlflow.db'}")
    found: list[dict[str, Any]] = []
    for experiment in client.search_experiments():
        found += [
            {
                "recipe": experiment.name,
                "name": run.info.run_name,
                "status": run.info.status,
                "parent": run.data.tags.get("mlflow.parentRunId"),
                "id": run.info.run_id,
                "metrics": run.data.metrics,
                "params": run.data.params,
                "tags": run.data.tags,
            }
            for run in client.search_runs([experiment.experiment_id], max_results=1000)
        ]
    return pd.DataFrame(found)


def test_one_command_builds_every_recipe(built: Path) -> None:
    for recipe in RECIPES:
        metrics = read(built / "reports" / recipe / "metrics.json")
        accuracy = metrics["test"]["accuracy"]
        assert 0 <= accuracy["low"] <= accuracy["value"] <= accuracy["high"] <= 1
        assert metrics["floor"]["majority_class"]["accuracy"]["value"] <= 1
        assert (built / "models" / "onnx" / recipe / "model.onnx").is_file()
    assert not [path for folder in built.rglob(".partial") for path in folder.iterdir()]
    assert not list((built / ".chainrule" / "checkpoints").rglob("*.safetensors"))


def test_report_card_and_signature_say_where_the_model_stands(built: Path) -> None:
    for recipe in RECIPES:
        metrics, bundle = read(built / "reports" / recipe / "metrics.json"), built / "models" / "onnx" / recipe
        own, best = metrics["test"]["accuracy"], max(floor["accuracy"]["value"] for floor in metrics["floor"].values())
        quality = read(bundle / "signature.json")["quality"]
        assert quality["primary"] == {"name": "accuracy", "unit": "share", "more_is_better": True, **own}
        assert quality["floor"]["value"] == best
        page = (built / "reports" / recipe / "report.html").read_text(encoding="utf-8")
        card = (bundle / "MODEL_CARD.md").read_text(encoding="utf-8")
        under = own["value"] < best
        assert ['class="verdict under"' in page, "UNDER ITS FLOOR" in card] == [under, under]


def test_kept_and_rejected_rows_make_up_the_raw_ones_each_with_a_reason(built: Path) -> None:
    for recipe in RECIPES:
        raw = pd.read_parquet(built / "data" / "raw" / recipe / "rows.parquet")
        kept = pd.read_parquet(built / "data" / "clean" / recipe / "rows.parquet")
        rejected = pd.read_parquet(built / "data" / "clean" / recipe / "rejected.parquet")
        assert sorted([*kept["id"], *rejected["id"]]) == sorted(raw["id"])
        assert rejected["reason"].notna().all()
    reasons = read(built / "reports" / "mine" / "clean.json")["reasons"]
    assert reasons == {"exact_duplicate": 1, "unreadable_image": 1}


def test_no_group_is_in_two_splits_and_copies_are_of_training_rows_only(built: Path) -> None:
    for recipe in RECIPES:
        splits = {
            name: pd.read_parquet(built / f"data/split/{recipe}/{name}.parquet")
            for name in ("train", "validation", "test")
        }
        groups = [set(rows["group"]) for rows in splits.values()]
        assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
        augmented = pd.read_parquet(built / f"data/augmented/{recipe}/train.parquet")
        assert set(augmented["id"].str.split("+").str[0]) == set(splits["train"]["id"])


def test_the_bundle_answers_in_onnx_runtime_alone(built: Path) -> None:
    folder = built / "models" / "onnx" / "digits"
    signature = read(folder / "signature.json")
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    for batch in (1, 5):
        images = np.zeros((batch, *signature["inputs"][0]["shape"][1:]), np.uint8)
        (logits,) = session.run(None, {"image": images})
        assert logits.shape == (batch, len(signature["target"]["classes"]))
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    assert not [path for path in folder.iterdir() if path.suffix in (".pkl", ".bin", ".pt", ".py")]


def test_nothing_cached_holds_a_path_of_the_machine(built: Path) -> None:
    here = str(built).encode()
    found = [path for folder in ("data", "models", "reports") for path in (built / folder).rglob("*") if path.is_file()]
    assert [path for path in found if here in path.read_bytes()] == []


def test_mlflow_has_one_row_per_chain_with_the_stages_below_it(built: Path) -> None:
    found = runs(built)
    assert set(found["status"]) == {"FINISHED"}
    for recipe in RECIPES:
        mine = found[found["recipe"] == recipe]
        (parent,) = mine[mine["parent"].isna()].to_dict("records")
        assert sorted(mine[mine["parent"] == parent["id"]]["name"]) == sorted(STAGES)
        metrics = read(built / "reports" / recipe / "metrics.json")
        assert parent["metrics"]["test.accuracy"] == metrics["test"]["accuracy"]["value"]
        assert (
            parent["metrics"]["floor.majority_class.accuracy"]
            == metrics["floor"]["majority_class"]["accuracy"]["value"]
        )
        # In force, given or not: `mine` leaves its learning rate to the default.
        rates = {"digits": "0.003", "reviews": "0.0005", "mine": "0.003"}
        assert parent["params"]["finetune.learning_rate"] == rates[recipe]
        assert ("finetune.learning_rate" in parent["tags"]["chainrule.defaults"].split()) == (recipe == "mine")
        assert re.fullmatch("[0-9a-f]{40}", parent["tags"]["git_commit"])
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{built / 'mlflow.db'}")
    assert {model.name for model in client.search_registered_models()} == set(RECIPES)


def test_a_chain_that_only_exports_says_the_scores_of_its_model_too(built: Path, dvc: Dvc) -> None:
    before = set(runs(built)["id"])
    dvc(built, "repro", "--force", "--single-item", "export@mine")
    fresh = runs(built)
    (parent,) = fresh[~fresh["id"].isin(before) & fresh["parent"].isna()].to_dict("records")
    accuracy = read(built / "reports" / "mine" / "metrics.json")["test"]["accuracy"]
    assert [parent["metrics"][f"test.accuracy{bound}"] for bound in ("", ".low", ".high")] == [
        accuracy[key] for key in ("value", "low", "high")
    ]


def test_a_second_run_does_nothing_and_logs_nothing(built: Path, dvc: Dvc) -> None:
    before = len(runs(built))
    answer = dvc(built, "repro")
    assert "Data and pipelines are up to date" in answer.stdout
    assert "Running stage" not in answer.stdout
    assert len(runs(built)) == before


def test_twice_from_scratch_gives_the_same_bytes(built: Path, make_clone: Callable[[], Path], dvc: Dvc) -> None:
    """And git sees no change: a clone of a commit that was built is clean after building it again."""
    other = make_clone()
    for name in git(built, "ls-files", "-co", "--exclude-standard", "dvc.lock", "reports").splitlines():
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(built / name, other / name)
    git(other, "add", "-A")
    git(other, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "built")
    dvc(other, "repro", "export@digits", "export@reviews", CHAINRULE_TRACKING="off")
    assert git(other, "status", "--porcelain") == ""
    locks = [yaml.safe_load((clone / "dvc.lock").read_text())["stages"] for clone in (built, other)]
    for name, stage in locks[1].items():
        assert stage == locks[0][name], name
    for recipe in ("digits", "reviews"):
        first, second = ((clone / "reports" / recipe / "metrics.json").read_bytes() for clone in (built, other))
        assert first == second


def test_editing_what_only_watches_makes_nothing_stale(built: Path, dvc: Dvc) -> None:
    kept = {path: path.read_bytes() for path in (built / name for name in WATCHERS)}
    try:
        for path, content in kept.items():
            path.write_bytes(content + b"EDITED = True\n")
        assert "up to date" in dvc(built, "status").stdout
    finally:
        for path, content in kept.items():
            path.write_bytes(content)


def test_another_default_makes_stale_what_uses_it_and_nothing_else(built: Path, dvc: Dvc) -> None:
    path = built / "src" / "chainrule" / "recipes" / "defaults" / "image.py"
    kept = path.read_text()
    assert kept.count('"weight_decay": 0.05') == 2
    try:
        before, _, after = kept.rpartition('"weight_decay": 0.05')  # of the fine-tuning
        path.write_text(f'{before}"weight_decay": 0.04{after}# EDITED\n')
        said = dvc(built, "status").stdout
        found = staleness.look(built)
    finally:
        path.write_text(kept)
    stale = {f"{stage}@{recipe}" for stage in ("finetune", "export") for recipe in ("digits", "mine")}
    assert set(re.findall(r"^(\w+@\w+):", said, re.MULTILINE)) == stale
    reasons = {stage.name: stage.reasons for stage in found["mine"] if stage.reasons}
    changed = "DEFAULTS.finetune.weight_decay changed (0.05 → 0.04)"
    assert reasons["finetune"] == (f"src/chainrule/recipes/defaults/image.py: {changed}",)
    assert reasons.keys() == {"finetune", "export"}, "the export's model card shows it"


UNWATCHED = """
import importlib, sys
from pathlib import Path

cores, watchers, stages = (word.split() for word in sys.argv[1:])
sys.modules.update(dict.fromkeys(watchers))  # to import one of them is an error
from chainrule.recipes.file import recipe_block
from chainrule.stages.job import Job, carry_out

root = Path.cwd()
for stage in stages:
    work = getattr(importlib.import_module(f"chainrule.stages.{stage}"), stage)
    job = Job(stage, "mine", root, recipe_block(root, "mine"), cores=int(cores[0]))
    carry_out(job, work, trains=stage in ("pretrain", "finetune", "evaluate", "examine", "export"))
"""


def test_a_chain_that_nothing_watches_writes_the_same_bytes(built: Path, tmp_path: Path) -> None:
    shutil.copy(built / "params.yaml", tmp_path)
    shutil.copytree(built / "data" / "mine", tmp_path / "data" / "mine")
    watchers = " ".join(name.removeprefix("src/").removesuffix(".py").replace("/", ".") for name in WATCHERS)
    words = [sys.executable, "-c", UNWATCHED, str(available_cores()), watchers, " ".join(STAGES)]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for stage in STAGES:
        entry = yaml.safe_load((built / "dvc.lock").read_text())["stages"][f"{stage}@mine"]
        for out in (tmp_path / out["path"] for out in entry["outs"]):
            for path in [path for path in (out, *out.rglob("*")) if path.is_file()]:
                assert path.read_bytes() == (built / path.relative_to(tmp_path)).read_bytes(), path


def test_metrics_plots_params_and_experiments_work_as_a_user_of_dvc_expects(built: Path, dvc: Dvc) -> None:
    shown = dvc(built, "metrics", "show", "--md").stdout.splitlines()
    assert [cell.strip() for cell in shown[0].split("|")[1:-1]] == [
        *("Path", "accuracy", "accuracy_high", "accuracy_low", "best_floor", "log_loss", "macro_f1", "rows")
    ]
    assert sorted(line.split("/")[1] for line in shown if "headline.json" in line) == sorted(RECIPES)
    page = dvc(built, "plots", "show").stdout.strip().splitlines()[-1]
    html = Path(page.removeprefix("file://")).read_text()
    assert "confusion_matrix.png" in html
    assert '{"epoch": "2", "validation_accuracy": "' in html
    key = "recipes.digits.finetune"
    words = ("-S", f"{key}.learning_rate=0.01", "-S", f"++{key}.label_smoothing=0.2")  # the second is a default
    dvc(built, "exp", "run", *words, "evaluate@digits")
    difference = dvc(built, "params", "diff").stdout
    assert re.search(r"recipes\.digits\.finetune\.learning_rate\s.*0\.01", difference)
    assert re.search(r"recipes\.digits\.finetune\.label_smoothing\s.*0\.2", difference)
    reran = runs(built)
    latest = reran[(reran["recipe"] == "digits") & reran["parent"].isna()]
    assert len(latest) == 2
    experiment = latest[latest["params"].map(lambda p: p["finetune.learning_rate"]) == "0.01"]
    assert experiment["params"].item()["finetune.label_smoothing"] == "0.2"
    children = reran[reran["parent"] == experiment["id"].item()]
    assert sorted(children["name"]) == ["evaluate", "finetune"]


@pytest.fixture(scope="module")
def without_data(make_clone: Callable[[], Path]) -> Path:
    """Return a clone whose recipe `mine` has files like MNIST's for a source; it is the test that writes them."""
    clone = make_clone()
    params = yaml.safe_load((clone / "params.yaml").read_text())
    params["recipes"]["mine"]["source"] = {"kind": "idx", "path": "data/idx", "classes": ["a", "b"]}
    (clone / "params.yaml").write_text(yaml.safe_dump(params))
    assert run_stage(clone, "accept").returncode == 0
    return clone


def run_stage(clone: Path, stage: str) -> subprocess.CompletedProcess[str]:
    """Run a stage of `mine` as DVC does: what it prints is passed on as it is."""
    words = [sys.executable, "-m", f"chainrule.stages.{stage}", "mine"]
    variables = environment(CHAINRULE_TRACKING="off")
    return subprocess.run(words, cwd=clone, env=variables, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "train-images-idx3-ubyte.gz").unlink(), "train-images-idx3-ubyte"),
        (lambda folder: (folder / "train-images-idx3-ubyte.gz").write_bytes(b""), "train-images-idx3-ubyte.gz"),
        (lambda folder: cut(folder / "train-images-idx3-ubyte.gz"), "train-images-idx3-ubyte.gz"),
        (lambda folder: (folder / "train-labels-idx1-ubyte.gz").write_bytes(b"no gzip"), "train-labels-idx1-ubyte.gz"),
    ],
)
def test_a_broken_source_stops_the_stage_with_one_line_naming_the_file(
    without_data: Path, damage: Callable[[Path], None], said: str
) -> None:
    folder = without_data / "data" / "idx"
    shutil.rmtree(folder, ignore_errors=True)
    write_idx(folder)
    damage(folder)
    answer = run_stage(without_data, "ingest")
    assert answer.returncode == 1
    (line,) = [line for line in answer.stderr.splitlines() if line.startswith("ingest@mine: ")]
    assert said in line
    assert "Traceback" not in answer.stderr + answer.stdout
    assert not (without_data / "data" / "raw" / "mine").exists()


def write_idx(folder: Path) -> None:
    """Write a small data set as MNIST's files are."""
    import gzip
    import struct

    folder.mkdir()
    for part, rows in (("train", 20), ("t10k", 10)):
        pixels = np.random.default_rng(rows).integers(0, 256, (rows, 6, 6), dtype=np.uint8)
        images = struct.pack(">4i", 2051, rows, 6, 6) + pixels.tobytes()
        labels = struct.pack(">2i", 2049, rows) + bytes(number % 2 for number in range(rows))
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])
