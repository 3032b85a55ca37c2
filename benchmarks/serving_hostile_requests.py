"""Hostile requests by kind, drawn from a seed: what a fuzzer, a broken client or an attacker might send."""

import gzip
import io
import json
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import serving_load
import serving_models
import serving_servers
from serving_models import Arrays

IMAGE, FLOATS, TEXT = MODELS = ("small", "small_floats", "small_text")
CONTENT = {"Content-Type": "application/json"}
SIZES: tuple[Any, ...] = (
    -1, 0, -(2**63), 2**31, 2**32, 2**63 - 1, 2**63, 2**64, 10**30, 1.0, 1.5, 1e300, "1", None, True, [], [1], {},
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**64, 10**40, "", "x", "\x00", "../../etc/passwd", "A" * 5000, [], [[]], {},
    {"a": 1}, [1, "a", None], ["x"] * 100, "\ud83d", "FP32", 1e308, -0.0,
)  # fmt: skip
DATATYPES = ("FP31", "", "uint8", "INT", "BYTES", "FP64", "INT8", "BOOL", "FP16", "BF16", "UINT64", "X" * 1000, None, 7)


class Case(NamedTuple):
    """A hostile request and what may come of it."""

    kind: str
    data: bytes
    passes: bool = False
    """Whether it may be answered with 200: not every mutation breaks a request."""
    closes: bool = False
    """Whether the server may close the connection without an answer: it is no HTTP, or its body was not wanted."""
    abandons: bool = False
    """Whether the client hangs up without waiting for an answer."""
    pause: float = 0.0
    """Seconds between the bytes of a slow client; data then goes out byte by byte."""
    reads: bool = True
    """Whether the client takes its answers; one that does not asks again and again."""


def cases(seed: int, count: int) -> Iterator[Case]:
    """Yield so many cases, of every kind according to its weight."""
    random_ = random.Random(seed)
    kinds = random_.choices(list(WEIGHTS), list(WEIGHTS.values()), k=count)
    for kind in kinds:
        yield kind(random_)


@cache
def examples(model: str) -> list[Arrays]:
    """Return good inputs."""
    return serving_models.examples(model, 16)


def inputs(random_: random.Random, model: str | None = None) -> tuple[str, Arrays]:
    """Draw a model and a good input of it."""
    name = model or random_.choice(MODELS)
    return name, random_.choice(examples(name))


def content(given: Arrays) -> dict[str, Any]:
    """Return the good JSON of an input, to be spoiled."""
    return {
        "inputs": [
            serving_servers.described(name, array) | {"data": array.ravel().tolist()} for name, array in given.items()
        ]
    }


def infer(name: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    """Return an inference request."""
    return serving_load.request(f"/v2/models/{name}/infer", body, headers)


def json_mutated(random_: random.Random) -> Case:
    """Return JSON with some of its bytes changed, taken out, put in, doubled, or its end cut off."""
    name, given = inputs(random_)
    body = bytearray(json.dumps(content(given)).encode())
    for _ in range(random_.randint(1, 8)):
        at = random_.randrange(len(body) + 1)
        way = random_.randrange(5)
        if way == 0 and at < len(body):
            body[at] = random_.randrange(256)
        elif way == 1:
            del body[at : at + random_.randint(1, 20)]
        elif way == 2:
            body[at:at] = random_.choice(
                (b'"', b"[", b"]", b"{", b"}", b",", b":", b"\\u", b"\x00", b"-", b"e9", b"\xff\xfe", b"null")
            )
        elif way == 3:
            body[at:at] = body[at : at + random_.randint(1, 200)]
        elif random_.random() < 0.2:
            del body[at:]
    return Case("fuzzed JSON", infer(name, bytes(body)), passes=True)


def json_values(random_: random.Random) -> Case:
    """Return JSON of the right syntax with a part replaced, taken out, renamed or doubled."""
    name, given = inputs(random_)
    asked = content(given)
    tensor = random_.choice(asked["inputs"])
    place = random_.choice((asked, asked, tensor, tensor, tensor))
    key = random_.choice((*place, "outputs", "parameters", "id", "extra"))
    way = random_.randrange(4)
    if way == 0:
        place.pop(key, None)
    elif way == 1:
        place[key] = random_.choice(ODD)
    elif way == 2:
        asked["inputs"].append(random_.choice([*ODD, tensor]))
    else:
        asked["outputs"] = random_.choice(
            [*ODD, [{"name": random_.choice(ODD)}], [{"name": "logits", "parameters": random_.choice(ODD)}]]
        )
    return Case("odd values", infer(name, json.dumps(asked).encode()), passes=True)


def shapes(random_: random.Random) -> Case:
    """Return a request whose shape is not that of its data or of the model."""
    name, given = inputs(random_)
    asked = content(given)
    tensor = random_.choice(asked["inputs"])
    shape = tensor["shape"]
    way = random_.randrange(6)
    if way == 0:  # 1.0 and True equal 1 and would be no lie in the first place
        shape[random_.randrange(1, len(shape))] = random_.choice([size for size in SIZES if size is not True])
    elif way == 1:
        tensor["shape"] = random_.choice(([], [len(tensor["data"])], [1] * 100, [*shape, 1], [2**32, 2**32], [-1, -1]))
    elif way == 2:
        tensor["data"] = tensor["data"][: random_.randrange(len(tensor["data"]))]
    elif way == 3:
        tensor["data"] = tensor["data"] * random_.choice((2, 3, 100))
    elif way == 4:
        tensor["shape"] = [size + 1 for size in shape]
    else:
        tensor["shape"], tensor["data"] = [10_000, *shape[1:]], tensor["data"] * random_.choice((1, 10))
    # A tensor of size 1 along its axis may be told apart from the model's only by being right.
    same = shape == list(given[tensor["name"]].shape) and len(tensor["data"]) == given[tensor["name"]].size
    return Case("wrong shapes", infer(name, json.dumps(asked).encode()), passes=same and tensor["shape"] == shape)


def datatypes(random_: random.Random) -> Case:
    """Return a request with a wrong datatype, or a value that its datatype cannot hold."""
    name, given = inputs(random_)
    asked = content(given)
    tensor = random_.choice(asked["inputs"])
    if random_.random() < 0.5:
        tensor["datatype"] = random_.choice(DATATYPES)
    else:
        bad: tuple[Any, ...] = ("1", None, [], {}, 10**400)
        if tensor["datatype"] == "UINT8":
            bad += (-1, 256, 1.5, 2**63, -(2**63), 2**64)
        elif tensor["datatype"] == "INT64":
            bad += (1.5, 2**63, -(2**63) - 1, 2**64)
        else:
            bad += (1e39, -1e39)
        tensor["data"][random_.randrange(len(tensor["data"]))] = random_.choice(bad)
    return Case("wrong datatypes", infer(name, json.dumps(asked).encode()))


def out_of_vocabulary(random_: random.Random) -> Case:
    """Return token ids that no vocabulary has."""
    name, given = inputs(random_, TEXT)
    asked = content(given)
    ids = asked["inputs"][0]["data"]
    ids[random_.randrange(len(ids))] = random_.choice((-(2**63), 2**63 - 1, 2**31, 10**6, 500))
    return Case("token ids out of range", infer(name, json.dumps(asked).encode()))


def not_finite(random_: random.Random) -> Case:
    """Return a NaN or an infinity, as JSON's would-be words, as numbers too large, or in binary."""
    name, given = inputs(random_, FLOATS)
    if random_.random() < 0.5:
        image = given["image"].copy()
        image.ravel()[random_.randrange(image.size)] = random_.choice((np.nan, np.inf, -np.inf))
        return Case("NaN and infinities", serving_servers.oip_binary(name, {"image": image}))
    body = json.dumps(content(given))
    first = str(given["image"].ravel().tolist()[0])
    word = random_.choice(("NaN", "Infinity", "-Infinity", "nan", "1e999", "-1e999", "1e39"))
    return Case("NaN and infinities", infer(name, body.replace(first, word, 1).encode()))


def binary(random_: random.Random) -> Case:
    """Return binary tensors cut off, too long, or with lies about their lengths."""
    name, given = inputs(random_)
    tensors = [
        serving_servers.described(key, array) | {"parameters": {"binary_data_size": array.nbytes}}
        for key, array in given.items()
    ]
    tail = b"".join(array.tobytes() for array in given.values())
    way = random_.randrange(5)
    length: Any = None
    if way == 0:
        tail = tail[: random_.randrange(len(tail))]
    elif way == 1:
        tail += random_.randbytes(random_.randint(1, 1000))
    elif way == 2:
        size: Any = random_.choice(
            (-1, 0, 1, 2**31, 2**63, 10**30, 1.5, "64", None, [], tensors[0]["parameters"]["binary_data_size"] + 1)
        )
        random_.choice(tensors)["parameters"]["binary_data_size"] = size
    elif way == 3:
        length = random_.choice((-1, 0, 1, 10**6, 10**30, "x", "", "0x10", "1e2", "+5"))
    else:
        random_.choice(tensors)["data"] = [1]
    head = json.dumps({"inputs": tensors}).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head) if length is None else length),
    }
    return Case("broken binary", infer(name, head + tail, headers))


@cache
def bomb(encoding: str, mebibytes: int, byte: bytes) -> bytes:
    """Return so many MiB of one byte, compressed."""
    raw = byte * (mebibytes * 2**20)
    return gzip.compress(raw) if encoding == "gzip" else zlib.compress(raw)


def compressed(random_: random.Random) -> Case:
    """Return bodies that decompress to far more than they are, not at all, or twice."""
    name, given = inputs(random_)
    good = gzip.compress(json.dumps(content(given)).encode(), 1)
    way = random_.randrange(7)
    encoding = "gzip"
    if way == 0:
        encoding = random_.choice(("gzip", "deflate"))
        body = bomb(encoding, random_.choice((17, 64)), random_.choice((b" ", b"[", b"\0")))
    elif way == 1:
        spoiled = bytearray(good)
        spoiled[random_.randrange(10, len(spoiled))] ^= 1 << random_.randrange(8)
        body = bytes(spoiled)
    elif way == 2:
        body = good[: random_.randrange(len(good))]
    elif way == 3:
        body = good + random_.randbytes(10)
    elif way == 4:
        encoding, body = random_.choice(("br", "zstd", "gzip, gzip", "x" * 100)), good
    elif way == 5:
        body = gzip.compress(gzip.compress(good, 1), 1)
    else:
        return Case("compressed", infer(name, good, {"Content-Encoding": "gzip"}), passes=True)
    return Case("gzip bombs and the like", infer(name, body, {"Content-Encoding": encoding}), passes=way == 1)


def deep(random_: random.Random) -> Case:
    """Return JSON nested very deep."""
    name, given = inputs(random_)
    depth = random_.choice((50, 1_000, 100_000, 400_000))
    opening, closing = random_.choice((("[", "]"), ('{"a":', "}")))
    nest = opening * depth + "1" + closing * random_.choice((0, depth))
    body = json.dumps(content(given))
    place = random_.randrange(3)
    if place == 1:
        body = body[:-1] + ', "parameters": {"a": ' + nest + "}}"
    elif place == 2:
        body = body[:-1] + ', "extra": ' + nest + "}"
    return Case("deep JSON", infer(name, (body if place else nest).encode()))


@cache
def picture(form: str, width: int = 32, height: int = 32) -> bytes:
    """Return a good image file."""
    from PIL import Image

    output = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    Image.fromarray(noise).convert("P" if form == "GIF" else "L").save(output, form)
    return output.getvalue()


@cache
def picture_bomb(width: int, height: int) -> bytes:
    """Return a small PNG of very many black pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress(bytes(min((width // 8 + 1) * height, 50_000_000)), 9)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def images(random_: random.Random) -> Case:
    """Return what is no image, part of one, one of another form, or one that would be huge."""
    form = random_.choice(("PNG", "JPEG"))
    declared = random_.choice(("image/png", "image/jpeg", "image/*", "image/x", "IMAGE/PNG"))
    way = random_.randrange(6)
    passes = False
    good = picture(form)
    if way == 0:
        data = random_.randbytes(random_.choice((0, 1, 100, 10_000)))
    elif way == 1:
        data = good[: random_.randrange(len(good) // 2)]
    elif way == 2:
        spoiled = bytearray(good)
        for _ in range(random_.randint(1, 10)):
            spoiled[random_.randrange(len(spoiled))] = random_.randrange(256)
        data, passes = bytes(spoiled), True
    elif way == 3:
        sizes = ((20_000, 20_000), (2**31 - 1, 2**31 - 1), (60_000, 60_000), (2**31 - 1, 1))
        data = picture_bomb(*random_.choice(sizes))
    elif way == 4:
        data, passes = picture(random_.choice(("GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "PCX", "WEBP"))), True
    else:
        text = random_.choice(("<svg xmlns='http://www.w3.org/2000/svg'/>", "%!PS\n", "%PDF-1.7\n", "GIF89a"))
        data = text.encode() + good
    return Case("bad images", serving_load.request(f"/models/{IMAGE}", data, {"Content-Type": declared}), passes)


def texts(random_: random.Random) -> Case:
    """Return texts that are none, or too long, or odd."""
    odd = (
        b"", b" " * 1000, b"\x00" * 100, b"\xff\xfe\xfa", b"a" * 99_000, b"a" * 200_000, "\u0301".encode() * 5000,
        "\U0001f600".encode() * 2000, "\u202e\ufeff\u200b".encode() * 100, random_.randbytes(200),
    )  # fmt: skip
    if random_.random() < 0.5:
        body, kind = random_.choice(odd), "text/plain"
    else:
        body, kind = random_.choice((
            b'{"text": 5}', b'{"text": null}', b'{"text": "\\ud800"}', b'{"text": ["a"]}', b'{"text"', b"[]", b"{}",
            b'{"text": "a", "text": {}}', b'{"other": "a"}', b'"text"', b'{"text": "' + b"b" * 150_000 + b'"}',
        )), "application/json"  # fmt: skip
    path = f"/models/{random_.choice((TEXT, TEXT, TEXT, IMAGE, 'none', '..%2f..%2fetc%2fpasswd'))}"
    return Case("odd texts", serving_load.request(path, body, {"Content-Type": kind}), passes=True)


def http(random_: random.Random) -> Case:
    """Return broken or unwanted HTTP."""
    name, given = inputs(random_)
    body = json.dumps(content(given)).encode()
    good = infer(name, body)
    host = b"Host: 127.0.0.1\r\n"
    start = f"POST /v2/models/{name}/infer HTTP/1.1\r\n".encode()
    paths = (
        b"/../../../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"/models/..%5c..%5cetc", b"/v2/models/%00/infer",
        b"/page/../../cli.py", b"//etc/passwd", b"/static/%252e%252e/x", b"/" + b"a" * 30_000, b"*", b"http://other/",
        b"/models/" + b"%ff" * 50, b"/v2/models/small/versions/-1/infer", b"/v2/models/small/versions/" + b"9" * 500,
        b"/v2/models/small/versions/../infer", b"/v2/models/" + b"x" * 5_000 + b"/infer",
    )  # fmt: skip
    methods = (b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS")
    odd_methods = (b"BREW", b"get", b"TRACE", b"CONNECT", b"A" * 3000, b"\xff")
    hosts = (b"Host: evil.example", b"Host: 127.0.0.1@evil", b"X: y", b"Host: \x00")
    headers = (
        b"Origin: http://evil.example", b"X A: b", b": b", b"X-A\x00: b", b" folded", b"X-Request-ID: " + b"z" * 5000,
        *(b"X-A: " + b"b" * size for size in (1_000, 70_000, 300_000)), b"X-A: b\r\n" * 100, b"X-A: b\r\n" * 20_000,
        b"Expect: 100-continue", b"Upgrade: websocket\r\nConnection: Upgrade", b"Connection: close",
    )  # fmt: skip
    lengths = (
        b"Content-Length: -", b"Content-Length: 9999999999999999999999", b"Content-Length: 5\r\nContent-Length: ",
        b"Transfer-Encoding: chunked\r\nContent-Length: ",
    )  # fmt: skip
    chunks = (b"ZZ\r\n", b"-1\r\n", b"FFFFFFFFFFFFFFFFF\r\n", b"5\r\nabcdefgh\r\n0\r\n\r\n")
    choices = (
        b"%s %s HTTP/1.1\r\n%s\r\n" % (random_.choice(methods), random_.choice(paths), host),
        b"%s / HTTP/1.1\r\n%s\r\n" % (random_.choice(odd_methods), host),
        random_.randbytes(random_.randint(1, 2000)) + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random_.randbytes(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\r\n\r\n",
        good.replace(b"HTTP/1.1", random_.choice((b"HTTP/9.9", b"HTTP/1.1.1", b"HTTP", b"XTTP/1.1")), 1),
        good.replace(b"Host: 127.0.0.1", random_.choice(hosts), 1),
        good.replace(b"\r\n", b"\r\n" + random_.choice(headers).removesuffix(b"\r\n") + b"\r\n", 1),
        good.replace(b"Content-Length: ", random_.choice(lengths), 1),
        start + host + b"Transfer-Encoding: chunked\r\n\r\n" + random_.choice(chunks),
        start + host + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        start + host + b"\r\n",
    )
    return Case("broken HTTP", random_.choice(choices), passes=True, closes=True)


def administration(random_: random.Random) -> Case:
    """Return attempts to load and unload, and at what is not there."""
    name = random_.choice((*MODELS, "none", "..", "%2e%2e%2f", "\u00e9"))
    path = random_.choice((f"/v2/repository/models/{name}/load", f"/v2/repository/models/{name}/unload"))
    body = random_.choice((b"", b"{}", b'{"parameters": {"config": "x", "file:1/model.onnx": "AAAA"}}', b"["))
    headers = random_.choice(({}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer " + "y" * 5000}))
    path = path.encode("ascii", "ignore").decode()
    return Case("load and unload without a token", serving_load.request(path, body, headers))


def huge(random_: random.Random) -> Case:
    """Return bodies, batches and tensors beyond every limit."""
    way = random_.randrange(4)
    kind = "too large"
    if way == 0:
        return Case(kind, infer(FLOATS, b" " * (17 * 2**20)), closes=True)
    if way == 1:
        piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
        head = (
            f"POST /v2/models/{FLOATS}/infer HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        return Case(kind, head + piece * 300 + b"0\r\n\r\n", closes=True)
    if way == 2:
        batch = np.zeros((random_.choice((65, 10_000)), 1, 8, 8), np.uint8)
        return Case(kind, serving_servers.oip_binary(IMAGE, {"image": batch}))
    return Case(kind, infer(IMAGE, five_million()))


@cache
def five_million() -> bytes:
    """Return JSON with more numbers than a tensor may have."""
    flat = {"name": "image", "datatype": "UINT8", "shape": [78_125, 1, 8, 8], "data": [1] * 5_000_000}
    return json.dumps({"inputs": [flat]}, separators=(",", ":")).encode()


def abandoned(random_: random.Random) -> Case:
    """Return a request, all or half of it, whose client then hangs up."""
    name, given = inputs(random_)
    data = (
        serving_servers.oip_binary(name, given)
        if random_.random() < 0.5
        else infer(name, json.dumps(content(given)).encode())
    )
    end = random_.choice((len(data), len(data), len(data) // 2, data.index(b"\r\n\r\n") + 4, 20))
    return Case("client hangs up", data[:end], abandons=True)


def slow(random_: random.Random) -> Case:
    """Return a client that takes an hour for its head or its body, or never says anything."""
    name, given = inputs(random_)
    data = infer(name, json.dumps(content(given)).encode())
    head = data.index(b"\r\n\r\n") + 4
    start = random_.choice((0, 1, head, head + 50))
    # Enough bytes to keep it busy for as long as the server has patience; a silent one sends nothing at all.
    return Case("slow clients", data[: start + 200] if random_.random() < 0.8 else b"", closes=True, pause=0.5)


def half_sent(random_: random.Random) -> Case:
    """Return a body of 16 MB of which a half comes, and then hardly anything."""
    head = f"POST /v2/models/{random_.choice(MODELS)}/infer HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    return Case(
        "half-sent bodies", f"{head}Content-Length: {16 * 10**6}\r\n\r\n".encode() + half(), closes=True, pause=0.5
    )


@cache
def half() -> bytes:
    """Return half of a large body."""
    return b" " * (8 * 10**6)


def unread(random_: random.Random) -> Case:
    """Return very many requests of a client that reads none of the answers."""
    path = random_.choice(("/openapi.json", "/page.js", "/metrics"))
    data = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() * 2000
    return Case("clients that never read", data, closes=True, reads=False)


WEIGHTS: dict[Callable[[random.Random], Case], float] = {
    json_mutated: 26, json_values: 15, shapes: 12, datatypes: 8, out_of_vocabulary: 3, not_finite: 6, binary: 11,
    compressed: 4, deep: 1, images: 6, texts: 3, http: 6, administration: 2, huge: 0.1, abandoned: 4, slow: 0.3,
    half_sent: 0.1, unread: 0.05,
}  # fmt: skip
