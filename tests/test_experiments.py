"""`dvc exp run --temp`, as a user types it: DVC runs a copy of the project in a temporary folder below it."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import shipped
from chainrule.runs.journal import journals, sender_lock
from chainrule.system import locks
from tiny_clone import environment
from waiting import until

DVC_YAML = """
stages:
  accept:
    cmd: python -m chainrule.stages.accept digits
    deps: [src/chainrule/stages/accept.py]
    outs:
      - data/accepted/digits:
          persist: true
    metrics:
      - reports/digits/accept.json:
          cache: false
"""


def test_an_experiment_runs_its_own_source_and_is_recorded_in_the_project(
    project: Path, tmp_path: Path, empty_store: Path
) -> None:
    root = tmp_path / "project"
    shutil.copytree(project / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project / ".gitignore", root)
    shutil.copy(shipped.PARAMS, root / "params.yaml")
    shutil.copy(empty_store, root)
    (root / "dvc.yaml").write_text(DVC_YAML)
    (root / "reports" / "digits").mkdir(parents=True)

    def run(*words: str) -> str:
        done = subprocess.run(words, cwd=root, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("git", "init", "-q")
    run(sys.executable, "-m", "dvc", "init", "-q")
    shutil.copy(project / ".dvc" / "config", root / ".dvc" / "config")
    run("git", "add", "-A")
    run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "the project")
    stage = root / "src" / "chainrule" / "stages" / "accept.py"
    stage.write_text(stage.read_text().replace('found else "no batches', 'found else "EDITED: no batches'))
    key = "recipes.digits.finetune"
    words = ("-S", f"{key}.epochs=21", "-S", f"++{key}.patience=4")  # one that the file has, and a default
    said = run(sys.executable, "-m", "dvc", "exp", "run", "--temp", "-n", "mine", *words)
    assert "accept@digits: EDITED: no batches" in said
    until(lambda: not journals(root) and not locks.is_held(sender_lock(root)), what="the end of sending")
    with closing(sqlite3.connect(root / "mlflow.db")) as store:
        rows = store.execute("SELECT name, status, artifact_uri FROM runs ORDER BY start_time, name DESC").fetchall()
        asked = "SELECT DISTINCT key, value FROM params WHERE key IN ('finetune.epochs', 'finetune.patience')"
        assert set(store.execute(asked)) == {("finetune.epochs", "21"), ("finetune.patience", "4")}
    assert [(name.partition(",")[0], status) for name, status, _ in rows] == [
        ("digits mine", "FINISHED"),
        ("accept", "FINISHED"),
    ]
    assert all(place.startswith((root / "mlruns").as_uri()) for *_, place in rows)
    assert (root / ".chainrule" / "sender.log").read_text() == ""
