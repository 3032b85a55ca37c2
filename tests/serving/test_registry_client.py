import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

import live_server
import tiny_bundles
from chainrule.serving import bundle, registry_client, store, watch
from chainrule.serving.registry_client import fetch_champions
from chainrule.system.errors import DataError


class Registry:
    """What an MLflow server answers, as far as it is asked: one champion per model, its bundle in a folder."""

    def __init__(self) -> None:
        self.champions: dict[str, tuple[str, Path]] = {}
        self.artifacts = "mlflow-artifacts:/1/{run}/artifacts"
        self.extra_files: list[str] = []
        self.changes: dict[str, str] = {}
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}
        self.cut = self.cut_files = 0

    def answer(self, path: str, query: dict[str, str]) -> Any:
        if path == "/api/2.0/mlflow/registered-models/search":
            return self.page(int(query.get("page_token", "0")))
        if path == "/api/2.0/mlflow/model-versions/get":
            version, folder = self.champions[query["name"]]
            tags = {"bundle": f"runs:/run{query['name']}/bundle", "git_commit": "abc"}
            tags["sha256"] = bundle.read(folder, "any", "1").sums["model.onnx"]
            listed = [{"key": key, "value": value} for key, value in (tags | self.changes).items()]
            return {"model_version": {"name": query["name"], "version": version, "tags": listed}}
        if path == "/api/2.0/mlflow/runs/get":
            return {"run": {"info": {"artifact_uri": self.artifacts.format(run=query["run_id"])}}}
        if path == "/api/2.0/mlflow-artifacts/artifacts":
            _, run, *_ = query["path"].split("/")
            names = [file.name for file in self.folder(run).iterdir()] + self.extra_files
            return {"files": [{"path": name, "is_dir": False, "file_size": 1} for name in names]}
        run, name = path.split("/")[-4], path.split("/")[-1]
        content = (self.folder(run) / name).read_bytes()
        return content[: len(content) - self.cut_files]

    def page(self, place: int) -> dict[str, Any]:
        """One model a page."""
        names = sorted(self.champions)
        if not names:
            return {}
        name = names[place]
        aliases = [{"alias": "challenger", "version": "99"}, {"alias": "champion", "version": self.champions[name][0]}]
        more = {"next_page_token": str(place + 1)} if place + 1 < len(names) else {}
        return {"registered_models": [{"name": name, "aliases": aliases}], **more}

    def folder(self, run: str) -> Path:
        return self.champions[run.removeprefix("run")][1]


@pytest.fixture
def registry() -> Iterator[tuple[Registry, str]]:
    known = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            known.asked.append(parts.path)
            known.headers = dict(self.headers)
            found = known.answer(unquote(parts.path), {key: value[0] for key, value in parse_qs(parts.query).items()})
            body = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) - known.cut])

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    yield known, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def champion(root: Path, name: str) -> store.Wanted:
    found = store.find(root, name)
    assert found is not None
    return found


def test_one_champion_can_be_asked_for(registry: tuple[Registry, str], tmp_path: Path) -> None:
    known, uri = registry
    known.champions = {
        "digits": ("3", tiny_bundles.image_bundle(tmp_path / "d3")),
        "reviews": ("8", tiny_bundles.text_bundle(tmp_path / "r8")),
    }
    root = tmp_path / "project"
    assert fetch_champions(uri, root, "reviews") == []
    assert champion(root, "reviews").version == "8" and store.find(root, "digits") is None
    assert fetch_champions(uri, root, "nothing") == []


def test_loading_asks_the_registry_first(
    registry: tuple[Registry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "REGISTRY_SECONDS", 1000.0)
    known, uri = registry
    known.champions = {"digits": ("3", tiny_bundles.image_bundle(tmp_path / "d3"))}
    token = "a token of enough characters"
    headers = {"Authorization": f"Bearer {token}"}

    def served() -> str:
        return live.ask("GET", "/v2/models/digits", **headers).json["versions"][0]

    with live_server.running(tmp_path / "project", registry=uri, token=token) as live:
        assert served() == "3"
        known.champions["digits"] = ("4", tiny_bundles.image_bundle(tmp_path / "d4", shift=1.0))
        assert live.ask("POST", "/v2/repository/models/digits/load", b"", **headers).status == 200
        assert served() == "4"
        known.cut = 1  # it is broken, and what is on disk is loaded
        assert live.ask("POST", "/v2/repository/models/digits/load", b"", **headers).status == 200
        assert served() == "4"


def test_champions_come_into_the_store_and_are_served_from_it(registry: tuple[Registry, str], tmp_path: Path) -> None:
    known, uri = registry
    known.champions = {
        "digits": ("3", tiny_bundles.image_bundle(tmp_path / "d3")),
        "reviews": ("8", tiny_bundles.text_bundle(tmp_path / "r8")),
    }
    root = tmp_path / "project"
    assert fetch_champions(uri, root) == []
    for name, version in (("digits", "3"), ("reviews", "8")):
        wanted = champion(root, name)
        assert wanted.version == version
        assert bundle.read(wanted.folder, name, version).digest == wanted.digest
        about = json.loads((wanted.folder.parent / "version.json").read_text())
        assert (about["run_id"], about["commit"]) == (f"run{name}", "abc")
    shelf = root / "models" / "served" / "digits"
    assert sorted(path.name for path in shelf.iterdir()) == ["3", "champion.json"]


def test_what_is_there_is_not_fetched_again(registry: tuple[Registry, str], tmp_path: Path) -> None:
    known, uri = registry
    known.champions = {"digits": ("3", tiny_bundles.image_bundle(tmp_path / "d3"))}
    fetch_champions(uri, tmp_path)
    stamp = store.places(tmp_path)
    known.asked.clear()
    assert fetch_champions(uri, tmp_path) == []
    assert not any("artifacts" in path for path in known.asked)
    assert store.places(tmp_path) == stamp


def test_a_new_champion_comes_and_the_one_before_stays_for_a_way_back(
    registry: tuple[Registry, str], tmp_path: Path
) -> None:
    known, uri = registry
    for version in ("3", "4", "5"):
        known.champions = {"digits": (version, tiny_bundles.image_bundle(tmp_path / version, shift=float(version)))}
        assert fetch_champions(uri, tmp_path / "root") == []
        assert champion(tmp_path / "root", "digits").version == version
    shelf = tmp_path / "root" / "models" / "served" / "digits"
    assert sorted(path.name for path in shelf.iterdir()) == ["4", "5", "champion.json"]
    assert json.loads((shelf / "champion.json").read_text())["from"] == "4"


def test_the_same_number_from_another_registry_is_another_version(
    registry: tuple[Registry, str], tmp_path: Path
) -> None:
    known, uri = registry
    for seed in (1, 2):
        known.champions = {"digits": ("3", tiny_bundles.image_bundle(tmp_path / str(seed), seed=seed))}
        fetch_champions(uri, tmp_path / "root")
    expected = bundle.read(tmp_path / "2", "digits", "3").digest
    assert champion(tmp_path / "root", "digits").digest == expected


def test_a_bad_version_is_not_taken_and_the_others_are(registry: tuple[Registry, str], tmp_path: Path) -> None:
    known, uri = registry
    known.champions = {"digits": ("3", tiny_bundles.image_bundle(tmp_path / "d3"))}
    fetch_champions(uri, tmp_path / "root")
    known.champions["digits"] = ("4", tiny_bundles.image_bundle(tmp_path / "d4", shift=4.0))
    known.changes = {"sha256": "0" * 64}
    (problem,) = fetch_champions(uri, tmp_path / "root")
    assert problem.startswith("digits version 4: ") and "not the one that was registered" in problem
    known.changes = {}
    known.extra_files = ["../../evil.py"]
    (problem,) = fetch_champions(uri, tmp_path / "root")
    assert "no file of a bundle" in problem
    known.extra_files = ["model.pkl"]
    assert "no file of a bundle" in fetch_champions(uri, tmp_path / "root")[0]
    known.extra_files = []
    known.changes = {"bundle": "runs:/../x"}
    assert "has no tag `bundle`" in fetch_champions(uri, tmp_path / "root")[0]
    assert champion(tmp_path / "root", "digits").version == "3"
    shelf = tmp_path / "root" / "models" / "served" / "digits"
    assert sorted(path.name for path in shelf.iterdir()) == ["3", "champion.json"]


def test_artifacts_that_the_registry_does_not_hand_out(registry: tuple[Registry, str], tmp_path: Path) -> None:
    known, uri = registry
    known.champions = {"digits": ("3", tiny_bundles.image_bundle(tmp_path / "d3"))}
    known.artifacts = "file:///srv/mlruns/{run}"
    (problem,) = fetch_champions(uri, tmp_path / "root")
    assert "--serve-artifacts" in problem


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "", "a b"])
def test_a_name_that_is_no_plain_name_never_becomes_a_path(
    name: str, registry: tuple[Registry, str], tmp_path: Path
) -> None:
    known, uri = registry
    known.champions = {name: ("3", tiny_bundles.image_bundle(tmp_path / "d3"))}
    assert fetch_champions(uri, tmp_path / "root") == []
    assert not (tmp_path / "root").exists()


def test_an_answer_broken_off_is_a_problem_and_leaves_nothing(registry: tuple[Registry, str], tmp_path: Path) -> None:
    known, uri = registry
    known.champions = {"digits": ("3", tiny_bundles.image_bundle(tmp_path / "d3"))}
    known.cut = 10
    (problem,) = fetch_champions(uri, tmp_path / "root")
    assert "no JSON object" in problem
    known.cut_files = 10
    known.cut = 0
    (problem,) = fetch_champions(uri, tmp_path / "root")
    assert "SHA256SUMS" in problem
    assert list((tmp_path / "root" / "models" / "served" / "digits").iterdir()) == []


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "file:///etc/passwd", "sqlite:///mlflow.db", "http://[", "x"])
def test_a_registry_that_is_none_is_one_line(uri: str, tmp_path: Path) -> None:
    (problem,) = fetch_champions(uri, tmp_path)
    assert "\n" not in problem


def test_the_token_is_sent_and_no_password_is_said(
    registry: tuple[Registry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, uri = registry
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    fetch_champions(uri, tmp_path)
    assert known.headers["Authorization"] == "Bearer secret"
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
    fetch_champions(uri.replace("//", "//user:hidden@"), tmp_path)
    assert known.headers["Authorization"] == "Basic dXNlcjpoaWRkZW4="
    for address in ("http://user:hidden@127.0.0.1:9", "http://user:hidden@x:y", "ftp://user:hidden@x"):
        (problem,) = fetch_champions(address, tmp_path)
        assert "hidden" not in problem


def test_a_list_without_end_is_given_up(
    registry: tuple[Registry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, uri = registry
    monkeypatch.setattr(registry_client, "MAX_PAGES", 3)
    monkeypatch.setattr(known, "page", lambda place: {"next_page_token": "0"})
    (problem,) = fetch_champions(uri, tmp_path)
    assert "does not end" in problem and len(known.asked) == 3


def test_files_and_answers_that_are_too_large_are_given_up(
    registry: tuple[Registry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, uri = registry
    known.champions = {"digits": ("3", tiny_bundles.image_bundle(tmp_path / "d3"))}
    monkeypatch.setattr(bundle, "GRAPH_BYTES", 1000)
    known.changes = {"sha256": "0" * 64}
    real = bundle.read
    monkeypatch.setattr(bundle, "read", lambda *_: SimpleNamespace(sums={"model.onnx": "0" * 64}))
    (problem,) = fetch_champions(uri, tmp_path / "root")
    assert "model.onnx is larger than 1,000 bytes" in problem
    monkeypatch.setattr(bundle, "read", real)
    with pytest.raises(DataError, match="at most 1,000 are read"):
        bundle.read(tmp_path / "d3", "digits", "3")
    monkeypatch.setattr(bundle, "JSON_BYTES", 10)
    (problem,) = fetch_champions(uri, tmp_path / "root")
    assert "does not end" in problem


def test_a_model_that_is_told_wrong_keeps_no_other_away(registry: tuple[Registry, str], tmp_path: Path) -> None:
    known, uri = registry
    known.champions = {
        "digits": ("3", tiny_bundles.image_bundle(tmp_path / "d3")),
        "reviews": ("8", tiny_bundles.text_bundle(tmp_path / "r8")),
    }
    real = known.answer

    def answer(path: str, query: dict[str, str]) -> Any:
        if path.endswith("model-versions/get") and query["name"] == "digits":
            return {"model_version": {"tags": [{"value": "a tag without a key"}]}}
        return real(path, query)

    known.answer = answer  # type: ignore[method-assign]
    (problem,) = fetch_champions(uri, tmp_path / "root")
    assert problem.startswith("digits version 3: ") and "not understood" in problem
    assert champion(tmp_path / "root", "reviews").version == "8"


def test_a_password_may_have_any_sign(
    registry: tuple[Registry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, uri = registry
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN", raising=False)
    fetch_champions(uri.replace("//", "//user:p%40ss@"), tmp_path)
    assert known.headers["Authorization"] == "Basic " + base64.b64encode(b"user:p@ss").decode()
    (problem,) = fetch_champions("http://user:hid@den@127.0.0.1:9", tmp_path)
    assert "den" not in problem


def test_two_servers_on_one_root_do_not_disturb_each_other(
    registry: tuple[Registry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, uri = registry
    root = tmp_path / "root"
    known.champions = {"digits": ("3", tiny_bundles.image_bundle(tmp_path / "d3"))}
    fetch_champions(uri, root)
    known.champions = {"digits": ("4", tiny_bundles.image_bundle(tmp_path / "d4", shift=4.0))}
    together = threading.Barrier(2)
    real = registry_client._download

    def download(*arguments: Any) -> str:
        found = real(*arguments)
        together.wait(10)  # both have it, neither has published it
        return found

    monkeypatch.setattr(registry_client, "_download", download)
    problems: list[str] = []
    servers = [threading.Thread(target=lambda: problems.extend(fetch_champions(uri, root))) for _ in range(2)]
    for server in servers:
        server.start()
    for server in servers:
        server.join(20)
    assert problems == []
    assert bundle.read(champion(root, "digits").folder, "digits", "4").digest == champion(root, "digits").digest
    shelf = root / "models" / "served" / "digits"
    assert sorted(path.name for path in shelf.iterdir()) == ["3", "4", "champion.json"]
    assert json.loads((shelf / "champion.json").read_text())["from"] == "3"


def test_a_disk_without_room_keeps_what_is_served(
    registry: tuple[Registry, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, uri = registry
    known.champions = {"digits": ("3", tiny_bundles.image_bundle(tmp_path / "d3"))}
    fetch_champions(uri, tmp_path / "root")
    known.champions = {"digits": ("4", tiny_bundles.image_bundle(tmp_path / "d4", shift=4.0))}
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    known.asked.clear()
    (problem,) = fetch_champions(uri, tmp_path / "root")
    assert "10 are free; make room on this disk" in problem
    assert not any(path.endswith("model.onnx") for path in known.asked)
    assert champion(tmp_path / "root", "digits").version == "3"
    shelf = tmp_path / "root" / "models" / "served" / "digits"
    assert sorted(path.name for path in shelf.iterdir()) == ["3", "champion.json"]
