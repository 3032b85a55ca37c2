"""`chainrule reproduce` on a toy chain, with real git, DVC and MLflow: the same bytes, or what differs and where."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import toy_project
from chainrule import cli
from chainrule.release import promotion, registry
from tiny_clone import environment
from waiting import until


class Versions:
    """A project with three versions of digits; its working tree is at the newest commit."""

    def __init__(self, root: Path):
        self.root = root

    def state(self) -> tuple[object, ...]:
        """What reproducing must leave as it is."""
        with promotion.speaking(self.root) as client:
            known = [version.number for version in registry.versions(client, "digits")]
        cached = sorted(path for path in (self.root / ".dvc" / "cache").rglob("*") if path.is_file())
        status = toy_project.git(self.root, "status", "--porcelain")
        return known, cached, status, toy_project.git(self.root, "worktree", "list")


@pytest.fixture(scope="module")
def made(project: Path, empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 is clean; 2 was trained with changes that were thrown away; 3 before its changes were committed."""
    root = toy_project.make(tmp_path_factory.mktemp("versions") / "toy", project, empty_store)
    toy_project.train(root, "first", **{"finetune.cores": 1.0})
    toy_project.commit(root, "version 1")
    toy_project.edit(root / "src" / "toy.py", "GAIN = 1.0", "GAIN = 200.0")
    toy_project.set_param(root, "digits", 0.1, "finetune", "learning_rate")
    toy_project.set_param(root, "digits", 1.0, "finetune", "gradient_clip")
    toy_project.train(root, "second")
    toy_project.git(root, "checkout", ".")
    toy_project.set_param(root, "digits", 0.5, "finetune", "learning_rate")
    toy_project.dvc(root, "repro", "accept@digits")
    (root / "data" / "accepted" / "digits" / "batch.txt").write_text("four\nfive\n")
    toy_project.train(root, "third")
    toy_project.commit(root, "version 3")
    return root


@pytest.fixture
def versions(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Versions]:
    """The project; whatever is left in the temporary folder or changed in the project fails the test."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "CHAINRULE_CORES"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    found = Versions(made)
    before = found.state()
    yield found
    assert list((tmp_path / "temporary").iterdir()) == []
    assert found.state() == before


def reproduce(root: Path, capfd: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What the command says, that of its DVC included."""
    found = cli.main(["reproduce", *words, "--root", str(root)])
    out, err = capfd.readouterr()
    assert found == code, out + err
    return out + err


def test_a_clean_version_comes_out_the_same(versions: Versions, capfd: pytest.CaptureFixture[str]) -> None:
    said = reproduce(versions.root, capfd, "digits@1")
    assert "digits version 1 is reproduced: 4 files, every byte the same" in said
    assert "data: data/source/digits.txt: as in the commit" in said
    assert "data: data/accepted/digits: from DVC's cache or remote" in said
    assert "Running stage 'finetune@digits'" in said, "everything is built, nothing taken from the cache"
    assert "a likely cause" not in said
    assert "params:" not in said


def test_a_difference_is_shown_from_where_it_begins(versions: Versions, capfd: pytest.CaptureFixture[str]) -> None:
    said = reproduce(versions.root, capfd, "digits@2", "--anyway", code=3)
    assert "params: finetune.learning_rate was 0.1, is 0.003 in the commit; the run's is taken" in said
    assert "params: finetune.gradient_clip was 1.0, is not there in the commit; the run's is taken" in said
    assert "the chain departs at finetune: models/finetuned/digits.json" in said
    # GAIN * 0.1 + 3 rows: 23 with the code that was thrown away, 3.1 with the commit's.
    assert "    2 of 3 weights differ, by at most 19.9:" in said
    assert "    shift: by at most 19.9" in said
    assert "on 3 validation rows" in said and "answers differ; probabilities by at most 0." in said
    causes = [line.partition(": ")[2] for line in said.splitlines() if line.startswith("a likely cause")]
    assert causes[0] == "it was trained with changes that no commit holds"
    assert causes[1].startswith("on how many cores")
    assert "digits version 2 is not reproduced byte for byte: 2 of 4 files differ" in said


def test_where_everything_is_as_it_was_nothing_is_blamed(
    versions: Versions, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_NOISE", "0.25")
    said = reproduce(versions.root, capfd, "digits@1", code=3)
    assert "the chain departs at finetune" in said
    assert "a likely cause" not in said
    assert (
        "no cause is known: commit, parameters, data, packages, processor and cores are those it was made with" in said
    )
    assert "finetune is not deterministic" in said


def test_a_version_that_no_commit_holds_is_refused(versions: Versions, capfd: pytest.CaptureFixture[str]) -> None:
    said = reproduce(versions.root, capfd, "digits@2", code=1)
    assert "no commit holds" in said and "--anyway" in said


def test_a_version_that_was_committed_afterwards_is_found(
    versions: Versions, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = versions.root
    commit = toy_project.git(root, "rev-parse", "HEAD")[:12]
    # Only the cache has the batch; the folder was emptied since.
    shutil.move(root / "data" / "accepted", root / "data" / "moved")
    try:
        said = reproduce(root, capfd, "digits@challenger")
    finally:
        shutil.move(root / "data" / "moved", root / "data" / "accepted")
    assert f"dvc.lock of commit {commit} records this very model" in said
    assert "digits version 3 is reproduced" in said


def test_data_that_is_nowhere_and_data_from_a_remote(
    versions: Versions, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = versions.root
    (root / ".dvc" / "config.local").write_text(
        f"[core]\n    remote = far\n['remote \"far\"']\n    url = {tmp_path}/far\n"
    )
    shutil.move(root / "data" / "accepted", root / "data" / "moved")
    cache = root / ".dvc" / "cache"
    try:
        shutil.copytree(cache, tmp_path / "kept")
        shutil.rmtree(cache)
        said = reproduce(root, capfd, "digits@3", code=1)
        assert "data/accepted/digits: the model was made from" in said and "dvc push" in said
        shutil.copytree(tmp_path / "kept", tmp_path / "far", ignore=shutil.ignore_patterns("runs"))
        assert "digits version 3 is reproduced" in reproduce(root, capfd, "digits@3")
    finally:
        shutil.rmtree(cache, ignore_errors=True)
        shutil.move(tmp_path / "kept", cache)
        shutil.move(root / "data" / "moved", root / "data" / "accepted")
        (root / ".dvc" / "config.local").unlink()


def test_a_source_outside_of_the_commit_is_taken_from_the_folder_if_it_is_the_same(
    project: Path,
    empty_store: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    root = toy_project.make(tmp_path / "toy", project, empty_store)
    source = root / "data" / "source" / "digits.txt"
    source.write_text("one\ntwo\n")  # changed, and never committed: no part of what makes a commit dirty
    toy_project.train(root, "only")
    said = reproduce(root, capfd, "digits@1")
    assert "data/source/digits.txt: from this folder, the commit does not have it so" in said
    source.write_text("something else\n")
    said = reproduce(root, capfd, "digits@1", code=1)
    assert "data/source/digits.txt: the model was made from" in said and "put it back" in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("digits", "write NAME@VERSION"),
        ("digit@1", "digit: no such model in the registry; it has: digits"),
        ("digits@9", "no version or alias '9'; there are 3, 2, 1, challenger"),
        ("digits@champion", "no version or alias 'champion'"),
    ],
)
def test_a_version_that_is_not_there(
    versions: Versions, capfd: pytest.CaptureFixture[str], words: str, expected: str
) -> None:
    assert expected in reproduce(versions.root, capfd, words, code=1)


def test_no_registry_and_no_commit(
    versions: Versions, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with promotion.speaking(versions.root) as client:
        commit = registry.versions(client, "digits")[-1].tags["git_commit"]
        client.set_model_version_tag("digits", "1", "git_commit", "0" * 40)
        said = reproduce(versions.root, capfd, "digits@1", code=1)
        assert "commit 000000000000 is not in this repository" in said and "git fetch --all" in said
        client.delete_model_version_tag("digits", "1", "git_commit")
        assert "says no commit" in reproduce(versions.root, capfd, "digits@1", code=1)
        client.set_model_version_tag("digits", "1", "git_commit", commit)
    with monkeypatch.context() as patched:
        patched.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        assert "registry http://127.0.0.1:9: Connection refused" in reproduce(versions.root, capfd, "digits@1", code=1)


def test_a_stage_that_fails(
    versions: Versions, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_FAILS", "split")
    said = reproduce(versions.root, capfd, "digits@1", code=1)
    assert "split: fails as it was told" in said
    assert "cannot be built again, a stage failed" in said


def test_what_is_kept_is_told_and_is_nobodys_to_sweep(versions: Versions, capfd: pytest.CaptureFixture[str]) -> None:
    said = reproduce(versions.root, capfd, "digits@1", "--keep")
    tree = Path(said.split("git worktree remove --force ")[1].split("`")[0])
    reproduce(versions.root, capfd, "digits@2", code=1)
    assert (tree / "models" / "onnx" / "digits" / "model.onnx").exists()
    toy_project.git(versions.root, "worktree", "remove", "--force", str(tree))
    shutil.rmtree(tree.parent)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_it_is_ended(
    versions: Versions, capfd: pytest.CaptureFixture[str], tmp_path: Path, number: signal.Signals
) -> None:
    mark, temporary = tmp_path / "mark", tmp_path / "temporary"
    variables = environment(TOY_HANGS="finetune", TOY_MARK=str(mark), TMPDIR=str(temporary))
    command = [sys.executable, "-m", "chainrule.cli", "reproduce", "digits@1"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=versions.root, env=variables, stdout=quiet, stderr=quiet)
    until(lambda: mark.exists() and mark.read_text())
    assert len(list(temporary.iterdir())) == 1
    started = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, number)
    assert process.wait(120) == (-9 if number == signal.SIGKILL else 130)
    if number == signal.SIGKILL:
        until(lambda: not any(map(is_dvc, started)))
        for child in started:  # the toy's stages, unlike real ones, do not watch for their DVC's end
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        reproduce(versions.root, capfd, "digits@2", code=1)  # whoever comes next sweeps
    until(lambda: not any(map(lives, started)))


def is_dvc(process: psutil.Process) -> bool:
    try:
        return "dvc" in process.cmdline()
    except psutil.Error:
        return False


def lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
