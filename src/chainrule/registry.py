"""The model registry: one registered model per recipe, one version per exported bundle; the only module to move aliases."""

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


def register(
    client: "MlflowClient", recipe: str, model_id: str, run_id: str, tags: dict[str, str]
) -> Version:
    """Make the logged model `model_id` a version of the registered model `recipe`, once: a repeated call finds it.

    Raises MlflowException if the registry cannot be reached or refuses.
    """
    from mlflow.exceptions import MlflowException

    source = f"models:/{model_id}"
    try:
        client.create_registered_model(recipe)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
            raise
    for version in versions(client, recipe):
        if version.tags.get("chainrule.model_id") == model_id:
            return version
    made = client.create_model_version(
        recipe, source, run_id=run_id, tags={**tags, "chainrule.model_id": model_id}, model_id=model_id
    )
    return Version(int(made.version), run_id, dict(made.tags), ())


def versions(client: "MlflowClient", recipe: str) -> list[Version]:
    """All versions of the recipe's model, newest first; empty if it was never registered."""
    found: list[Version] = []
    token: str | None = None
    while token != "":
        page = client.search_model_versions(f"name = '{recipe}'", page_token=token)
        found += [
            Version(int(item.version), item.run_id or "", dict(item.tags), tuple(item.aliases or ()))
            for item in page
        ]
        token = page.token or ""
    return sorted(found, key=lambda version: -version.number)
