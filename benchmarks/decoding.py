"""Writing token by token: with a cache and without, and a server under one client and under several.

A translation net of random weights (4 layers each way, 256 wide, 8,000 tokens; 10 M weights), exported as `export` does
it, fp32, one thread. Texts are of 20 tokens in and, for no token ends them, 40 out.

1. Tokens per CPU-second of the likeliest token each time, 1, 8 and 32 texts together, and 1 of 120 tokens: with the
   cache, and reading all of a text anew for every token (the same graph, nothing kept).
2. A server, closed loop, 1, 4 and 16 clients: texts and tokens a second, p50 and p99, time to a stream's first token,
   memory; and 16 clients where one text is written at a time. Server and clients share the cores.

Targets: with the cache at least 3 times the tokens of reading anew at every size; 16 clients get at least 2 times the
texts a second of one text at a time, and a p99 below theirs; memory grows by at most the bound of the cache.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import common
import numpy as np
import psutil

SOURCE, MADE = 20, 40
SIZES, CLIENTS = ((1, MADE), (1, 120), (8, MADE), (32, MADE)), (1, 4, 16)
SECONDS = 6.0
NET: dict[str, Any] = {
    "encoder_layers": 4, "decoder_layers": 4, "width": 256, "heads": 4, "feed_forward": 1024, "max_length": 160,
    "dropout": 0.0,
}  # fmt: skip
VOCABULARY = 8000


def main() -> None:
    """Run the benchmark."""
    parser = common.arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each load")
    parser.add_argument("--serve", nargs=2, metavar=("ROOT", "TEXTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(Path(options.serve[0]), int(options.serve[1]))
        return
    at_start = common.machine()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "models" / "onnx" / "translation"
        folder.parent.mkdir(parents=True)
        write_bundle(folder)
        figures: dict[str, Any] = {"alone": alone(folder)}
        figures["server"] = {
            f"{clients} clients": load(Path(place), clients, options.seconds, 32) for clients in CLIENTS
        }
        figures["one at a time"] = {"16 clients": load(Path(place), 16, options.seconds, 1)}
    figures["targets"] = targets(figures)
    common.write_result(options.results, "decoding", at_start, {"seconds": options.seconds}, figures)


def targets(figures: dict[str, Any]) -> dict[str, Any]:
    """Return every target with its figure."""
    most, least = figures["server"]["16 clients"], figures["one at a time"]["16 clients"]
    ratios = [found["ratio"] for found in figures["alone"].values()]
    pays = most["texts_per_second"] / least["texts_per_second"]
    return {
        "cache": common.target("tokens with the cache against reading anew, at least", min(ratios), ">=", 3, " times"),
        "batching": common.target("16 clients against one text at a time", pays, ">=", 2, " times"),
        "p99": common.target("p99 against that", most["p99_ms"] / least["p99_ms"], "<=", 1, " times"),
        "memory": common.target("memory that 16 clients add", most["grown_mib"], "<=", 512, " MiB"),
    }


# ---- the model


def facts() -> dict[str, Any]:
    """Return the facts of the inputs: a tokenizer of words w0, w1, …, which no token ends."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    names = {name: place for place, name in enumerate([*special, *(f"w{n}" for n in range(VOCABULARY - 5))])}
    tokenizer = Tokenizer(models.WordLevel(names, unk_token="[UNK]"))
    tokenizer.add_special_tokens(special)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(NET["max_length"])
    return {
        "vocabulary": VOCABULARY, "max_length": NET["max_length"], "pad_id": 0, "unknown_id": 1, "end_id": 3,
        "mask_id": 4, "special_ids": [0, 1, 2, 3, 4], "tokenizer": tokenizer.to_str(),
    }  # fmt: skip


def write_bundle(folder: Path) -> None:
    """Write the bundle of the net."""
    import torch

    from chainrule.exporting import bundle, signature, written
    from chainrule.nets import encoder_decoder
    from chainrule.tasks.translation import fields
    from chainrule.tasks.translation import model as task
    from chainrule.training import writing

    torch.manual_seed(0)
    own = facts()
    net = encoder_decoder.build(VOCABULARY, 0, **NET)
    model = task.build(net, own, {"characters": 500}).eval()
    known = writing.known(model, own)
    protos = written.traced(writing.parts(task, model, known))
    contents = {name: proto.SerializeToString() for name, proto in protos.items()}
    block = {**task.decoding(known), "never": [0, 1, 2, 3, 4], "defaults": {"max_new_tokens": MADE}}
    about = {
        "version": signature.VERSION, "recipe": "translation", "task": "translation", "modality": "text",
        "fields": signature.fields(fields.fields("text")), **signature.of_writer(protos, block),
        "target": {"kind": "wording", "characters": 500}, "padding": {"input_ids": 0, "attention_mask": 0},
        "preprocessing": {"source": {
            "normalise": {
                "lowercase": False, "strip_html": False, "min_characters": 1, "max_characters": 5000, "long": "cut",
            },
            "tokenizer": "tokenizer.json", "max_length": NET["max_length"], "pad_id": 0,
        }},
        "primary": {"name": "bleu", "more_is_better": True, "unit": "points"}, "scores": {},
    }  # fmt: skip
    decoders = {"fp32": contents["decoder"]}
    bundle.write(folder, contents["model"], about, "# Random weights\n", own["tokenizer"], decoders=decoders)


def source(number: int) -> str:
    """Return a text of SOURCE tokens, its two ends among them."""
    draw = np.random.default_rng(number)
    return " ".join(f"w{n}" for n in draw.integers(0, VOCABULARY - 5, SOURCE - 2))


# ---- with the cache and without


def alone(folder: Path) -> dict[str, Any]:
    """Return tokens per CPU-second by how many texts are written together."""
    from chainrule.serving import answered, bundle, plain
    from chainrule.serving.decoding import rows
    from chainrule.serving.decoding.settings import Settings
    from chainrule.serving.limits import Limits
    from chainrule.serving.padding import together

    content = bundle.read(folder, "translation", "1")
    writer = answered.writer(content, answered.sessions(content, "fp32", 1), "translation")
    found = {}
    for size, made in SIZES:
        write = rows.generated(writer, Settings(max_new_tokens=made))
        inputs = together([plain.prepare(content, {"source": source(n)}, Limits()) for n in range(size)], {})
        write({name: array[:1] for name, array in inputs.items()})  # warm
        begun = time.thread_time()
        with_cache = write(inputs)["tokens"]
        cached = with_cache.size / (time.thread_time() - begun)
        begun = time.thread_time()
        anew = reading_anew(writer, inputs, made)
        uncached = anew.size / (time.thread_time() - begun)
        found[f"{size} of {made} tokens"] = told = {
            "tokens_per_second": round(cached), "reading_anew": round(uncached), "ratio": round(cached / uncached, 2),
            "same_tokens": float((anew == with_cache).mean()),
        }  # fmt: skip
        print(f"{size} of {made} tokens: {told}")
    return found


def reading_anew(writer: Any, inputs: dict[str, np.ndarray], made: int) -> np.ndarray:
    """Return the likeliest tokens [N, made], each text read from its start for every one of them."""
    from chainrule.serving.decoding.caches import empty

    count = len(inputs["input_ids"])
    encoded = writer.encoder(inputs)
    ask = writer.decoder(["logits"])
    tokens = np.full((count, 1), writer.rules.start[0], np.int64)
    for _ in range(made):
        feeds = {
            "input_ids": tokens, "attention_mask": np.ones_like(tokens), "encoder_mask": inputs["attention_mask"],
            **encoded, **empty(writer.shapes, count).past,
        }  # fmt: skip
        logits = writer.rules.allowed(ask(feeds)["logits"][:, -1], tokens.shape[1] - 1)
        tokens = np.concatenate([tokens, logits.argmax(axis=1)[:, None]], axis=1)
    return tokens[:, 1:]


# ---- the server


def load(root: Path, clients: int, seconds: float, texts: int) -> dict[str, Any]:
    """Return what so many clients get of a server that writes so many texts at once."""
    with serving(root, texts) as (port, pid):
        asyncio.run(closed_loop(port, 1, 1.0))  # warm
        before = psutil.Process(pid).memory_info().rss
        found = asyncio.run(closed_loop(port, clients, seconds))
        found["grown_mib"] = round((psutil.Process(pid).memory_info().rss - before) / 2**20, 1)
        found["resident_mib"] = round(psutil.Process(pid).memory_info().rss / 2**20, 1)
    print(f"{clients} clients, {texts} texts at once: {found}")
    return found


def serve(root: Path, texts: int) -> None:
    """Serve what is below `root`, so many texts at once on one thread, and say on which port."""
    from chainrule.serving.limits import Limits
    from chainrule.serving.logs import Log
    from chainrule.serving.server import listen, make_server
    from chainrule.serving.settings import Settings

    settings = Settings(root=root, device="cpu", threads=1, limits=Limits(texts=texts))
    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    with open(root / "server.log", "wb") as log:
        make_server(settings, Log(log)).run(listener)


@contextmanager
def serving(root: Path, texts: int) -> Iterator[tuple[int, int]]:
    """Give the port and the process of a server, once it is ready."""
    command = [sys.executable, __file__, "--serve", str(root), str(texts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            while not asyncio.run(is_ready(port)):
                time.sleep(0.05)
            yield port, process.pid
        finally:
            process.terminate()


async def is_ready(port: int) -> bool:
    """Return whether a server is ready."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.write(b"GET /v2/health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.startswith(b"HTTP/1.1 200")


async def closed_loop(port: int, clients: int, seconds: float) -> dict[str, Any]:
    """Return rates and times of clients that each ask again when they are answered."""
    taken: list[float] = []
    first: list[float] = []
    began = time.perf_counter()

    async def client(number: int) -> None:
        asked = number
        while time.perf_counter() - began < seconds:
            start = time.perf_counter()
            first.append(await ask(port, source(asked)) - start)
            taken.append(time.perf_counter() - start)
            asked += clients

    await asyncio.gather(*(client(number) for number in range(clients)))
    span = time.perf_counter() - began
    return {
        "texts_per_second": round(len(taken) / span, 2),
        "tokens_per_second": round(MADE * len(taken) / span),
        "p50_ms": round(1000 * float(np.median(taken)), 1),
        "p99_ms": round(1000 * float(np.quantile(taken, 0.99)), 1),
        "first_token_p50_ms": round(1000 * float(np.median(first)), 1),
        "texts": len(taken),
    }


async def ask(port: int, text: str) -> float:
    """Ask for a text as events and read all of them; return when the first came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"source": text, "stream": True}).encode()
    writer.write(
        b"POST /models/translation HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"connection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    )
    status = await reader.readuntil(b"\r\n\r\n")
    assert status.startswith(b"HTTP/1.1 200"), status
    await reader.readuntil(b"data: ")
    came = time.perf_counter()
    content = await reader.read()
    assert b"event: end" in content
    writer.close()
    return came


if __name__ == "__main__":
    main()
