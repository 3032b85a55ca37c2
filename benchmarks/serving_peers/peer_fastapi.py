"""FastAPI as its documentation has it: pydantic models in and out, one session per worker, no batching."""

import numpy as np
from fastapi import FastAPI
from peer_sessions import names, session
from pydantic import BaseModel

TYPES = {"FP32": np.float32, "INT64": np.int64, "UINT8": np.uint8}
SESSIONS = {name: session(name) for name in names()}
app = FastAPI()


class Tensor(BaseModel):
    """An input or an output."""

    name: str
    datatype: str
    shape: list[int]
    data: list[float]


class Question(BaseModel):
    """A request."""

    inputs: list[Tensor]


class Answer(BaseModel):
    """What it is answered."""

    model_name: str
    outputs: list[Tensor]


@app.get("/v2/health/ready")
async def ready() -> dict[str, bool]:
    """Answer when the sessions are open."""
    return {"ready": True}


@app.post("/v2/models/{name}/infer")
async def infer(name: str, question: Question) -> Answer:
    """Run the session here and now: the worker has one core and nothing better to do."""
    feed = {each.name: np.array(each.data, TYPES[each.datatype]).reshape(each.shape) for each in question.inputs}
    (logits,) = SESSIONS[name].run(None, feed)
    tensor = Tensor(name="logits", datatype="FP32", shape=list(logits.shape), data=logits.ravel().tolist())
    return Answer(model_name=name, outputs=[tensor])
