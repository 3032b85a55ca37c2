"""The registry against a real MLflow store."""

from typing import Any

import pytest

from chainrule import registry, sending


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, str, str]:
    """A client, an experiment and a run in a new SQLite store."""
    root = tmp_path_factory.mktemp("registry")
    client = sending.connect(root, f"sqlite:///{root / 'mlflow.db'}")
    experiment = client.create_experiment("digits", artifact_location=(root / "mlruns").as_uri())
    return client, experiment, client.create_run(experiment).info.run_id


def logged_model(client: Any, experiment: str, run_id: str) -> str:
    model = client.create_logged_model(experiment, "model", run_id)
    client.finalize_logged_model(model.model_id, "READY")
    return str(model.model_id)


def test_a_recipe_never_registered_has_no_versions(store: tuple[Any, str, str]) -> None:
    assert registry.versions(store[0], "never-registered") == []


def test_versions_count_up_and_come_newest_first(store: tuple[Any, str, str]) -> None:
    client, experiment, run_id = store
    for sha256 in ("a", "b"):
        model = logged_model(client, experiment, run_id)
        registry.register(client, "counting", model, run_id, {"sha256": sha256})
    found = registry.versions(client, "counting")
    assert [(version.number, version.tags["sha256"], version.run_id) for version in found] == [
        (2, "b", run_id),
        (1, "a", run_id),
    ]


def test_the_same_model_is_registered_once(store: tuple[Any, str, str]) -> None:
    client, experiment, run_id = store
    model = logged_model(client, experiment, run_id)
    first = registry.register(client, "once", model, run_id, {"sha256": "a"})
    again = registry.register(client, "once", model, run_id, {"sha256": "a"})
    assert first.number == again.number == 1
    assert len(registry.versions(client, "once")) == 1


def test_a_version_says_which_aliases_point_to_it(store: tuple[Any, str, str]) -> None:
    client, experiment, run_id = store
    registry.register(client, "served", logged_model(client, experiment, run_id), run_id, {})
    client.set_registered_model_alias("served", "champion", "1")
    assert registry.versions(client, "served")[0].aliases == ("champion",)
