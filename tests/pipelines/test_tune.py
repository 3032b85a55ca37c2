"""A search as a flow, with a real Prefect server: each trial a task, in the study that the command shares."""

from pathlib import Path

import pytest

import search_project
from chainrule.search import plan as plans
from chainrule.search import study
from chainrule.system import processes
from prefect_asked import ask


def test_trials_are_tasks_of_a_study_that_the_command_shares(
    as_user: None, prefect_url: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = search_project.make(project, tmp_path / "project")
    monkeypatch.chdir(root)
    monkeypatch.setenv("CHAINRULE_TRACKING", "off")
    monkeypatch.setenv(processes.CORES, "1")
    from pipelines.tune import tune

    options = {"space": {"finetune.batch_size": [128, 256]}, "sampler": "grid"}
    for _ in range(2):  # the second time there is nothing left to do
        state = tune("digits", **options, return_state=True)
        assert state.is_completed() and "best of the validation rows: accuracy 0." in state.message
    opened = study.open_study(plans.make(root, "digits", options, seed=None, storage=None))
    assert [each.state.name for each in opened.trials] == ["COMPLETE", "COMPLETE"]
    assert (root / "params.yaml").read_text() == search_project.RECIPE
    runs = ask(f"{prefect_url}/task_runs/filter")
    assert {"trial-0", "trial-1"} <= {run["name"] for run in runs}
    state = tune("digits", space={"finetune.epochs": [0]}, return_state=True)
    assert state.is_failed() and "greater than or equal to 1" in state.message
