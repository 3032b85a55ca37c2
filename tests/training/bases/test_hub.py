"""The hub: asked by `fetch` alone, here a small one on this machine; what it does when nothing answers."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import torch
from transformers import BertConfig, BertModel

from chainrule import QUIET
from chainrule.training.bases.shared.hub import wanted

NAME, COMMIT = "somebody/tiny", "0123456789abcdef0123456789abcdef01234567"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]
README = "---\nlanguage: en\nlicense: cc-by-4.0\n---\n# tiny\n"
FETCH = """
import json, sys
from pathlib import Path
from chainrule.stages.fetch import fetch
from chainrule.stages.job import Job, carry_out
from chainrule.system.errors import ChainruleError

block = {"modality": "text", "base": json.loads(sys.argv[1]), "finetune": {"strategy": {"name": "full"}}}
try:
    carry_out(Job("fetch", "mine", Path.cwd(), block), fetch)
except ChainruleError as error:
    sys.exit(str(error))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the hub has of a model: as much again as a base is made of."""
    folder = tmp_path_factory.mktemp("hub")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    torch.manual_seed(0)
    model = BertModel(BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **sizes))
    model.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    (folder / "README.md").write_text(README)
    return folder


class Hub(ThreadingHTTPServer):
    """What of the hub's addresses its client asks for: about a model at a revision, and its files."""

    daemon_threads = True
    folder: Path
    asked: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(path)
        about, file = f"/api/models/{NAME}", f"/{NAME}/resolve/{COMMIT}/"
        names = sorted(each.name for each in self.server.folder.iterdir())
        if path in (about, f"{about}/revision/main", f"{about}/revision/{COMMIT}"):
            siblings = [{"rfilename": name} for name in names]
            self.answer({"id": NAME, "sha": COMMIT, "siblings": siblings, "private": False})
        elif path.startswith(f"{about}/tree/{COMMIT}"):
            self.answer([self.entry(name) for name in names])
        elif path.startswith(f"{about}/revision/"):
            self.answer({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
        elif path.startswith(file) and path.removeprefix(file) in names:
            content = (self.server.folder / path.removeprefix(file)).read_bytes()
            self.send(content, 200, {"ETag": f'"{sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT})
        else:
            self.answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET  # noqa: N815

    def entry(self, name: str) -> dict[str, object]:
        content = (self.server.folder / name).read_bytes()
        return {"type": "file", "path": name, "size": len(content), "oid": sha256(content).hexdigest()[:40]}

    def answer(self, content: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send(json.dumps(content).encode(), status, {"Content-Type": "application/json", **(headers or {})})

    def send(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@pytest.fixture
def hub(files: Path) -> Iterator[Hub]:
    server = Hub(("127.0.0.1", 0), Answers)
    server.folder, server.asked = files, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def fetch(
    root: Path, endpoint: str, name: str = NAME, revision: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the stage in a process of its own: the hub's client learns on import where the hub is."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    own = {"HF_ENDPOINT": endpoint, "HF_HOME": str(root / "cache"), "HF_HUB_DISABLE_XET": "1"}
    base = json.dumps({"from": "huggingface", "name": name, "revision": revision})
    environment = {**inherited, **own, "HF_HUB_OFFLINE": QUIET["HF_HUB_OFFLINE"], **variables}
    words = [sys.executable, "-c", FETCH, base]
    return subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True, check=False)


def card(root: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((root / "models" / "base" / "mine" / "base.json").read_text())
    return found


def test_a_model_comes_by_name_with_its_commit_and_licence_and_once(hub: Hub, tmp_path: Path) -> None:
    done = fetch(tmp_path, hub.url)
    assert done.returncode == 0, done.stderr
    assert (card(tmp_path)["revision"], card(tmp_path)["licence"]) == (COMMIT, "cc-by-4.0")
    assert f"revision {COMMIT}, licence cc-by-4.0" in done.stdout
    assert not [path for path in hub.asked if path.endswith(".bin")], "where there are safetensors no pickle is loaded"
    hub.asked.clear()
    again = fetch(tmp_path, hub.url, HF_HUB_OFFLINE="1")
    assert again.returncode == 0, again.stderr
    assert card(tmp_path)["revision"] == COMMIT, "the cache has it"
    assert hub.asked == []


def test_what_the_hub_does_not_have_is_said_in_a_line(hub: Hub, tmp_path: Path) -> None:
    for options, said in (
        ({"name": "somebody/else"}, "base.name: somebody/else: no such folder here, and no such model on the hub"),
        ({"revision": "v9"}, f"base.revision: v9: the hub has no such commit, tag or branch of {NAME}"),
    ):
        done = fetch(tmp_path, hub.url, **options)  # type: ignore[arg-type]
        assert (done.returncode, done.stderr.strip()) == (1, said)


def test_no_answer_is_a_line_with_the_command_that_brings_the_files(tmp_path: Path) -> None:
    remedy = f"`hf download {NAME} --revision v1 --local-dir models/huggingface/{NAME}`"
    for variables in ({}, {"HF_HUB_OFFLINE": "1"}):
        done = fetch(tmp_path, f"http://127.0.0.1:{free_port()}", revision="v1", **variables)
        assert done.returncode == 1
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith(f"base.name: {NAME}: not on this machine, and the hub does not answer (")
        assert remedy in line


def test_a_hub_that_takes_the_call_and_says_nothing_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # what connects is taken into its queue, and that is all
        done = fetch(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}", HF_HUB_ETAG_TIMEOUT="1")
    (line,) = done.stderr.strip().splitlines()
    assert (done.returncode, line.count("hf download")) == (1, 1)
    assert line.startswith(f"base.name: {NAME}: not on this machine, and the hub does not answer (")
    assert "timed out" in line


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def test_of_a_models_files_those_are_taken_that_a_base_is_made_of() -> None:
    beside = ["README.md", "config.json", "tokenizer.json", "vocab.txt"]
    others = ["onnx/model.onnx", "tf_model.h5", "onnx/config.json", "flax_model.msgpack"]
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
    assert wanted([*beside, *others, *shards, "pytorch_model.bin"]) == sorted([*beside, *shards])
    assert wanted([*beside, *others, "pytorch_model.bin"]) == sorted([*beside, "pytorch_model.bin"])
