"""FastAPI around an endpoint made for speed: raw body, orjson, one session per worker, no batching.

It is asked by the very bytes that Chainrule is asked by, and checks nothing.
"""

import json
from typing import Any

import numpy as np
import orjson
from fastapi import FastAPI, Request, Response
from peer_sessions import names, session

TYPES = {"FP32": np.float32, "INT64": np.int64, "UINT8": np.uint8}
SESSIONS = {name: session(name) for name in names()}
app = FastAPI()


@app.get("/v2/health/ready")
async def ready() -> dict[str, bool]:
    """Answer when the sessions are open."""
    return {"ready": True}


@app.post("/v2/models/{name}/infer")
async def infer(name: str, request: Request) -> Response:
    """Run the session here and now: the worker has one core and nothing better to do."""
    body = await request.body()
    length = request.headers.get("inference-header-content-length")
    if length is None:
        asked = orjson.loads(body)
        feed = {
            each["name"]: np.array(each["data"], TYPES[each["datatype"]]).reshape(each["shape"])
            for each in asked["inputs"]
        }
        (logits,) = SESSIONS[name].run(None, feed)
        content = orjson.dumps(answer(name, logits, {"data": logits.ravel().tolist()}))
        return Response(content, media_type="application/json")
    head, at = orjson.loads(body[: int(length)]), int(length)
    feed = {}
    for each in head["inputs"]:
        size = each["parameters"]["binary_data_size"]
        feed[each["name"]] = np.frombuffer(body[at : at + size], TYPES[each["datatype"]]).reshape(each["shape"])
        at += size
    (logits,) = SESSIONS[name].run(None, feed)
    said = json.dumps(answer(name, logits, {"parameters": {"binary_data_size": logits.nbytes}})).encode()
    return Response(
        said + logits.tobytes(),
        media_type="application/octet-stream",
        headers={"Inference-Header-Content-Length": str(len(said))},
    )


def answer(name: str, logits: np.ndarray, more: dict[str, Any]) -> dict[str, Any]:
    """Return the protocol's answer."""
    return {
        "model_name": name,
        "outputs": [{"name": "logits", "datatype": "FP32", "shape": list(logits.shape), **more}],
    }
