"""The model registry: a model per recipe, a version per exported bundle; the only module to move aliases."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Version:
    """One version of a recipe's registered model."""

    number: int
    run_id: str
    """The chain's parent run: every parameter and headline number of this model."""
    tags: dict[str, str]
    aliases: tuple[str, ...]


def register(client: "MlflowClient", recipe: str, model_id: str, run_id: str, tags: dict[str, str]) -> Version:
    """Make the logged model `model_id` a version of the registered model `recipe`; a second call finds it.

    Raises MlflowException if the registry cannot be reached or refuses.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(recipe)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
            raise
    for version in versions(client, recipe):
        if version.tags.get("chainrule.model_id") == model_id:
            return version
    tags = {**tags, "chainrule.model_id": model_id}
    with process_wide(client.tracking_uri):
        made = client.create_model_version(recipe, f"models:/{model_id}", run_id=run_id, tags=tags, model_id=model_id)
    return Version(int(made.version), run_id, tags, ())


def versions(client: "MlflowClient", recipe: str) -> list[Version]:
    """All versions of the recipe's model, newest first; empty if it was never registered."""
    from mlflow.exceptions import MlflowException

    try:
        # A search gives versions without their aliases.
        aliases = client.get_registered_model(recipe).aliases
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return []
    found: list[Version] = []
    token: str | None = None
    while token != "":
        page = client.search_model_versions(f"name = '{recipe}'", page_token=token)
        for item in page:
            pointing = tuple(sorted(name for name, number in aliases.items() if int(number) == int(item.version)))
            found.append(Version(int(item.version), item.run_id or "", dict(item.tags), pointing))
        token = page.token or ""
    return sorted(found, key=lambda version: -version.number)


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
