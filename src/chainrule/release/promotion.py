"""Promotion: a version of a recipe's model becomes the one that is served, or nothing changes.

    models/served/<recipe>/<version>/bundle/     what is served, exactly as registered
    models/served/<recipe>/<version>/version.json   where it came from
    models/served/<recipe>/champion.json         which version is served; replaced in one step, last
    models/served/<recipe>/.promotion/           the version on trial, laid out as a project of its own
    models/served/<recipe>/pending.json          what is about to happen, from before the alias moves until it is done

MLflow's alias and the directory cannot change in one step. So the whole version lies in `.promotion` and
`pending.json` says what is meant before the alias moves; whoever comes next after a crash looks where the alias
points and either completes the promotion or clears it away (`settle`).
"""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.evaluation import quality
from chainrule.exporting.bundle import GRAPH
from chainrule.release import registry, trial
from chainrule.release.registry import CHAMPION, Move, Version
from chainrule.runs import places
from chainrule.serving import bundle, store
from chainrule.serving.store import SERVED
from chainrule.system import locks
from chainrule.system.errors import ChainruleError, DataError
from chainrule.system.files import read_json, write_json

if TYPE_CHECKING:
    from mlflow import MlflowClient

Say = Callable[[str], object]


def promote(
    root: Path, recipe: str, number: int | None = None, *, reason: str, below_floor: bool = False, say: Say = print
) -> Move | None:
    """Make a version of the recipe's model champion, by default the newest, and serve it from `models/served`.

    Returns the move; None if it was the champion already (its bundle is then checked and published if it is not).
    below_floor: also a version that is under its floor, which is refused otherwise.
    Raises ChainruleError with the reason, and leaves alias and store as they were, if the version does not pass its
    trial or the registry is not there. A second promotion of the recipe waits for the first.
    """
    with _at_work(root, recipe) as client:
        settle(client, root, recipe)
        found = registry.versions(client, recipe)
        version = found[0] if number is None else _version(found, recipe, number)
        champion = registry.aliases(client, recipe).get(CHAMPION)
        if version.number != champion:
            move = registry.new_move(CHAMPION, "promote", champion, version.number, reason)
            _promote(client, root, recipe, version, move, say, below_floor)
            return move
        served = published(root, recipe, version)
        if served is not None:
            _warn(served, say)
        else:
            say(f"{recipe}: version {champion} is champion in MLflow but is not what is served here")
            _promote(client, root, recipe, version, None, say)
        return None


def rollback(root: Path, recipe: str, *, reason: str, say: Say = print) -> Move:
    """Make the champion before the present one champion again; repeated, the one before that.

    The version goes through the same trial as at a promotion. Raises ChainruleError as `promote` does, also if there
    is no former champion.
    """
    with _at_work(root, recipe) as client:
        settle(client, root, recipe)
        found = {version.number: version for version in registry.versions(client, recipe)}
        champion = registry.aliases(client, recipe).get(CHAMPION)
        former = registry.former_champions(registry.moves(client, recipe), champion)
        target = next((number for number in former if number in found), None)
        if target is None:
            now = "there is no champion" if champion is None else f"version {champion} is champion"
            remedy = f"`chainrule promote {recipe} VERSION` makes one champion"
            raise ChainruleError(f"{recipe}: {now} and there was none before; {remedy}")
        move = registry.new_move(CHAMPION, "rollback", champion, target, reason)
        _promote(client, root, recipe, found[target], move, say)
        return move


def settle(client: "MlflowClient", root: Path, recipe: str) -> Version | None:
    """Complete or clear away a promotion that was interrupted, to be called with the recipe's lock held.

    Returns the version that is served now if there was something to complete. Raises MlflowException.
    """
    place = root / SERVED / recipe
    pending = place / "pending.json"
    done = None
    if pending.exists():
        plan = read_json(pending)
        number = plan["champion"]["version"]
        if str(registry.aliases(client, recipe).get(CHAMPION)) == number:
            if plan["move"] is not None:
                registry.record_move(client, recipe, Move(**plan["move"]))
            with store.alone(root, recipe):
                store.publish(root, recipe, place / ".promotion" / SERVED / recipe / number, plan["champion"])
            done = next(version for version in registry.versions(client, recipe) if str(version.number) == number)
    # In this order: what is left by a crash in between is without meaning and cleared by the next.
    pending.unlink(missing_ok=True)
    shutil.rmtree(place / ".promotion", ignore_errors=True)
    return done


def needs_settling(root: Path, recipe: str) -> bool:
    """Whether a promotion was interrupted, or runs now."""
    return (root / SERVED / recipe / "pending.json").exists()


def served_version(root: Path, recipe: str) -> str | None:
    """The version that the store says is served; None if nothing was ever promoted here."""
    path = root / SERVED / recipe / store.CHAMPION
    return str(read_json(path)["version"]) if path.exists() else None


def published(root: Path, recipe: str, version: Version) -> bundle.Bundle | None:
    """Return the version's bundle if the store serves it, whole, with the model that was registered as it."""
    champion = root / SERVED / recipe / store.CHAMPION
    try:
        wanted = store.wanted(recipe, store.Place(champion, (0, 0, 0)))
        content = bundle.read(wanted.folder, recipe, wanted.version)
    except DataError:
        return None
    registered = content.sums[GRAPH] == version.tags.get("sha256")
    same = registered and wanted.version == str(version.number) and wanted.digest == content.digest
    return content if same else None


@contextmanager
def speaking(root: Path, *, reads: bool = False) -> Iterator["MlflowClient"]:
    """A client of the project's registry, which only `reads`, or not; what goes wrong with it becomes one line.

    Raises ChainruleError if the registry is not there, or refuses.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    uri = places.tracking_uri(root)
    path = places.sqlite_path(uri)
    if path is not None and not path.exists():
        raise ChainruleError(
            f"{path}: no such registry; `dvc repro` makes it with the first model, `chainrule register NAME` with a "
            "bundle that is here, MLFLOW_TRACKING_URI names another"
        )
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    from chainrule.runs import mlflow_store, recorder

    try:
        yield mlflow_store.connect(root, uri, reads=reads)
    except (MlflowException, SQLAlchemyError, RequestException) as error:
        raise ChainruleError(f"registry {without_password(uri)}: {recorder.one_line(error)}") from None


@contextmanager
def alone(root: Path, recipe: str) -> Iterator[None]:
    """Hold the recipe's lock: one promotion at a time under this root; print a line if it has to wait."""
    lock = root / ".chainrule" / "locks" / f"promote@{recipe}.lock"
    with locks.held(lock, f"{recipe}: waits for another promotion of it to end"):
        yield


@contextmanager
def _at_work(root: Path, recipe: str) -> Iterator["MlflowClient"]:
    with ExitStack() as around:
        client = around.enter_context(speaking(root))
        # A name becomes a directory of the store.
        if not store.is_name(recipe) or not registry.versions(client, recipe):
            known = ", ".join(registry.recipes(client)) or "none"
            here = store.is_name(recipe) and (root / "models" / "onnx" / recipe).is_dir()
            remedy = f"`chainrule register {recipe}` registers the bundle in models/onnx/{recipe}"
            raise ChainruleError(
                f"{recipe}: no such model in the registry; it has: {known}. "
                f"{remedy if here else '`dvc repro` makes and registers it'}"
            )
        around.enter_context(alone(root, recipe))
        yield client


def _version(found: list[Version], recipe: str, number: int) -> Version:
    for version in found:
        if version.number == number:
            return version
    raise ChainruleError(f"{recipe}: no version {number}; there are {', '.join(str(one.number) for one in found)}")


# ---- the steps


def _promote(
    client: "MlflowClient",
    root: Path,
    recipe: str,
    version: Version,
    move: Move | None,
    say: Say,
    below_floor: bool = True,
) -> None:
    """Try the version, move the alias (unless `move` is None: it points there already), publish.

    What was champion once, or is, was let through then: under its floor or not, it may be so again.
    """
    place = root / SERVED / recipe
    project = place / ".promotion"
    number = str(version.number)
    try:
        content = fetch(client, recipe, version, project / SERVED / recipe / number)
        say(f"{recipe}: version {number} is here, its hashes are right")
        _warn(content, say)
        if not below_floor and quality.is_under(quality.of_signature(content.signature)):
            raise ChainruleError(
                f"{recipe}: version {number} is not promoted: a model under its floor is worth less than the simple "
                "one; --below-floor promotes it all the same"
            )
        champion = {
            "version": number,
            "digest": content.digest,
            "run_id": version.run_id,
            "promoted": move.when if move else datetime.now(UTC).isoformat(timespec="microseconds"),
            "from": str(move.before) if move and move.before is not None else None,
            "reason": move.reason if move else "was champion in MLflow and not served here",
        }
        run = client.get_run(version.run_id).data
        trial.check_recorded_parity(content, run.metrics, run.params)
        trial.check_graphs(content)
        for variant, why in content.left_out.items():
            say(f"{recipe}: {variant} is not served: {why}")
        say(f"{recipe}: parity holds ({', '.join(content.variants)})")
        write_json(project / SERVED / recipe / store.CHAMPION, champion)
        seconds = trial.check_server(project, content)
        say(f"{recipe}: a server answered right, {seconds:.1f} s after its start")
        store.replace_json(place / "pending.json", {"champion": champion, "move": asdict(move) if move else None})
    except BaseException as error:
        shutil.rmtree(project, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ChainruleError(f"{recipe}: version {number} cannot be written ({error}); nothing changed") from None
        raise
    _finish(client, root, recipe, move)


def _warn(content: bundle.Bundle, say: Say) -> None:
    """Say of a version that is no better than its floor that it is not."""
    found = quality.of_signature(content.signature)
    if found is not None and quality.standing(found) != "above":
        loud = "WARNING: " if quality.is_under(found) else ""
        say(f"{content.name}: {loud}version {content.version} is {quality.in_words(found)}")


def _finish(client: "MlflowClient", root: Path, recipe: str, move: Move | None) -> None:
    failure = None
    try:
        if move is not None:
            registry.move_alias(client, recipe, move)
    except Exception as error:  # whatever it was, where the alias points now decides
        failure = error
    try:
        done = settle(client, root, recipe)
    except Exception as error:
        raise ChainruleError(
            f"{recipe}: stopped half-way ({failure or error}); the next `chainrule promote {recipe}` or "
            "`chainrule models` looks where the alias points and completes it or takes it back"
        ) from None
    if done is None:
        raise failure or ChainruleError(f"{recipe}: the alias was moved elsewhere meanwhile; nothing is published")


def fetch(client: "MlflowClient", recipe: str, version: Version, folder: Path) -> bundle.Bundle:
    """Download the version's bundle into `folder`, beside a version.json, and compare it with what was registered.

    Raises ChainruleError if it cannot be fetched, or is not what was registered.
    """
    from chainrule.runs.recorder import one_line

    name = f"{recipe} version {version.number}"
    source = re.fullmatch(r"runs:/([^/]+)/(.+)", version.tags.get("bundle", ""))
    if source is None or version.model_id is None:
        raise ChainruleError(f"{name}: was not registered by `export` (no tag `bundle` or `{registry.MODEL_TAG}`)")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        sizes = [file.file_size or 0 for file in client.list_artifacts(source[1], source[2])]
        store.check_room(folder, 2 * sum(sizes))  # the registered model comes too, and goes again
        downloaded = Path(client.download_artifacts(source[1], source[2], str(folder)))
        registered = _registered_model(client, recipe, version, folder)
    except ChainruleError:
        raise
    except Exception as error:  # each artifact store has errors of its own
        raise ChainruleError(f"{name}: cannot be fetched from {source[0]} ({one_line(error)})") from None
    if downloaded != folder / "bundle":
        downloaded.rename(folder / "bundle")
    content = bundle.read(folder / "bundle", recipe, str(version.number))
    for what, found in (("the bundle's", content.sums[GRAPH]), ("the registered model's", registered)):
        if found != version.tags.get("sha256"):
            raise ChainruleError(
                f"{name}: the sha256 of {what} {GRAPH} is {found[:12]}…, registered was "
                f"{version.tags.get('sha256', 'none')[:12]}…; run `dvc repro` to export and register it again"
            )
    if content.signature.get("recipe") != recipe:
        raise ChainruleError(f"{name}: the bundle is of the recipe {content.signature.get('recipe')!r}")
    about = {
        "name": recipe,
        "version": str(version.number),
        "run_id": version.run_id,
        "model_id": version.model_id,
        "commit": version.tags.get("git_commit"),
        "tags": version.tags,
    }
    write_json(folder / "version.json", about)
    return content


def _registered_model(client: "MlflowClient", recipe: str, version: Version, folder: Path) -> str:
    """The sha256 of the ONNX file that `models:/<recipe>/<version>` gives."""
    import mlflow.artifacts

    place = client.get_model_version_download_uri(recipe, str(version.number))
    with registry.process_wide(client.tracking_uri):
        copy = Path(mlflow.artifacts.download_artifacts(f"{place}/{GRAPH}", dst_path=str(folder / "registered")))
    digest = hashlib.sha256(copy.read_bytes()).hexdigest()
    shutil.rmtree(folder / "registered")
    return digest


def without_password(uri: str) -> str:
    """The address, ready to be shown."""
    return re.sub(r"//[^/@]*@", "//…@", uri)
