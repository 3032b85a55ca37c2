"""What the API's description says of inference, and the page that shows it: no script, nothing from elsewhere."""

from html import escape
from typing import Any

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


def api_page(openapi: dict[str, Any]) -> str:
    """Return a page of all routes."""
    rows = "".join(
        f"<tr><td>{escape(verb.upper())}</td><td><code>{escape(path)}</code></td><td>{escape(about['summary'])}</td></tr>"
        for path, verbs in sorted(openapi["paths"].items())
        for verb, about in verbs.items()
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
</main>
</body>
</html>
"""
