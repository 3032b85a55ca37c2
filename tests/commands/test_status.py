"""`chainrule status` in every state that a project can be in."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import toy_project
from chainrule import cli
from chainrule.release import promotion, registry
from chainrule.retraining import decisions
from chainrule.retraining.decisions import Decision


def status(root: Path, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What the command prints on stdout; on stderr if it fails."""
    assert cli.main(["status", "--root", str(root), *words]) == code
    out, err = capsys.readouterr()
    return err if code else out


def facts(root: Path, capsys: pytest.CaptureFixture[str], recipe: str = "digits") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(status(root, capsys, recipe, "--json"))["recipes"][0]
    return found


def stale(root: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    return {stage["name"]: stage["reasons"] for stage in facts(root, capsys)["stages"] if stage["stale"]}


def test_a_project_that_was_built(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = status(toy, capsys)
    assert "digits: up to date\n" in said
    assert "reviews: never run; `dvc repro` builds it\n" in said
    assert "champion    none; chainrule promote digits" in said
    assert "challenger  version 1, test accuracy 0.9000 (0.8500 to 0.9500), 20" in said
    assert "retrained   never" in said
    assert "no Prefect server" in said
    assert said.index("digits:") < said.index("reviews:"), "in the order of params.yaml"
    assert max(map(len, said.splitlines())) <= 80
    assert "\033" not in said
    assert stale(toy, capsys) == {}


def test_rows_that_were_lost_are_counted_and_loud_where_they_are_many(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert facts(toy, capsys)["rows"] is None
    folder = toy / "reports" / "digits"
    folder.mkdir(parents=True, exist_ok=True)
    clean = {"raw": 2225, "rejected": 1076, "reasons": {"too_long": 1076}, "repairs": {}}
    (folder / "clean.json").write_text(json.dumps(clean))
    (folder / "split.json").write_text(json.dumps({"excluded": 0}))
    assert "  WARNING     1,076 of 2,225 rows (48.4%) left out: too long 1,076\n" in status(toy, capsys)
    clean |= {"rejected": 7, "reasons": {"too_short": 7}, "repairs": {"cut": 1069}}
    (folder / "clean.json").write_text(json.dumps(clean))
    assert "  rows        7 of 2,225 rows (0.3%) left out: too short 7; 1,069 long texts cut\n" in status(toy, capsys)


def test_a_changed_parameter_is_named_with_both_values(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toy_project.set_param(toy, "digits", 33, "finetune", "epochs")
    assert stale(toy, capsys) == {"finetune": ["recipes.digits.finetune.epochs changed (20 → 33)"]}
    said = status(toy, capsys, "digits")
    assert (
        "digits: stale\n  finetune    recipes.digits.finetune.epochs changed (20 → 33)\n  then        export\n" in said
    )
    assert "reviews" not in said


def test_a_terminal_of_eight_bits_shows_what_it_can(toy: Path) -> None:
    toy_project.set_param(toy, "digits", 33, "finetune", "epochs")
    found = subprocess.run(
        [sys.executable, "-m", "chainrule.cli", "status", "digits", "--root", str(toy)],
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=True,
    )
    assert b"epochs changed (20 \\u2192 33)" in found.stdout


def test_parameters_that_came_and_went(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toy_project.set_param(toy, "digits", {"name": "head_only"}, "finetune", "strategy")
    toy_project.set_param(toy, "digits", 1.5, "finetune", "gradient_clip")
    (reasons,) = stale(toy, capsys).values()
    assert sorted(reasons) == [
        "recipes.digits.finetune.gradient_clip is new (1.5)",
        "recipes.digits.finetune.strategy.name changed (full → head_only)",
    ]


def test_changed_code_data_and_commands_are_named(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toy_project.edit(toy / "src" / "toy.py", "GAIN = 1.0", "GAIN = 1.1")
    (toy / "data" / "source" / "digits.txt").write_text("one\n")
    toy_project.edit(toy / "dvc.yaml", "toy.py split", "toy.py  split")
    assert stale(toy, capsys) == {
        "ingest": ["data/source/digits.txt changed"],
        "split": ["its command in dvc.yaml changed"],
        "finetune": ["src/toy.py changed"],
    }
    stages = {stage["name"]: stage["follows"] for stage in facts(toy, capsys)["stages"]}
    assert stages == {"accept": False, "ingest": False, "split": False, "finetune": False, "export": True}


def test_paths_are_said_from_the_top_of_the_project_wherever_one_stands(
    toy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(toy / "src")
    toy_project.edit(toy / "src" / "toy.py", "GAIN = 1.0", "GAIN = 1.1")
    (toy / "data" / "source" / "digits.txt").unlink()
    assert stale(toy, capsys) == {"ingest": ["data/source/digits.txt is missing"], "finetune": ["src/toy.py changed"]}


def test_many_reasons_are_counted(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for key, value in {"epochs": 1, "batch_size": 2, "learning_rate": 0.5, "weight_decay": 0.5, "warm_up": 0.5}.items():
        toy_project.set_param(toy, "digits", value, "finetune", key)
    assert "and 2 more reasons" in " ".join(status(toy, capsys, "digits").split())


def test_a_fresh_clone_has_nothing_here(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("data/accepted", "data/raw", "data/split", "models", ".dvc/cache"):
        shutil.rmtree(toy / folder)
    (toy / "mlflow.db").unlink()
    said = status(toy, capsys)
    assert "digits: its outputs are not here; `dvc pull` fetches them, `dvc repro` makes them\n" in said
    assert "champion    not known, see registry below" in said
    assert "mlflow.db: no such registry" in " ".join(said.split())


def test_a_missing_source_and_an_altered_output(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (toy / "data" / "source" / "digits.txt").unlink()
    (toy / "models" / "finetuned" / "digits.json").chmod(0o644)
    (toy / "models" / "finetuned" / "digits.json").write_text("7")
    assert stale(toy, capsys) == {
        "ingest": ["data/source/digits.txt is missing"],
        "finetune": ["models/finetuned/digits.json is not as the stage wrote it"],
        "export": ["models/finetuned/digits.json changed"],
    }


def test_nothing_is_changed_by_looking(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in toy.rglob("*") if path.is_file() and ".dvc/tmp" not in str(path)}
    status(toy, capsys)
    after = {path: path.read_bytes() for path in toy.rglob("*") if path.is_file() and ".dvc/tmp" not in str(path)}
    assert {path for path in before if before[path] != after.get(path)} == set()


def test_a_champion_that_is_not_served_is_said(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with promotion.speaking(toy) as client:
        client.set_registered_model_alias("digits", "champion", "1")
    said = status(toy, capsys, "digits")
    assert "champion    version 1, test accuracy 0.9000" in said
    assert "served      nothing, not the champion: chainrule promote digits 1" in said


def test_a_model_under_its_floor_is_said_first(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with promotion.speaking(toy) as client:
        run_id = registry.versions(client, "digits")[0].run_id
        client.log_metric(run_id, "floor.majority_class.accuracy", 0.5)
        client.log_metric(run_id, "floor.naive_bayes.accuracy", 0.96)
    lines = status(toy, capsys, "digits").splitlines()
    said = " ".join(" ".join(lines).split())
    assert lines[1].startswith("  WARNING     version 1 is UNDER ITS FLOOR: accuracy 0.9000, 6.0 points below")
    assert "test accuracy 0.9000 (0.8500 to 0.9500), floor 0.9600 (naive bayes)" in said
    assert "floor: the best of the simple models trained on the same rows" in said
    assert max(map(len, lines)) <= 80
    found = facts(toy, capsys)["model"]["challenger"]["quality"]
    assert found["floor"] == {"name": "naive_bayes", "value": 0.96}


DECISION = Decision(
    "2026-11-21T03:00:00+00:00", "digits", ("new data: 120 rows",), "b", 120, 0,
    {"flagged": True, "tests": ["labels p 0.0001", "pixels p 0.002"]},
    "refused", "not better by the margin", 2, 1, None, None, 60.0, None,
)  # fmt: skip


def test_the_last_retraining_and_its_drift(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decisions.append(toy, replace(DECISION, action="promoted", drift=None))
    decisions.append(toy, DECISION)
    said = " ".join(status(toy, capsys, "digits").split())
    assert "refused: not better by the margin" in said
    assert "promoted" not in said
    assert "drift found (labels p 0.0001, pixels p 0.002)" in said
    assert facts(toy, capsys)["retrain"]["challenger"] == 2
    decisions.append(toy, replace(DECISION, drift={"flagged": False, "tests": []}))
    assert "drift       none found\n" in status(toy, capsys, "digits")


def test_waiting_files_and_journals_are_counted(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = toy / "data" / "incoming" / "digits" / "seven"
    folder.mkdir(parents=True)
    for name in ("a.png", "b.png", ".partial.png"):
        (folder / name).write_bytes(b"")
    journal = toy / ".chainrule" / "journal" / "0000000000000-digits-export-00"
    journal.mkdir(parents=True)
    (journal / "owner.lock").write_text("")
    said = status(toy, capsys)
    assert "incoming    2 files wait in data/incoming/digits" in said
    assert "journals    1 run waits for MLflow: python -m chainrule.runs.tracking" in said


def test_a_registry_that_is_down_hides_nothing_else(
    toy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    said = status(toy, capsys)
    assert "digits: up to date" in said
    assert "registry    registry http://127.0.0.1:9: Connection refused" in said


def test_mistakes_in_params_are_shown(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toy_project.set_param(toy, "digits", "resnet10", "net", "name")
    assert "recipes.digits.net.name: found 'resnet10'" in status(toy, capsys, code=2)


def test_an_unknown_recipe_and_no_project(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there are digits, reviews" in status(toy, capsys, "digit", code=1)
    shutil.rmtree(toy / ".dvc")
    assert "DVC" in status(toy, capsys, code=1)
    (toy / "params.yaml").unlink()
    assert "run from the top folder of the project" in status(toy, capsys, code=2)


def test_a_broken_dvc_yaml_is_one_line(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (toy / "dvc.yaml").write_text("stages: [")
    assert "dvc.yaml" in status(toy, capsys, code=1)


def test_colours_only_on_a_terminal(
    toy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\033" not in status(toy, capsys)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "\033[32mup to date\033[0m" in status(toy, capsys)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in status(toy, capsys)


# ---- Prefect


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A server that answers as Prefect 3.8 does; what it answers, by path."""
    answers: dict[str, Any] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            content = json.dumps(answers[self.path]).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{server.server_port}/api")
    yield answers
    server.shutdown()
    server.server_close()


def run(when: str, state: str = "Scheduled", **parameters: Any) -> dict[str, Any]:
    return {
        "name": "calm-otter", "expected_start_time": when, "state_name": state, "parameters": parameters,
        "deployment_id": "d1",
    }  # fmt: skip


def test_the_next_scheduled_run_of_each_recipe(
    toy: Path, capsys: pytest.CaptureFixture[str], prefect: dict[str, Any]
) -> None:
    prefect["/api/flow_runs/filter"] = [
        run("2026-11-22T01:00:00Z", name="another flow"),
        run("2026-11-23T03:00:00Z", recipe="digits"),
        run("2026-11-23T04:00:00Z", recipes=None),
        run("2026-11-24T03:00:00Z", recipe="digits"),
    ]
    prefect["/api/deployments/filter"] = [{"id": "d1", "name": "nightly"}]
    found = [facts(toy, capsys, recipe)["next_run"] for recipe in ("digits", "reviews")]
    assert [one["when"] for one in found] == ["2026-11-23T03:00:00+00:00", "2026-11-23T04:00:00+00:00"]
    assert "(nightly)" in status(toy, capsys)
    prefect["/api/flow_runs/filter"] = [run("2026-11-22T03:00:00Z", "Late", recipe="reviews")]
    said = status(toy, capsys)
    assert "none is scheduled" in said
    assert "(nightly, late)" in said


def test_a_prefect_server_that_is_down_or_is_something_else(
    toy: Path, capsys: pytest.CaptureFixture[str], prefect: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    prefect["/api/flow_runs/filter"] = {"detail": "hello"}
    assert "what answers there is not Prefect" in " ".join(status(toy, capsys).split())
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    said = status(toy, capsys)
    assert "next run    not known, see Prefect below" in said
    assert "nothing answers there (" in " ".join(said.split())
