"""Promotion against a real MLflow store: what moves, what is published, and what stays when something goes wrong."""

import argparse
import contextlib
import errno
import hashlib
import json
import shutil
import sqlite3
import threading
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tiny_bundles
from chainrule import cli
from chainrule.commands import models as models_command
from chainrule.commands import promote as promote_command
from chainrule.commands import rollback as rollback_command
from chainrule.release import promotion, registry, trial
from chainrule.runs import mlflow_store, recorder
from chainrule.serving import bundle, store
from chainrule.system.errors import ChainruleError
from waiting import free_port, until

COMMIT = "c549ba4e3580d930d60471d4764992ad5c025d5c"


class Project:
    """A directory with an MLflow store in which `export` registered versions of the recipe digits."""

    def __init__(self, root: Path):
        self.root = root
        self.client = mlflow_store.connect(root, f"sqlite:///{root / 'mlflow.db'}")
        self.experiment = mlflow_store.experiment_id(self.client, root, f"sqlite:///{root / 'mlflow.db'}", "digits")

    def register(self, *, agreement: float | None = 1.0, **tiny: Any) -> registry.Version:
        """Register a tiny bundle as the sender does it."""
        run = self.client.create_run(self.experiment).info.run_id
        if agreement is not None:
            self.client.log_metric(run, "export.agreement", agreement)
        for name, value in (("accuracy", 0.9), ("accuracy.low", 0.85), ("accuracy.high", 0.95)):
            self.client.log_metric(run, f"test.{name}", value)
        self.client.log_param(run, "export.agreement", "0.999")
        place = self.root / "journal" / run
        (place / "files" / "1").mkdir(parents=True)
        made = tiny_bundles.image_bundle(place / "files" / "1" / "digits", **tiny)
        start = {"recipe": "digits", "commit": COMMIT, "dirty": True}
        sha256 = hashlib.sha256((made / "model.onnx").read_bytes()).hexdigest()
        event = {"bundle": "1/digits", "model": "model.onnx", "sha256": sha256}
        recorder.log_model(self.client, start, run, run, place, event)
        return registry.versions(self.client, "digits")[0]

    @property
    def place(self) -> Path:
        return self.root / "models" / "served" / "digits"

    @property
    def champion(self) -> int | None:
        return registry.aliases(self.client, "digits").get("champion")

    @property
    def served(self) -> str | None:
        return promotion.served_version(self.root, "digits")

    def moves(self) -> list[tuple[int | None, int | None, str, str]]:
        """(from, to, action, reason) of the champion, newest first."""
        found = [move for move in registry.moves(self.client, "digits") if move.alias == "champion"]
        return [(move.before, move.after, move.action, move.reason) for move in found]

    def state(self) -> Any:
        """All that a failed promotion must leave as it was."""
        model = self.client.get_registered_model("digits")
        files = {path: path.read_bytes() for path in self.place.rglob("*") if path.is_file()}
        return model.aliases, model.tags, files

    def artifact(self, version: registry.Version, name: str) -> Path:
        return self.root / "mlruns" / "digits" / version.run_id / "artifacts" / "bundle" / name

    def promote(self, number: int | None = None, reason: str = "") -> registry.Move | None:
        return promotion.promote(self.root, "digits", number, reason=reason, say=lambda _: None)

    def rollback(self, reason: str = "") -> registry.Move:
        return promotion.rollback(self.root, "digits", reason=reason, say=lambda _: None)


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """Making a store and registering take longer than a test."""
    root = tmp_path_factory.mktemp("stores") / "project"
    root.mkdir()
    shutil.copy(empty_store, root)
    project = Project(root)
    project.register()
    project.register(shift=1.0)
    return root


@pytest.fixture
def project(two_versions: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Versions 1 and 2, nothing promoted; the server of a trial is believed."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(trial, "check_server", lambda project, content: 0.0)
    # The store names its artifacts by absolute paths, and MLflow keeps it open: it is put back where it is.
    kept = two_versions.with_name("kept")
    if not kept.exists():
        shutil.copytree(two_versions, kept)
    with (
        contextlib.closing(sqlite3.connect(kept / "mlflow.db")) as before,
        contextlib.closing(sqlite3.connect(two_versions / "mlflow.db")) as now,
    ):
        before.backup(now)
    for folder in ("models", "mlruns"):
        shutil.rmtree(two_versions / folder, ignore_errors=True)
    shutil.copytree(kept / "mlruns", two_versions / "mlruns")
    return Project(two_versions)


# ---- the way it should go


def test_a_promotion_moves_the_alias_and_publishes_the_bundle(project: Project) -> None:
    move = project.promote(reason="first of all")
    assert move is not None and (move.before, move.after) == (None, 2)
    assert registry.aliases(project.client, "digits") == {"champion": 2}
    assert project.moves() == [(None, 2, "promote", "first of all")]
    champion = json.loads((project.place / "champion.json").read_text())
    content = bundle.read(project.place / "2" / "bundle", "digits", "2")
    version = registry.versions(project.client, "digits")[0]
    assert champion == {
        "version": "2", "digest": content.digest, "run_id": version.run_id, "promoted": move.when, "from": None,
        "reason": "first of all",
    }  # fmt: skip
    about = json.loads((project.place / "2" / "version.json").read_text())
    assert about == {
        "name": "digits", "version": "2", "run_id": version.run_id, "model_id": version.model_id, "commit": COMMIT,
        "tags": version.tags,
    }  # fmt: skip
    assert sorted(path.name for path in project.place.iterdir()) == ["2", "champion.json"]
    assert sorted(path.name for path in (project.place / "2").iterdir()) == ["bundle", "version.json"]


def test_rollback_goes_back_and_further_back(project: Project) -> None:
    project.register(shift=2.0)
    for number in (1, 2, 3):
        project.promote(number)
    assert [project.rollback(reason).after for reason in ("slow", "slower")] == [2, 1]
    assert (project.champion, project.served) == (1, "1")
    assert project.moves()[:2] == [(2, 1, "rollback", "slower"), (3, 2, "rollback", "slow")]
    before = project.state()
    with pytest.raises(ChainruleError, match="version 1 is champion and there was none before"):
        project.rollback()
    assert project.state() == before


def test_a_version_that_is_gone_from_the_registry_is_passed_over(project: Project) -> None:
    project.register(shift=2.0)
    for number in (1, 2, 3):
        project.promote(number)
    project.client.delete_model_version("digits", "2")
    assert project.rollback().after == 1


def test_only_the_champion_and_the_one_before_stay_on_disk(project: Project) -> None:
    project.register(shift=2.0)
    for number in (1, 2, 3):
        project.promote(number)
    assert sorted(path.name for path in project.place.iterdir()) == ["2", "3", "champion.json"]


def test_promoting_the_champion_changes_nothing(project: Project) -> None:
    project.promote()
    before = project.state()
    assert project.promote() is None
    assert project.state() == before


def test_a_champion_that_was_set_by_hand_is_tried_and_published(project: Project) -> None:
    project.promote(1)
    project.client.set_registered_model_alias("digits", "champion", "2")
    assert project.promote(2) is None
    assert (project.champion, project.served) == (2, "2")
    assert project.rollback().after == 1


def test_a_store_that_was_damaged_is_mended(project: Project) -> None:
    project.promote()
    model = project.place / "2" / "bundle" / "model.onnx"
    model.write_bytes(b"")
    assert project.promote() is None
    bundle.read(project.place / "2" / "bundle", "digits", "2")


def test_a_real_server_answers_before_the_alias_moves(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert cli.main(["promote", "digits", "--root", str(project.root)]) == 0
    said, errors = capfd.readouterr()
    assert [line.split(",")[0] for line in said.splitlines()] == [
        "digits: version 2 is here",
        "digits: parity holds (fp32)",
        "digits: a server answered right",
        "digits: version 2 is champion (there was none); a running server takes it over",
    ]
    assert errors == ""
    assert (project.champion, project.served) == (2, "2")


# ---- what is refused


def refused(project: Project, said: str, number: int = 2) -> None:
    """Version 2 is refused with the reason; version 1 stays champion and served, nothing is left behind."""
    project.promote(1)
    before = project.state()
    with pytest.raises(ChainruleError, match=said) as caught:
        project.promote(number)
    assert "\n" not in str(caught.value)
    assert project.state() == before


def test_a_changed_file_is_refused(project: Project) -> None:
    card = project.artifact(registry.versions(project.client, "digits")[0], "MODEL_CARD.md")
    card.write_text("the best model ever")
    refused(project, r"MODEL_CARD\.md: its sha256 is not the one in SHA256SUMS")


def test_a_pickle_beside_the_model_is_refused(project: Project) -> None:
    pickle = project.artifact(registry.versions(project.client, "digits")[0], "model.pkl")
    pickle.write_bytes(b"\x80")
    refused(project, r"model\.pkl: not in SHA256SUMS")


def test_a_bundle_of_another_model_is_refused(project: Project) -> None:
    newest, first = registry.versions(project.client, "digits")
    target = project.artifact(newest, "x").parent
    shutil.rmtree(target)
    shutil.copytree(project.artifact(first, "x").parent, target)
    refused(project, r"the sha256 of the bundle's model\.onnx is .* registered was")


def test_a_registered_model_that_is_not_the_bundles_is_refused(project: Project) -> None:
    version = registry.versions(project.client, "digits")[0]
    [model] = (project.root / "mlruns").rglob(f"{version.model_id}/artifacts/model.onnx")
    model.write_bytes(b"")
    refused(project, r"the sha256 of the registered model's model\.onnx")


def test_a_bundle_that_is_gone_is_refused(project: Project) -> None:
    version = registry.versions(project.client, "digits")[0]
    shutil.rmtree(project.artifact(version, "x").parent)
    refused(project, "digits version 2: cannot be fetched from runs:/")


def test_a_run_without_parity_is_refused(project: Project) -> None:
    project.register(agreement=None, shift=2.0)
    refused(project, "does not say that graph and model agree", 3)


def test_a_version_of_another_tool_is_refused(project: Project) -> None:
    project.client.create_model_version("digits", project.root.as_uri())
    refused(project, "was not registered by `export`", 3)


def test_a_server_that_fails_its_trial_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.promote(1)

    def fail(project: Path, content: bundle.Bundle) -> float:
        raise ChainruleError("a server on trial did not start: no room")

    monkeypatch.setattr(trial, "check_server", fail)
    refused(project, "did not start: no room")


def test_the_server_on_trial_has_only_this_bundle(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.promote(1)
    seen: list[Any] = []

    def look(root: Path, content: bundle.Bundle) -> float:
        files = sorted(path.relative_to(root / "models" / "served").as_posix() for path in root.rglob("*.json"))
        seen.append((files, promotion.served_version(root, "digits"), project.champion, project.served))
        return 0.0

    monkeypatch.setattr(trial, "check_server", look)
    project.promote(2)
    files = ["digits/2/bundle/signature.json", "digits/2/version.json", "digits/champion.json"]
    assert seen == [(files, "2", 1, "1")]


@pytest.mark.parametrize("name", ["reviews", "../digits", ".", ""])
def test_an_unknown_model_is_said_to_be_unknown(project: Project, name: str) -> None:
    with pytest.raises(ChainruleError, match="no such model in the registry; it has: digits"):
        promotion.promote(project.root, name, reason="")
    assert not (project.root / "models").exists()


def test_an_unknown_version_is_said_to_be_unknown(project: Project) -> None:
    with pytest.raises(ChainruleError, match="no version 9; there are 2, 1"):
        project.promote(9)


def test_a_registry_that_is_down_is_one_line(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://name:secret@127.0.0.1:{port}")
    with pytest.raises(ChainruleError) as caught:
        project.promote()
    assert str(caught.value) == f"registry http://…@127.0.0.1:{port}: Connection refused"


def test_without_a_registry_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ChainruleError, match=r"mlflow\.db: no such registry; `dvc repro` makes it"):
        promotion.promote(tmp_path, "digits", reason="")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**9, 10**9, 1000))
    with pytest.raises(ChainruleError, match=r"bytes are to come and 1,000 are free; make room"):
        project.promote()
    monkeypatch.undo()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(trial, "check_server", lambda project, content: 0.0)

    def write(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    project.promote(1)
    before = project.state()
    monkeypatch.setattr(promotion, "write_json", write)
    with pytest.raises(ChainruleError, match=r"version 2 cannot be written .*No space left.*; nothing changed"):
        project.promote(2)
    assert project.state() == before


# ---- crashes and company


class Crash(BaseException):
    """A process that is killed here."""


def crash(*_: object) -> Any:
    raise Crash


def test_a_crash_after_the_alias_moved_is_completed_by_the_next_look(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project.promote(1)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "record_move", crash)
        with pytest.raises(Crash):
            project.promote(2, "better")
    assert (project.champion, project.served) == (2, "1")
    model = models_command.describe(project.client, project.root, "digits")
    assert "an interrupted promotion of version 2 is complete now" in capsys.readouterr().err
    assert (project.champion, project.served, model["served"]) == (2, "2", "2")
    assert project.moves()[0] == (1, 2, "promote", "better")
    assert sorted(path.name for path in project.place.iterdir()) == ["1", "2", "champion.json"]


@pytest.mark.parametrize("step", ["publish", "write_beside"])
def test_a_crash_while_publishing_is_completed_by_the_next_promotion(
    project: Project, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    project.promote(1)
    real: Callable[..., Path] = getattr(store, step)
    with monkeypatch.context() as patch:
        patch.setattr(store, step, lambda *args: real(*args) if args[0].name == "pending.json" else crash())
        with pytest.raises(Crash):
            project.promote(2, "better")
    assert (project.champion, project.served) == (2, "1")
    assert project.promote(2) is None
    assert project.served == "2"
    assert project.moves() == [(1, 2, "promote", "better"), (None, 1, "promote", "")]


def test_a_crash_before_the_alias_moved_leaves_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.promote(1)
    before = project.state()
    with monkeypatch.context() as patch:
        patch.setattr(registry, "move_alias", crash)
        with pytest.raises(Crash):
            project.promote(2)
    models_command.describe(project.client, project.root, "digits")
    assert project.state() == before


def test_a_registry_that_refuses_the_move_leaves_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionError("Connection refused")

    project.promote(1)
    before = project.state()
    with monkeypatch.context() as patch:
        patch.setattr(registry, "move_alias", refuse)
        with pytest.raises(ConnectionError):
            project.promote(2)
    assert project.state() == before


def test_a_registry_that_dies_in_between_is_asked_again_by_the_next(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> Any:
        raise ConnectionError("Connection refused")

    project.promote(1)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "record_move", die)
        with pytest.raises(ChainruleError, match="stopped half-way"):
            project.promote(2)
    assert project.promote(2) is None
    assert (project.champion, project.served) == (2, "2")


def test_a_second_promotion_waits_for_the_first(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    second = threading.Thread(target=project.promote)
    with promotion.alone(project.root, "digits"):
        second.start()
        until(lambda: "waits for another promotion" in capsys.readouterr().out)
        assert project.champion is None
    second.join(60)
    assert (project.champion, project.served) == (2, "2")


# ---- the commands


def call(command: Any, *words: object) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return int(command.run(parser.parse_args([str(word) for word in words])))


def test_the_commands_say_what_is_and_what_was(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", project.root]
    call(promote_command, "digits", "1", *root)
    call(promote_command, "digits", "--reason", "more accurate", *root)
    call(rollback_command, "digits", "--reason", "too slow", *root)
    said = capsys.readouterr().out
    assert "digits: version 2 is champion (it was 1); a running server takes it over" in said
    assert "digits: back from version 2 to version 1" in said
    call(models_command, "digits", *root)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["recipe", "version", "aliases", "accuracy", "macro_f1", "commit", "created"]
    assert lines[1].split()[:8] == ["digits", "2", "-", "0.9000", "(0.8500", "to", "0.9500)", "-"]
    assert lines[2].split()[:3] == ["digits", "1", "champion"]
    assert "c549ba4*" in lines[2]
    assert lines[3:5] == ["* with changes that were not committed", ""]
    moves = [line for line in lines[6:] if "  champion  " in line]
    assert [line.split("  ")[-1] for line in moves] == ["too slow", "more accurate", "no reason given"]
    assert "rollback" in moves[0] and "@" in moves[0]


QUALITY = {
    "primary": {"name": "accuracy", "value": 0.9, "low": 0.85, "high": 0.95},
    "floor": {"name": "naive_bayes", "value": 0.96},
}


def test_a_model_under_its_floor_is_refused_unless_told_otherwise(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "UNDER ITS FLOOR: accuracy 0.9000, 6.0 points below the best floor, naive bayes (0.9600)"
    version = project.register(shift=2.0, quality=QUALITY)
    for name, value in (("majority_class", 0.5), ("naive_bayes", 0.96)):
        project.client.log_metric(version.run_id, f"floor.{name}.accuracy", value)
    root = ["--root", project.root]
    before = project.state()
    with pytest.raises(ChainruleError, match=r"version 3 is not promoted.*--below-floor promotes it all the same"):
        call(promote_command, "digits", *root)
    assert f"digits: WARNING: version 3 is {said}" in capsys.readouterr().out.splitlines()
    assert project.state() == before
    for told in (["--below-floor"], []):  # what is champion already was let through
        call(promote_command, "digits", *root, *told)
        lines = capsys.readouterr().out.splitlines()
        assert f"digits: WARNING: version 3 is {said}" in lines
        assert "version 3 is champion" in lines[-1]
    call(models_command, "digits", *root)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"! digits: version 3 is {said}"
    assert lines[1].split()[:6] == ["recipe", "version", "aliases", "accuracy", "macro_f1", "floor"]
    assert "  0.9600 naive_bayes !  " in lines[2]
    assert "!" not in lines[3]
    assert any(line.startswith("floor: the best of the simple models") for line in lines)
    project.promote(2)
    assert project.rollback().after == 3, "so was what is rolled back to"


def test_a_bundle_whose_quality_cannot_be_read_is_promoted_without(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.register(shift=2.0, quality={"primary": {"name": "accuracy", "value": "high"}, "floor": None})
    call(promote_command, "digits", "--root", project.root)
    said = capsys.readouterr().out
    assert "version 3 is champion" in said and "FLOOR" not in said


def test_models_without_a_name_lists_what_matters(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.register(shift=2.0)
    project.client.set_registered_model_alias("digits", "champion", "1")
    call(models_command, "--root", project.root)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[1:3]] == ["3", "1"]
    assert lines[3:] == [
        "1 more of digits: chainrule models digits",
        "digits: champion is version 1, here it is not served: chainrule promote digits 1",
        "* with changes that were not committed",
    ]


def test_models_as_json_has_everything(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.promote(reason="why not")
    call(models_command, "--json", "--root", project.root)
    [model] = json.loads(capsys.readouterr().out)
    assert (model["recipe"], model["served"]) == ("digits", "2")
    assert model["versions"][0]["scores"]["accuracy"] == {"value": 0.9, "low": 0.85, "high": 0.95}
    assert model["versions"][0]["commit"] == COMMIT
    assert [move["reason"] for move in model["moves"] if move["alias"] == "champion"] == ["why not"]


def test_models_of_an_unknown_name_says_what_there_is(project: Project) -> None:
    with pytest.raises(ChainruleError, match="nothing: no such model in the registry; it has: digits"):
        call(models_command, "nothing", "--root", project.root)
