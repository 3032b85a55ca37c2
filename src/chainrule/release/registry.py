"""The model registry: a model per recipe, a version per exported bundle; the only module to move aliases.

Two aliases: `champion` is the version that is served, `challenger` the newest registered one that wants its place.
Every move of an alias is a tag of the registered model, `chainrule.move.<alias>.<time>`, a JSON object; the newest
KEPT_MOVES of each alias stay.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from types import NoneType
from typing import TYPE_CHECKING, Any

from chainrule.runs.tracking import user_name
from chainrule.serving import store

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION, CHALLENGER = "champion", "challenger"
KEPT_MOVES = 50
LONGEST_REASON = 1000
"""Characters; MLflow takes 5000 for the whole tag."""
MOVE_TAG = "chainrule.move."
MODEL_TAG = "chainrule.model_id"


@dataclass(frozen=True)
class Version:
    """One version of a recipe's registered model."""

    number: int
    run_id: str
    """The chain's parent run: every parameter and headline number of this model."""
    tags: dict[str, str]
    aliases: tuple[str, ...]
    created: int
    """Milliseconds since 1970."""

    @property
    def model_id(self) -> str | None:
        """The logged ONNX model that `export` registered; None for a version that another tool made."""
        return self.tags.get(MODEL_TAG)


@dataclass(frozen=True)
class Move:
    """One move of an alias."""

    alias: str
    action: str
    """`register`, `promote` or `rollback`."""
    before: int | None
    """The version it pointed to; None if it did not exist."""
    after: int | None
    """The version it points to; None if it was taken away."""
    when: str
    """UTC, ISO 8601 with microseconds, so that text order is time order."""
    reason: str
    by: str


def register(client: "MlflowClient", recipe: str, model_id: str, run_id: str, tags: dict[str, str]) -> Version:
    """Make the logged model `model_id` a version of the registered model `recipe`; a second call finds it.

    The newest version becomes the challenger. Raises MlflowException if the registry cannot be reached or refuses.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(recipe)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
            raise
    found = [version for version in versions(client, recipe) if version.model_id == model_id]
    if not found:
        with process_wide(client.tracking_uri):
            source = f"models:/{model_id}"
            all_tags = {**tags, MODEL_TAG: model_id}
            client.create_model_version(recipe, source, run_id=run_id, tags=all_tags, model_id=model_id)
        found = [version for version in versions(client, recipe) if version.model_id == model_id]
    _challenge(client, recipe, found[0].number)
    return found[0]


def _challenge(client: "MlflowClient", recipe: str, number: int) -> None:
    """Make a version the challenger unless a newer one is, or it has had its turn (this may be said twice)."""
    there = aliases(client, recipe)
    newest = max(there.values(), default=0)
    if number > newest and all(number not in (move.before, move.after) for move in moves(client, recipe)):
        move_alias(client, recipe, new_move(CHALLENGER, "register", there.get(CHALLENGER), number, "newly registered"))


def recipes(client: "MlflowClient") -> list[str]:
    """The names of the registered models that may be a recipe's, sorted."""
    return [name for name in names(client) if store.is_name(name)]


def names(client: "MlflowClient") -> list[str]:
    """The names of all registered models, those of other tools included, sorted."""
    found: list[str] = []
    token: str | None = None
    while token != "":
        page = client.search_registered_models(page_token=token)
        found += [model.name for model in page]
        token = page.token or ""
    return sorted(found)


def versions(client: "MlflowClient", recipe: str) -> list[Version]:
    """All versions of the recipe's model, newest first; empty if it was never registered."""
    model = _model(client, recipe) if store.is_name(recipe) else None
    if model is None:
        return []
    # A search gives versions without their aliases.
    pointing = {name: int(number) for name, number in model.aliases.items()}
    found: list[Version] = []
    token: str | None = None
    while token != "":
        page = client.search_model_versions(f"name = '{recipe}'", page_token=token)
        for item in page:
            number = int(item.version)
            names = tuple(sorted(name for name in pointing if pointing[name] == number))
            found.append(Version(number, item.run_id or "", dict(item.tags), names, int(item.creation_timestamp)))
        token = page.token or ""
    return sorted(found, key=lambda version: -version.number)


def aliases(client: "MlflowClient", recipe: str) -> dict[str, int]:
    """The number of the version that each alias of the recipe's model points to."""
    model = _model(client, recipe)
    return {name: int(number) for name, number in model.aliases.items()} if model else {}


def _model(client: "MlflowClient", recipe: str) -> Any | None:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(recipe)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


# ---- moves


def new_move(alias: str, action: str, before: int | None, after: int | None, reason: str) -> Move:
    """A move made now by whoever runs this process; a reason that is too long is cut."""
    # With Z: a tag's name may not hold the plus of +00:00.
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    cut = " ".join("".join(sign if sign.isprintable() else " " for sign in reason).split())
    if len(cut) > LONGEST_REASON:
        cut = cut[: LONGEST_REASON - 1] + "…"
    return Move(alias, action, before, after, when, cut, f"{user_name()}@{socket.gethostname()}")


def move_alias(client: "MlflowClient", recipe: str, move: Move) -> None:
    """Point the alias to `move.after`, and record it. Raises MlflowException; `record_move` completes a half."""
    assert move.after is not None
    client.set_registered_model_alias(recipe, move.alias, str(move.after))
    record_move(client, recipe, move)


def record_move(client: "MlflowClient", recipe: str, move: Move) -> None:
    """Record a move that has happened; a second call changes nothing.

    A version that became champion is no challenger any more. The oldest moves make room.
    """
    client.set_registered_model_tag(recipe, f"{MOVE_TAG}{move.alias}.{move.when}", _as_tag(move))
    if move.alias == CHAMPION and aliases(client, recipe).get(CHALLENGER) == move.after:
        client.delete_registered_model_alias(recipe, CHALLENGER)
        gone = new_move(CHALLENGER, move.action, move.after, None, "became champion")
        client.set_registered_model_tag(recipe, f"{MOVE_TAG}{CHALLENGER}.{gone.when}", _as_tag(gone))
    for alias in (CHAMPION, CHALLENGER):
        for old in [found for found in moves(client, recipe) if found.alias == alias][KEPT_MOVES:]:
            client.delete_registered_model_tag(recipe, f"{MOVE_TAG}{alias}.{old.when}")


def _as_tag(move: Move) -> str:
    return json.dumps(asdict(move), ensure_ascii=False)


def moves(client: "MlflowClient", recipe: str) -> list[Move]:
    """The recorded moves of the recipe's aliases, newest first."""
    model = _model(client, recipe)
    tags = model.tags if model else {}
    found = [_as_move(value) for key, value in tags.items() if key.startswith(MOVE_TAG)]
    return sorted((move for move in found if move is not None), key=lambda move: move.when, reverse=True)


def _as_move(tag: str) -> Move | None:
    """The move that a tag holds; None for a tag that another program wrote."""
    try:
        move = Move(**json.loads(tag))
    except (RecursionError, TypeError, ValueError):
        return None
    texts = (move.alias, move.action, move.when, move.reason, move.by)
    numbers = (move.before, move.after)
    sane = all(isinstance(text, str) for text in texts) and all(type(number) in (int, NoneType) for number in numbers)
    return move if sane else None


def former_champions(history: list[Move], champion: int | None) -> list[int]:
    """The versions to roll back to, the last champion first: a rollback takes back what came after its version.

    history: as `moves` gives it; champion: where the alias points now, which is believed over the record, for
    someone may have moved it by hand.
    """
    line: list[int] = []
    for move in reversed([move for move in history if move.alias == CHAMPION]):
        for number, action in ((move.before, "found"), (move.after, move.action)):
            if action == "rollback" and number in line:
                del line[len(line) - line[::-1].index(number) :]
            elif number is not None and line[-1:] != [number]:
                line.append(number)
    if champion is not None and line[-1:] != [champion]:
        line.append(champion)
    return [number for number in reversed(line[:-1]) if number != champion]


# ---- MLflow itself


@contextmanager
def process_wide(uri: str) -> Iterator[None]:
    """Make `uri` the tracking server of the whole process: parts of MLflow do not look at a client's own."""
    import mlflow

    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)  # back to what the environment says
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before
