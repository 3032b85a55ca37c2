"""A version of a registered model: the trained weights that its export kept in its run."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.runs.places import TRAINED, TRAINED_TAG, sqlite_path, tracking_uri
from chainrule.system.errors import DataError
from chainrule.system.files import sha256
from chainrule.training.bases.shared import trained
from chainrule.training.weights import WEIGHTS

if TYPE_CHECKING:
    from mlflow import MlflowClient


def bring(out: Path, root: Path, place: str, modality: str, *, name: str) -> dict[str, Any]:
    """Write the version's model as `finetuned/<recipe>` would have it.

    Raises DataError where there is no such version, it has no trained weights, or they are not those it was
    registered with.
    """
    from mlflow.exceptions import MlflowException

    try:
        client = _client(root)
        version = _version(client, name)
        if TRAINED_TAG not in version.tags:
            raise DataError(
                f"base.name: {name}: version {version.version} was registered without trained "
                "weights, as versions were at first; export that model anew, or take another version"
            )
        with tempfile.TemporaryDirectory() as spare:
            folder = Path(client.download_artifacts(version.run_id, TRAINED, spare))
            if sha256(folder / WEIGHTS) != version.tags[TRAINED_TAG]:
                raise DataError(
                    f"base.name: {name}: the weights in run {version.run_id} are not those that version "
                    f"{version.version} was registered with: cut or altered since; take another version"
                )
            card = trained.copied(out, folder, modality, name)
    except MlflowException as error:
        raise DataError(f"base.name: {name}: {_line(error)}") from None
    except OSError as error:
        raise DataError(f"base.name: {name}: its weights cannot be read ({_line(error)})") from None
    return {**card, "revision": f"version {version.version}, run {version.run_id}"}


def _client(root: Path) -> "MlflowClient":
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_ENABLE_TRAINEDS_PROGRESS_BAR", "false")
    from mlflow import MlflowClient

    uri = tracking_uri(root)
    path = sqlite_path(uri)
    if path is not None and not path.is_file():  # a client would make it
        raise DataError(f"base.name: no {path}: no model is registered here; MLFLOW_TRACKING_URI names a server")
    return MlflowClient(uri, registry_uri=os.environ.get("MLFLOW_REGISTRY_URI") or uri)


def _version(client: "MlflowClient", name: str) -> Any:
    model, _, alias = name.removeprefix("models:/").partition("@")
    if alias:
        return client.get_model_version_by_alias(model, alias)
    return client.get_model_version(*model.split("/"))  # the check of params.yaml has seen that there are two


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
