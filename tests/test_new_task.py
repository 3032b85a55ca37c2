"""A task is one folder and one name: added to a clone, built, served, and its versions promoted and refused."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import code_closure
import server_process
import task_project
from chainrule.recipes.file import recipe_block
from chainrule.stages import declared
from tiny_clone import environment

TOY = Path(task_project.__file__).with_name("toy_task")


@pytest.fixture(scope="module")
def grown(project: Path, empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clone with the task; nothing is built."""
    root = task_project.make(project, tmp_path_factory.mktemp("task") / "project", empty_store)
    task_project.add_task(root)
    return root


def own(root: Path) -> dict[str, str]:
    """The environment of the clone's own code."""
    return environment(PYTHONPATH=str(root / "src"))


@pytest.fixture(scope="module")
def decided(grown: Path) -> list[dict[str, Any]]:
    """What was decided about each of three versions."""
    run = subprocess.run(
        [sys.executable, task_project.__file__], cwd=grown, env=own(grown), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads((grown / "decided.json").read_text())
    return found


def test_nothing_but_the_folder_and_a_name_is_edited(grown: Path) -> None:
    changed = task_project.git(grown, "status", "--porcelain", "--untracked-files=all").splitlines()
    added = [f"?? {task_project.FOLDER}/{path.name}" for path in TOY.glob("*.*")]
    assert sorted(changed) == sorted([f" M {task_project.CATALOGUE}", *added])
    assert task_project.git(grown, "diff", "--numstat").split() == ["1", "0", task_project.CATALOGUE]


def test_dvc_yaml_declares_the_code_of_its_stages(grown: Path) -> None:
    block = recipe_block(grown, task_project.RECIPE)
    for name, stage in yaml.safe_load((grown / "dvc.yaml").read_text())["stages"].items():
        deps, _ = declared.resolved(stage["do"], task_project.RECIPE, block)
        assert code_closure.closure(grown / "src", name, block) <= set(deps), name


def test_it_is_built_scored_and_its_versions_promoted_or_refused(grown: Path, decided: list[dict[str, Any]]) -> None:
    first, worse, as_good = decided
    assert first == {"version": 1, "promoted": True, "reason": "the first", "served": "1"}
    assert (worse["version"], worse["promoted"], worse["served"]) == (2, False, "1")
    assert "may be worse than version 1" in worse["reason"] and "hit rate" in worse["reason"]
    assert (as_good["version"], as_good["promoted"], as_good["served"]) == (3, True, "3")
    scores = json.loads((grown / "reports" / "stars" / "metrics.json").read_text())
    assert scores["test"]["hit_rate"]["value"] > scores["floor"]["commonest"]["hit_rate"]["high"]
    assert "Stars off" in (grown / "reports" / "stars" / "report.html").read_text()


@pytest.mark.usefixtures("decided")
def test_it_is_served(grown: Path) -> None:
    with server_process.observing(grown, environment=own(grown)) as (_, live):

        def stars(text: str) -> int:
            asked = json.dumps({"text": text}).encode()
            found: int = live.ask("POST", "/models/stars", asked, Content_Type="application/json").json["stars"]
            return found

        assert stars("good fine warm kind") > stars("good fine grey cold") > stars("grey cold slow thin")
        assert "★" in live.ask("GET", "/tasks/star_rating/view.js").content.decode()
