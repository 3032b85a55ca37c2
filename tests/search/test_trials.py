"""Searches with real stages, studies and MLflow: what trials read, try, leave behind, and what becomes of the best."""

import hashlib
import multiprocessing
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

import search_project
from chainrule import cli
from chainrule.recipes.file import recipe_block
from chainrule.runs.journal import journals
from chainrule.search import aside, space, study, trial, worker
from chainrule.search import plan as plans
from chainrule.stages.job import Untracked
from chainrule.system import processes
from chainrule.system.errors import DataError, ParamsError
from waiting import until

RATES = {"finetune.learning_rate": "0.001..0.1:log"}


@pytest.fixture(scope="module")
def made(project: Path, empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = search_project.make(project, tmp_path_factory.mktemp("search") / "project")
    shutil.copy(empty_store, root)
    return root


@pytest.fixture
def root(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project without a study."""
    monkeypatch.setenv("CHAINRULE_TRACKING", "off")
    monkeypatch.setenv(processes.CORES, "1")
    monkeypatch.chdir(made)
    (made / ".chainrule" / "search.db").unlink(missing_ok=True)
    (made / "params.yaml").write_text(search_project.RECIPE)
    return made


def planned(root: Path, **options: Any) -> plans.Plan:
    return plans.make(root, "digits", {"space": RATES, "trials": 2, **options}, seed=None, storage=None)


def tried(plan: plans.Plan) -> list[Any]:
    """Return the values of every trial, with what it came to."""
    return [(each.user_attrs["values"], each.value) for each in study.open_study(plan).trials]


def outputs(root: Path) -> dict[Path, str]:
    """Return the hash of every file of the project, but what a search is allowed to write."""
    own = {".chainrule", ".git", ".dvc", "mlruns", "src"}
    files = (path for path in root.rglob("*") if path.is_file() and own.isdisjoint(path.relative_to(root).parts))
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if "mlflow.db" not in path.name}


def test_a_search_changes_nothing_until_it_is_told_to(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["tune", "digits", "--set", "finetune.batch_size=16,256", "--sampler", "grid"]
    before = outputs(root)
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert said.count("\ntrial ") == 3, "the grid's two, and the head of the table"
    assert "-      batch_size: 256\n+      batch_size: 16\n" in said, "sixteen times the updates"
    assert outputs(root) == before
    assert not [path for path in (root / ".chainrule" / "search").rglob("*") if path.is_dir() and path.name.isdigit()]
    logs = sorted((root / ".chainrule" / "search").rglob("*.log"))
    assert len(logs) >= 2 and "epoch 2: loss" in logs[0].read_text()
    assert next((root / ".chainrule" / "search").rglob("slices.png")).read_bytes().startswith(b"\x89PNG")

    # Again: there are enough trials, and now the best is written.
    assert cli.main([*words, "--apply"]) == 0
    said = capsys.readouterr().out
    assert "trial 0:" not in said and "Written into params.yaml" in said
    wanted = search_project.RECIPE.replace("batch_size: 256", "batch_size: 16")
    assert (root / "params.yaml").read_text() == wanted

    # The recipe is another now, and so is the study.
    assert cli.main([*words, "--trials", "2"]) == 0
    assert "Nothing found was better than the recipe as it is" in capsys.readouterr().out


def test_a_process_tries_one_precision_after_another(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["tune", "digits", "--set", "finetune.precision=fp32,bf16", "--set", "finetune.epochs=1"]
    assert cli.main([*words, "--sampler", "grid"]) == 0
    assert "2 whole trials, 0 ended early, 0 could not be trained" in capsys.readouterr().out


def test_a_trial_cannot_read_the_test_rows(root: Path) -> None:
    plan = planned(root)
    folder = root / "lent"
    aside.lend(root, "digits", plan.given, recipe_block(root, "digits"), plan.stages, folder)
    lent = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink()}
    shutil.rmtree(folder)
    assert lent == {
        "data/augmented/digits", "data/split/digits/validation.parquet", "models/base/digits",
        "models/pretrained/digits",
    }  # fmt: skip
    assert not list((root / "data" / "augmented" / "digits").glob("test*"))
    tests = root / "data" / "split" / "digits" / "test.parquet"
    away = tests.rename(root / "away.parquet")
    try:
        found = trial.train(plan, 0, {"finetune.epochs": 1}, Untracked(), lambda value, epoch: None, 1)
    finally:
        away.rename(tests)
    assert found["epochs"] == 1 and 0 <= found["accuracy"] <= 1


def test_a_searched_net_is_pretrained_in_the_trial(root: Path) -> None:
    plan = planned(root, space={"net.width": [8, 10], "augment.copies": [0, 1]})
    assert plan.stages == ["augment", "pretrain", "finetune"]
    found = [
        trial.train(plan, 0, {"net.width": width, "augment.copies": copies}, Untracked(), lambda value, epoch: None, 1)
        for width, copies in ((8, 0), (10, 1))
    ]
    assert found[1]["parameters"] > found[0]["parameters"] and found[1]["rows"] == 2 * found[0]["rows"]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_an_interrupted_search_goes_on_as_it_would_have(root: Path, sampler: str) -> None:
    worker.run(planned(root, sampler=sampler, trials=1), 1, print)
    plan = planned(root, sampler=sampler, trials=3)
    worker.run(plan, 1, print)
    interrupted = tried(plan)
    (root / ".chainrule" / "search.db").unlink()
    worker.run(plan, 1, print)
    assert tried(plan) == interrupted
    rates = [values["finetune.learning_rate"] for values, _ in interrupted]
    assert rates[0] == 0.003, "the first is the recipe as it is"
    assert len(set(rates)) == 3 and all(0.001 <= rate <= 0.1 for rate in rates)


def die(plan: plans.Plan) -> None:
    """Begin a trial and die in it."""
    asked = study.open_study(plan).ask()
    asked.set_user_attr("owner", study.owner())
    os._exit(9)


def test_what_a_dead_process_left_running_has_failed_and_is_made_up_for(root: Path) -> None:
    plan = planned(root, trials=1)
    opened = study.open_study(plan)
    process = multiprocessing.get_context("spawn").Process(target=die, args=(plan,))
    process.start()
    process.join()
    assert process.exitcode == 9
    assert [each.state.name for each in opened.trials] == ["RUNNING"] and study.left(opened, plan) == 0
    opened = study.open_study(plan)
    assert [each.state.name for each in opened.trials] == ["FAIL"] and study.left(opened, plan) == 1
    # One that lives is left alone.
    opened.ask().set_user_attr("owner", study.owner())
    assert [each.state.name for each in study.open_study(plan).trials] == ["FAIL", "RUNNING"]


def test_a_trial_worse_than_half_of_the_others_ends_early(root: Path) -> None:
    from optuna.trial import create_trial

    plan = planned(root, space={"finetune.epochs": [4]}, trials=7)
    opened = study.open_study(plan)
    values = {1: 0.99, 2: 0.99, 3: 0.99, 4: 0.99}
    for _ in range(5):
        known = {"values": {"finetune.epochs": 4}, "epoch": 4, "epochs": 4}
        opened.add_trial(create_trial(value=0.99, intermediate_values=values, user_attrs=known))
    line = worker.one(plan, opened)
    assert line is not None and "pruned after epoch 2 at accuracy 0." in line
    assert opened.trials[-1].state.name == "PRUNED" and max(opened.trials[-1].intermediate_values) == 2


def test_what_cannot_be_trained_is_said_and_the_search_goes_on(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = search_project.RECIPE.replace(
        "{name: cnn, width: 8, depth: 2}", "{name: torchvision, arch: squeezenet1_1}"
    )
    (root / "params.yaml").write_text(recipe)
    words = ["tune", "digits", "--set", "net.arch=squeezenet1_1", "--trials", "2"]
    assert cli.main(words) == 1
    said = capsys.readouterr().out
    assert "trial 1: cannot be trained: net torchvision squeezenet1_1: does not take images of 8×8" in said
    assert "0 whole trials, 0 ended early, 2 could not be trained" in said


def test_two_processes_share_a_study_that_neither_has_made(root: Path) -> None:
    plan = planned(root, trials=4)
    worker.run(plan, 2, print)
    found = study.open_study(plan).trials
    assert {each.state.name for each in found} == {"COMPLETE"} and 4 <= len(found) <= 5
    assert len({each.user_attrs["owner"][1] for each in found}) == 2


def test_mlflow_has_the_trials_below_one_run_of_the_study(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAINRULE_TRACKING")
    for name in [name for name in os.environ if name.startswith("MLFLOW_TRACKING")]:
        monkeypatch.delenv(name)
    assert cli.main(["tune", "digits", "--set", "finetune.learning_rate=0.003,0.1", "--sampler", "grid"]) == 0
    until(lambda: not journals(root), what="the end of sending")
    with closing(sqlite3.connect(root / "mlflow.db")) as store:
        runs = {name.partition(",")[0]: run for run, name in store.execute("SELECT run_uuid, name FROM runs")}
        (parent,) = [name for name in runs if name.startswith("digits search ")]
        asked = "SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId' AND value = ?"
        below = {run for (run,) in store.execute(asked, (runs[parent],))}
        assert below == {runs[name] for name in ("trial 0", "trial 1", "search")}
        asked = "SELECT run_uuid, value FROM params WHERE key = 'finetune.learning_rate'"
        rates = dict(store.execute(asked))
        assert {rates[runs["trial 0"]], rates[runs["trial 1"]]} == {"0.003", "0.1"} and rates[runs[parent]] == "0.003"
        asked = "SELECT run_uuid, value FROM latest_metrics WHERE key = ?"
        scores = dict(store.execute(asked, ("accuracy",)))
        assert scores.keys() == {runs["trial 0"], runs["trial 1"]}
        assert dict(store.execute(asked, ("validation.accuracy",)))[runs[parent]] == max(scores.values())


# ---- before any work


def test_stale_inputs_are_refused_with_the_command_that_mends_them(root: Path) -> None:
    params = yaml.safe_load(search_project.RECIPE)
    params["recipes"]["digits"]["augment"] = {"copies": 1}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(DataError, match=r"augment: .*copies changed \(0 → 1\).*`dvc repro augment@digits`"):
        planned(root)
    assert planned(root, space={"augment.copies": [0, 1]}).stages == ["augment", "finetune"], "a trial makes its own"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "finetune.epochs=0..3"], "greater than or equal to 1"),
        (["--set", "finetune.epochs"], "--set finetune.epochs: KEY=VALUES is needed"),
        (["--sampler", "bayes"], "one of tpe, random, grid is needed"),
        (["--sampler", "grid"], "a grid needs lists, or ranges with a step: finetune.learning_rate: "),
        (["--jobs", "0"], "--jobs 0: at least 1"),
        (["--storage", "nothing://here"], "--storage nothing://here: "),
    ],
)
def test_a_mistaken_option_is_one_line(
    root: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert cli.main(["tune", "digits", *words]) in (1, 2)
    assert said in capsys.readouterr().err


def test_the_space_of_a_recipe_that_names_none_is_around_its_values(root: Path) -> None:
    block = recipe_block(root, "digits")
    found = space.default(block)
    assert found["finetune.learning_rate"] == "0.00075..0.012:log"
    assert found["finetune.epochs"] == [1, 2, 4] and found["finetune.batch_size"] == [128, 256, 512]
    assert found["net.dropout"] == [0.1, 0.0, 0.2, 0.3], "nothing is pretrained"
    assert space.own_values(found, block) is not None, "it holds the recipe as it is"
    alone = space.default({**block, "finetune": {**block["finetune"], "strategy": {"name": "head_only"}}})
    assert alone["finetune.learning_rate"] == "0.0003..0.03:log"
    pretrained = space.default({**block, "pretrain": {**block["pretrain"], "objective": {"name": "masked_image"}}})
    assert "net.dropout" not in pretrained


def test_a_grid_has_every_value_once() -> None:
    assert space.grid({"a": "2..8:3", "b": "0..0.3:0.1", "c": [None, "x"]}) == {
        "a": [2, 5, 8], "b": [0.0, 0.1, 0.2, 0.3], "c": [None, "x"],
    }  # fmt: skip
    with pytest.raises(ParamsError, match=r"d: 0\.1\.\.0\.2"):
        space.grid({"d": "0.1..0.2"})
