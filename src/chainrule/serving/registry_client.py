"""Champions from an MLflow server into the store, over its REST API: a server needs no mlflow for that.

The server must hand out artifacts itself (`mlflow server`'s default). MLFLOW_TRACKING_TOKEN is sent if it is set, or
the user and password of the address or of MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
"""

import base64
import hashlib
import http.client
import json
import os
import re
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chainrule.exporting.bundle import GRAPH, SUMS
from chainrule.serving import bundle, store
from chainrule.system.errors import DataError
from chainrule.system.files import write_json

TIMEOUT_SECONDS = 5.0  # of silence
ASK_SECONDS = 30.0  # for one answer, files apart: a server that drips must not hold us for ever
MAX_PAGES = 1000
_PIECE = 1024 * 1024
_BUNDLE_TAG = re.compile(r"runs:/([0-9a-zA-Z]+)/([A-Za-z0-9_./-]+)")


def fetch_champions(uri: str, root: Path, only: str | None = None) -> list[str]:
    """Bring every champion of the registry at `uri` into the store below `root`; return what went wrong, a line each.

    only: the one name that is asked for. Whatever goes wrong, the store keeps what it had.
    """
    problems: list[str] = []
    try:
        champions = list(_champions(uri))
    except DataError as error:
        return [str(error)]
    for name, version in champions:
        if only not in (None, name):
            continue
        try:
            _fetch(uri, root, name, version)
        except (DataError, OSError) as error:
            problems.append(f"{name} version {version}: {error}")
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # JSON, but not as MLflow writes it
            problems.append(f"{name} version {version}: the registry's answer is not understood ({error!r})")
    return problems


def _champions(uri: str) -> Iterator[tuple[str, str]]:
    """Yield name and version of every model with a champion."""
    token = ""
    for _ in range(MAX_PAGES):
        query = {"max_results": "200"} | ({"page_token": token} if token else {})
        page = _ask(uri, "api/2.0/mlflow/registered-models/search", query)
        for model in page.get("registered_models", []):
            for alias in model.get("aliases", []):
                name, version = str(model.get("name")), str(alias.get("version"))
                # They become directories of the store: whatever is no plain name is no model of ours.
                if alias.get("alias") == "champion" and store.is_name(name) and store.is_version(version):
                    yield name, version
        token = page.get("next_page_token", "")
        if not token:
            return
    raise DataError(f"{_public(uri)}: its list of models does not end after {MAX_PAGES:,} pages")


def _fetch(uri: str, root: Path, name: str, version: str) -> None:
    """Download a version, check it, and make it the store's champion; nothing is done if it is that already."""
    shelf = root / store.SERVED / name
    found = _ask(uri, "api/2.0/mlflow/model-versions/get", {"name": name, "version": version}).get("model_version", {})
    tags = {tag["key"]: tag.get("value", "") for tag in found.get("tags", [])}
    if _is_champion(shelf, name, version, tags.get("sha256")):
        return
    shelf.mkdir(parents=True, exist_ok=True)
    store.clear_stale(shelf)
    # A name of our own: another server may be at it too.
    with tempfile.TemporaryDirectory(
        prefix=f".{version}.", suffix=store.PARTIAL, dir=shelf, ignore_cleanup_errors=True
    ) as partial:
        fresh = Path(partial) / version
        fresh.mkdir()
        run_id = _download(uri, tags.get("bundle", ""), fresh / "bundle")
        content = bundle.read(fresh / "bundle", name, version)
        if tags.get("sha256", content.sums[GRAPH]) != content.sums[GRAPH]:
            raise DataError(f"the sha256 of {GRAPH} is not the one that was registered; export it again")
        write_json(
            fresh / "version.json",
            {
                "name": name,
                "version": version,
                "run_id": run_id,
                "model_id": found.get("model_id") or tags.get("chainrule.model_id"),
                "commit": tags.get("git_commit"),
                "tags": tags,
            },
        )
        with store.alone(root, name):
            if not _is_champion(shelf, name, version, content.sums[GRAPH]):
                store.publish(root, name, fresh, _record(shelf, version, content.digest, run_id))


def _is_champion(shelf: Path, name: str, version: str, sha256: str | None) -> bool:
    """Whether the store says so, and means the graph with this hash. The weights are not read: this is asked often."""
    try:
        now = store.wanted(name, store.Place(shelf / store.CHAMPION, (0, 0, 0)))
        path = now.folder / SUMS
        listing = path.read_bytes()
        graph = bundle.listed(listing, path).get(GRAPH)
    except (DataError, OSError):
        return False
    return now.version == version and now.digest == hashlib.sha256(listing).hexdigest() and sha256 in (None, graph)


def _record(shelf: Path, version: str, digest: str, run_id: str) -> dict[str, Any]:
    """Return the content of champion.json."""
    before = store.served(shelf)
    return {
        "version": version,
        "digest": digest,
        "run_id": run_id,
        "promoted": datetime.now(UTC).isoformat(timespec="seconds"),
        "from": before if before != version else None,
        "reason": "champion of the registry",
    }


def _download(uri: str, source: str, folder: Path) -> str:
    """Download the bundle that a version's tag names, `runs:/<run>/bundle`; return the run's id."""
    named = _BUNDLE_TAG.fullmatch(source)
    if named is None:
        raise DataError("has no tag `bundle`; it was not registered by `chainrule`'s export")
    run_id, inside = named[1], named[2]
    info = _ask(uri, "api/2.0/mlflow/runs/get", {"run_id": run_id}).get("run", {}).get("info", {})
    place = urllib.parse.urlsplit(str(info.get("artifact_uri")))
    if place.scheme != "mlflow-artifacts":
        raise DataError(
            f"its artifacts lie at {info.get('artifact_uri')}, which the registry does not hand out; start it with "
            "`mlflow server --serve-artifacts` and no --default-artifact-root"
        )
    above = f"{place.path.strip('/')}/{inside}"
    files = _ask(uri, "api/2.0/mlflow-artifacts/artifacts", {"path": above}).get("files", [])
    folder.mkdir()
    store.check_room(folder, sum(int(file.get("file_size") or 0) for file in files))
    for file in files:
        name = Path(str(file.get("path"))).name
        if name not in (*bundle.KNOWN, SUMS) or file.get("is_dir"):
            raise DataError(f"{name!r:.100} is no file of a bundle; export and register it again")
        _save(uri, f"api/2.0/mlflow-artifacts/artifacts/{urllib.parse.quote(f'{above}/{name}')}", folder / name)
    return run_id


def _save(uri: str, path: str, to: Path) -> None:
    most = bundle.most_bytes(to.name)
    with _open(uri, path, {}) as answer, open(to, "wb") as file:
        size = 0
        while piece := _read(answer, uri):
            size += len(piece)
            if size > most:
                raise DataError(f"{to.name} is larger than {most:,} bytes; in a bundle it never is")
            file.write(piece)


def _ask(uri: str, path: str, query: dict[str, str]) -> dict[str, Any]:
    end = time.monotonic() + ASK_SECONDS
    data = bytearray()
    with _open(uri, path, query) as answer:
        while piece := _read(answer, uri):
            data += piece
            if len(data) > bundle.JSON_BYTES or time.monotonic() > end:
                raise DataError(f"{_public(uri)}: the answer to {path} does not end")
    try:
        content = json.loads(data)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise DataError(f"{_public(uri)}: the answer to {path} is no JSON object; is this an MLflow server?")
    return content


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to wherever it points."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _open(uri: str, path: str, query: dict[str, str]) -> http.client.HTTPResponse:
    try:
        server = urllib.parse.urlsplit(uri)
        if server.scheme not in ("http", "https") or not server.hostname:
            raise ValueError("not an http address; name an MLflow server")
        address = f"{server.scheme}://{server.netloc.rpartition('@')[2]}{server.path.rstrip('/')}/{path}"
        asked = f"{address}?{urllib.parse.urlencode(query)}" if query else address
        request = urllib.request.Request(asked, headers=_credentials(server))  # noqa: S310 - http or https, as seen
        answer: http.client.HTTPResponse = urllib.request.build_opener(_NoRedirect).open(
            request, timeout=TIMEOUT_SECONDS
        )
        return answer
    except urllib.error.HTTPError as error:
        with error:
            raise DataError(f"{_public(uri)} answers {error.code} to {path}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(f"{_public(uri)} does not answer: {getattr(error, 'reason', error)}") from None


def _read(answer: http.client.HTTPResponse, uri: str) -> bytes:
    """Return what has come, b"" at the end; never waits longer than TIMEOUT_SECONDS."""
    try:
        return answer.read1(_PIECE)
    except (OSError, http.client.HTTPException) as error:
        raise DataError(f"{_public(uri)} broke off its answer ({error})") from None


def _credentials(server: urllib.parse.SplitResult) -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    if token:
        return {"Authorization": f"Bearer {token}"}
    user = urllib.parse.unquote(server.username or "") or os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = urllib.parse.unquote(server.password or "") or os.environ.get("MLFLOW_TRACKING_PASSWORD")
    if user and password:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
    return {}


def _public(uri: str) -> str:
    """Return the address without a password in it."""
    return re.sub(r"//[^/]*@", "//", uri)
