"""What the API's description says of inference, and the page that shows it: no script, nothing from elsewhere."""

import json
from collections.abc import Iterable
from html import escape
from typing import Any

from chainrule.evaluation.explanation.methods import METHODS
from chainrule.fields.suppression import MOST
from chainrule.serving import plain
from chainrule.serving.bundle import Bundle
from chainrule.system import plugins
from chainrule.tasks.catalogue import TASKS

_TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "datatype": {"type": "string", "example": "FP32"},
        "data": {"type": "array", "items": {}, "description": "Flat or nested; absent for binary data."},
        "parameters": {"type": "object", "properties": {"binary_data_size": {"type": "integer"}}},
    },
}
_REQUEST = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {"type": "array", "items": _TENSOR},
        "outputs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "parameters": {"type": "object", "properties": {"binary_data": {"type": "boolean"}}},
                },
            },
        },
        "parameters": {"type": "object", "properties": {"binary_data_output": {"type": "boolean"}}},
    },
}
_RESPONSE = {
    "type": "object",
    "properties": {
        "model_name": {"type": "string"},
        "model_version": {"type": "string"},
        "id": {"type": "string"},
        "outputs": {"type": "array", "items": _TENSOR},
    },
}
_ERRORS = {
    "400": "The request does not fit the protocol or the model.",
    "404": "No such model or version.",
    "413": "Too large.",
    "503": "The queue is full or a deadline passed; Retry-After says when to ask again.",
}


def _infer(*parameters: str) -> dict[str, Any]:
    path = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in parameters]
    length = {
        "name": "Inference-Header-Content-Length",
        "in": "header",
        "schema": {"type": "integer"},
        "description": "Bytes of JSON before binary data.",
    }
    errors = {status: {"description": text} for status, text in _ERRORS.items()}
    kinds = ("application/json", "application/octet-stream")
    return {
        "post": {
            "summary": "Inference",
            "operationId": "_".join(("infer", *parameters)),
            "parameters": [*path, length],
            "requestBody": {"required": True, "content": {kind: {"schema": _REQUEST} for kind in kinds}},
            "responses": {
                "200": {"description": "The outputs.", "content": {kind: {"schema": _RESPONSE} for kind in kinds}},
                **errors,
            },
        }
    }


INFER_PATHS = {
    "/v2/models/{model}/infer": _infer("model"),
    "/v2/models/{model}/versions/{version}/infer": _infer("model", "version"),
}
"""Inference as OpenAPI has it."""


EXPLANATION: dict[str, Any] = {
    "type": "object",
    "description": "why, where the request asks for it (?explain=occlusion, shap or lime); absent otherwise",
    "properties": {
        "method": {"type": "string"},
        "explained": {"type": "string", "description": "the label, or the field of the number"},
        "unit": {"type": "string", "description": "of whole, none and weights: log-odds of a label, or value"},
        "whole": {"type": "number", "description": "of the input as it is"},
        "none": {"type": "number", "description": "where all parts are hidden"},
        "hidden": {"type": "string", "description": "what a hidden part is replaced by"},
        "parts": {
            "type": "array",
            "items": {"type": "object", "properties": {"weight": {"type": "number"}}, "required": ["weight"]},
            "description": "words (field, text), tiles (top, bottom, left, right), columns (column, value) or pieces "
            "of a sound (from, to in seconds, low, high in Hz)",
        },
        "deviation": {"type": "number", "description": "how far the weights are from adding up to whole - none"},
        "runs": {"type": "integer"},
        "notes": {"type": "array", "items": {"type": "string"}},
    },
}


def answer_of(task: str) -> dict[str, Any]:
    """Return the JSON Schema of what the plain route answers for a task."""
    own: dict[str, Any] = plugins.load(f"tasks.{task}", "service").schema()
    common = {"model": {"type": "string"}, "version": {"type": "string"}}
    last = {"milliseconds": {"type": "number"}}
    properties = {**common, **own["properties"], **_notes(task), "explanation": EXPLANATION, **last}
    return {**own, "title": task, "properties": properties, "required": [*common, *own["required"], "milliseconds"]}


def _notes(task: str) -> dict[str, Any]:
    """Return the property of what was not taken as it came, where a task has fields of which that may be said."""
    known = plugins.load(f"tasks.{task}", "fields")
    kinds = {field.kind for modality in known.MODALITIES for field in known.fields(modality) if field.role == "input"}
    if not any(hasattr(plain.part(kind), name) for kind in kinds for name in ("read", "left_out")):
        return {}
    described = "what was not taken as it came, a line each; absent if there is nothing"
    return {"notes": {"type": "array", "items": {"type": "string"}, "description": described}}


ASKED: dict[str, Any] = {
    "parameters": [
        {
            "name": "explain",
            "in": "query",
            "schema": {"type": "string", "enum": list(METHODS)},
            "description": "also say why: the weight of each word, tile, column, or time and band of a sound",
        },
        {
            "name": "unsure_below",
            "in": "query",
            "schema": {"type": "number", "minimum": 0, "maximum": 1},
            "description": "of a model that answers with one label: the probability below which it is unsure of it",
        },
        {
            "name": "threshold",
            "in": "query",
            "schema": {"type": "number", "minimum": 0, "maximum": 1},
            "description": "of a model that answers with boxes: the probability from which on one is said",
        },
        {
            "name": "most",
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": MOST},
            "description": "of a model that answers with boxes: how many are said at most, the likeliest",
        },
    ],
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "description": "By input field of the model: a text, an image or audio file in base64, or a row, "
                    "an object of raw values by column; a row may stand alone. GET /models/{model}/schema says more.",
                }
            },
            "audio/*": {"schema": {"type": "string", "format": "binary"}},
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "text/plain": {"schema": {"type": "string"}},
        }
    },
    "responses": {
        "200": {
            "description": "The answer of the model's task.",
            "content": {"application/json": {"schema": {"oneOf": [answer_of(task) for task in TASKS]}}},
        }
    },
}
"""What is said of the plain route: a file of an image or a sound, or a text alone will do for one input field."""


def asked_of(bundles: Iterable[Bundle]) -> dict[str, Any]:
    """Return the plain route of each of these models as OpenAPI has it, with what the model takes and answers."""
    found = {}
    for bundle in bundles:
        if plain.face(bundle) is None:
            continue
        answer = {"application/json": {"schema": answer_of(bundle.signature["task"])}}
        found[f"/models/{bundle.name}"] = {
            "post": {
                "summary": f"What {bundle.name} takes in, its task's answer out",
                "operationId": f"ask_{bundle.name}",
                "requestBody": {"content": {"application/json": {"schema": plain.schema(bundle)}}},
                "responses": {"200": {"description": "The answer of the model's task.", "content": answer}},
            }
        }
    return found


def api_page(openapi: dict[str, Any]) -> str:
    """Return a page of all routes, of what each model takes, and of what the plain route answers for each task."""
    rows = "".join(
        f"<tr><td>{escape(verb.upper())}</td><td><code>{escape(path)}</code></td><td>{escape(about['summary'])}</td></tr>"
        for path, verbs in sorted(openapi["paths"].items())
        for verb, about in verbs.items()
    )
    asked = "".join(
        f'<h3>{escape(path.rpartition("/")[2])}</h3><pre class="wide">{escape(_body(verbs["post"]))}</pre>'
        for path, verbs in sorted(openapi["paths"].items())
        if path.startswith("/models/") and "{" not in path
    )
    requests = f"<h2>Requests</h2><p>What each model takes, as JSON Schema.</p>{asked}" if asked else ""
    answers = "".join(
        f'<h3>{escape(task)}</h3><pre class="wide">{escape(json.dumps(answer_of(task), indent=2))}</pre>'
        for task in TASKS
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Chainrule: API</title>
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="page.css">
</head>
<body>
<header class="top"><h1>API</h1></header>
<main>
<p>All routes; their full description is <a href="openapi.json">OpenAPI JSON</a>. Errors are
<code>{{"error": "..."}}</code>. <a href="./">Back to the models</a></p>
<div class="wide"><table>
<thead><tr><th>Method</th><th>Path</th><th>What it does</th></tr></thead>
<tbody>{rows}</tbody>
</table></div>
{requests}
<h2>Answers</h2>
<p>What <code>POST /models/{{model}}</code> answers, by the model's task, as JSON Schema.</p>
{answers}
</main>
</body>
</html>
"""


def _body(route: dict[str, Any]) -> str:
    return json.dumps(route["requestBody"]["content"]["application/json"]["schema"], indent=2, ensure_ascii=False)
