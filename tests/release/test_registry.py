"""The registry against a real MLflow store."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from chainrule.release import registry
from chainrule.runs import mlflow_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[Any, str, str]:
    """A client, an experiment and a run in a new SQLite store."""
    root = tmp_path_factory.mktemp("registry")
    shutil.copy(empty_store, root)
    client = mlflow_store.connect(root, f"sqlite:///{root / 'mlflow.db'}")
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
    assert registry.versions(client, "served")[0].aliases == ("challenger", "champion")


def test_models_of_other_tools_are_in_nobodys_way(store: tuple[Any, str, str]) -> None:
    client, experiment, run_id = store
    foreign = ["O'Brien churn", 'a "quoted" one', "-hidden"]
    for name in foreign:
        client.create_registered_model(name)
    registry.register(client, "ours", logged_model(client, experiment, run_id), run_id, {})
    assert set(foreign) <= set(registry.names(client))
    assert "ours" in registry.recipes(client)
    assert not set(foreign) & set(registry.recipes(client))
    assert [registry.versions(client, name) for name in foreign] == [[]] * len(foreign)


# ---- challengers


def challenger(client: Any, recipe: str) -> int | None:
    return registry.aliases(client, recipe).get("challenger")


def test_the_newest_version_is_the_challenger(store: tuple[Any, str, str]) -> None:
    client, experiment, run_id = store
    for _ in range(2):
        registry.register(client, "challenging", logged_model(client, experiment, run_id), run_id, {})
    assert challenger(client, "challenging") == 2
    found = [(move.before, move.after, move.action) for move in registry.moves(client, "challenging")]
    assert found == [(1, 2, "register"), (None, 1, "register")]


def test_a_version_that_was_champion_does_not_challenge_again(store: tuple[Any, str, str]) -> None:
    client, experiment, run_id = store
    registry.register(client, "had-its-turn", logged_model(client, experiment, run_id), run_id, {})
    model = logged_model(client, experiment, run_id)
    registry.register(client, "had-its-turn", model, run_id, {})
    for before, after, action in ((None, 1, "promote"), (1, 2, "promote"), (2, 1, "rollback")):
        registry.move_alias(client, "had-its-turn", champion_move(before, after, action))
    # A sender that died before it could note how far it came registers again.
    registry.register(client, "had-its-turn", model, run_id, {})
    assert registry.aliases(client, "had-its-turn") == {"champion": 1}


# ---- moves


def champion_move(before: int | None, after: int, action: str = "promote", reason: str = "better") -> registry.Move:
    return registry.new_move("champion", action, before, after, reason)


def test_a_move_is_recorded_with_all_about_it_however_often(store: tuple[Any, str, str]) -> None:
    client, experiment, run_id = store
    registry.register(client, "moving", logged_model(client, experiment, run_id), run_id, {})
    move = champion_move(None, 1, reason="  better\n \x1b by far ")
    registry.move_alias(client, "moving", move)
    registry.record_move(client, "moving", move)
    assert registry.aliases(client, "moving") == {"champion": 1}
    assert [found for found in registry.moves(client, "moving") if found.alias == "champion"] == [move]
    became, registered = [found for found in registry.moves(client, "moving") if found.alias == "challenger"]
    assert [(found.before, found.after) for found in (registered, became)] == [(None, 1), (1, None)]
    assert move.reason == "better by far"
    assert "@" in move.by


def test_only_the_newest_moves_are_kept(store: tuple[Any, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    client, experiment, run_id = store
    monkeypatch.setattr(registry, "KEPT_MOVES", 3)
    for _ in range(2):
        registry.register(client, "restless", logged_model(client, experiment, run_id), run_id, {})
    for turn in range(5):
        registry.move_alias(client, "restless", champion_move(2 - turn % 2, 1 + turn % 2, reason=str(turn)))
    found = registry.moves(client, "restless")
    assert [move.reason for move in found if move.alias == "champion"] == ["4", "3", "2"]
    assert len([move for move in found if move.alias == "challenger"]) <= 3


def test_a_move_with_the_longest_reason_fits_into_a_tag(store: tuple[Any, str, str]) -> None:
    client, experiment, run_id = store
    registry.register(client, "wordy", logged_model(client, experiment, run_id), run_id, {})
    registry.move_alias(client, "wordy", champion_move(None, 1, reason='"ü' * 50_000))
    [move] = [move for move in registry.moves(client, "wordy") if move.alias == "champion"]
    assert len(move.reason) == registry.LONGEST_REASON
    assert max(map(len, client.get_registered_model("wordy").tags.values())) <= 5000


@pytest.mark.parametrize(
    "value",
    [
        "moved by hand", "[]", "{}", "[" * 2000, '{"alias": "champion"}',
        '{"alias": "champion", "action": "", "before": "1", "after": 2, "when": "", "reason": "", "by": ""}',
        '{"alias": "champion", "action": "", "before": 1, "after": 2, "when": 3, "reason": "", "by": ""}',
    ],
)  # fmt: skip
def test_a_tag_of_another_program_is_no_move(store: tuple[Any, str, str], value: str) -> None:
    client, experiment, run_id = store
    registry.register(client, "shared", logged_model(client, experiment, run_id), run_id, {})
    known = registry.moves(client, "shared")
    client.set_registered_model_tag("shared", f"{registry.MOVE_TAG}foreign", value)
    assert registry.moves(client, "shared") == known


def history(*moves: tuple[str, int | None, int]) -> list[registry.Move]:
    """Moves of the champion, given oldest first."""
    return [
        registry.Move("champion", action, before, after, str(place), "", "")
        for place, (action, before, after) in enumerate(moves)
    ][::-1]


def test_rolling_back_again_and_again_goes_back_in_time() -> None:
    moves = [("promote", None, 1), ("promote", 1, 2), ("promote", 2, 3)]
    assert registry.former_champions(history(*moves), 3) == [2, 1]
    moves.append(("rollback", 3, 2))
    assert registry.former_champions(history(*moves), 2) == [1]
    moves.append(("rollback", 2, 1))
    assert registry.former_champions(history(*moves), 1) == []
    moves.append(("promote", 1, 3))
    assert registry.former_champions(history(*moves), 3) == [1]


def test_where_the_alias_points_is_believed_over_the_record() -> None:
    moves = history(("promote", None, 1), ("promote", 1, 2))
    assert registry.former_champions(moves, 7) == [2, 1]
    assert registry.former_champions([], 7) == []
    assert registry.former_champions(history(("promote", 7, 2)), 2) == [7]
    assert registry.former_champions(moves, None) == [1]
