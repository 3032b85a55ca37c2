"""Every route but inference, on FastAPI: the rest of the protocol, the plain routes, metrics, the page and its API."""

import asyncio
import functools
import importlib
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version as version_of
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from chainrule.errors import ChainruleError
from chainrule.serving import body, protocol, security, store
from chainrule.serving.context import Context
from chainrule.serving.docs import INFER_PATHS, api_page
from chainrule.serving.errors import Refusal
from chainrule.serving.models import Model
from chainrule.tasks.table import TASKS

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
    ".js": "text/javascript; charset=utf-8",
}  # fmt: skip
PREPARING = 2
"""Threads that make inputs of images and texts; decoding an image would hold all other requests up."""
MOST_PREPARING = 64
FAILED = "the server failed; its log has the reason"
Endpoint = Callable[..., Awaitable[Response]]
_log = logging.getLogger(__name__)


def create(context: Context, lifespan: Any) -> FastAPI:
    """Return the application that answers everything but inference."""
    api = FastAPI(
        title="Chainrule", version=version_of("chainrule"), lifespan=lifespan, docs_url=None, redoc_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    _health(api, context)
    _protocol(api, context)
    _repository(api, context)
    _plain(api, context)
    _page(api)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        context.metrics.failures[request.scope["state"].get("model", ""), error.reason] += 1
        return _json({"error": error.message}, error.status, dict(_text(refusal_headers(error))))

    async def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        said = {"error": f"{error.detail}: {request.method} {request.scope['path'][:200]}"}
        return _json(said, error.status_code, dict(error.headers or {}))

    async def failed(request: Request, error: Exception) -> Response:
        return _json({"error": FAILED}, 500)

    api.add_exception_handler(Exception, failed)
    api.add_exception_handler(Refusal, refused)
    api.add_exception_handler(HTTPException, unknown)

    @functools.cache
    def openapi() -> dict[str, Any]:
        content = get_openapi(title=api.title, version=api.version, routes=api.routes)
        content["paths"].update(INFER_PATHS)
        return content

    api.openapi = openapi  # type: ignore[method-assign] # FastAPI's own way to extend it
    return api


def refusal_headers(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """Return the headers of a refusal's answer."""
    headers = [(b"content-type", b"application/json")]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", b"%d" % refusal.retry_after))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return headers


def _health(api: FastAPI, context: Context) -> None:
    models = context.models

    @api.get("/v2/health/live", summary="Whether the server runs")
    async def live() -> Response:
        return _json({"live": True})

    @api.get("/v2/health/ready", summary="Whether all models are ready")
    async def ready() -> Response:
        detail: dict[str, Any] = {"live": True, "ready": models.ready}
        if context.settings.token is None:  # addresses and paths are not for everybody
            detail["reasons"] = models.reasons()
        if not models.ready:
            detail["error"] = "not every model is ready"
        return _json(detail, 200 if models.ready else 503)

    @api.get("/metrics", summary="Prometheus metrics")
    async def metrics() -> Response:
        return Response(context.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _protocol(api: FastAPI, context: Context) -> None:
    models = context.models

    @api.get("/v2/", include_in_schema=False)
    @api.get("/v2", summary="Server metadata")
    async def server() -> Response:
        return _json({"name": "chainrule", "version": api.version, "extensions": protocol.EXTENSIONS})

    @api.get("/v2/models/stats", summary="Statistics of all models")
    async def all_statistics() -> Response:
        return _json({"model_stats": [_report(model) for model in models.serving()]})

    @api.get("/v2/models/{model}/versions/{version}", summary="Metadata of a version")
    @api.get("/v2/models/{model}", summary="Metadata of a model")
    async def metadata(model: str, version: str | None = None) -> Response:
        found = models.get(model, version)
        return _json(
            {
                "name": found.name,
                "versions": [found.version],
                "platform": "onnxruntime_onnx",
                "inputs": [protocol.metadata(tensor) for tensor in found.bundle.inputs],
                "outputs": [protocol.metadata(tensor) for tensor in found.bundle.outputs],
                "properties": {
                    "variant": found.variant,
                    "provider": found.provider,
                    "device": found.device,
                    "digest": found.bundle.digest,
                },
            }
        )

    @api.get("/v2/models/{model}/versions/{version}/ready", summary="Whether a version is ready")
    @api.get("/v2/models/{model}/ready", summary="Whether a model is ready")
    async def model_ready(model: str, version: str | None = None) -> Response:
        found = models.get(model, version)
        return _json({"name": found.name, "ready": True})

    @api.get("/v2/models/{model}/versions/{version}/stats", summary="Statistics of a version")
    @api.get("/v2/models/{model}/stats", summary="Statistics of a model")
    async def statistics(model: str, version: str | None = None) -> Response:
        return _json({"model_stats": [_report(models.get(model, version))]})


def _repository(api: FastAPI, context: Context) -> None:
    limits = context.settings.limits

    async def asked(request: Request) -> dict[str, Any]:
        content = await body.read(request.receive, _headers(request), limits)
        return protocol.parse(content, limits) if content else {}

    @api.post("/v2/repository/index", summary="All models and their states", openapi_extra=_takes("application/json"))
    async def index(request: Request) -> Response:
        only_ready = (await asked(request)).get("ready", False)
        found = context.models.index()
        return _json([model for model in found if model["state"] == "READY" or not only_ready])

    @api.post("/v2/repository/models/{model}/load", summary="Load what a name should serve, anew if need be")
    async def load(model: str, request: Request) -> Response:
        security.check_admin(context.settings)
        if (await asked(request)).get("parameters"):
            raise Refusal(400, "parameters are not supported: a model is loaded as it was exported", "parameters")
        try:
            wanted = await asyncio.to_thread(store.find, context.settings.root, model)
            if wanted is None:
                raise Refusal(404, f"nothing on disk is named {model!r:.100}", "unknown_model")
            await context.models.load(model, wanted.version, wanted.folder, wanted.digest)
        except ChainruleError as error:
            raise Refusal(400, str(error), "load") from None
        return _json({})

    @api.post("/v2/repository/models/{model}/unload", summary="Stop serving a model")
    async def unload(model: str, request: Request) -> Response:
        security.check_admin(context.settings)
        await asked(request)
        await context.models.unload(model)
        return _json({})


def _plain(api: FastAPI, context: Context) -> None:
    limits = context.settings.limits
    pool = ThreadPoolExecutor(PREPARING, "prepare")
    preparing = 0

    @api.get("/models", summary="What is served")
    async def served() -> Response:
        return _json([_described(model) for model in context.models.serving()])

    @api.get("/models/{model}/card", summary="The model card")
    async def card(model: str) -> Response:
        found = context.models.get(model)
        return Response(found.bundle.card, media_type="text/markdown", headers={"x-chainrule-version": found.version})

    @api.post(
        "/models/{model}",
        summary="An image file or a text in, labels with probabilities out",
        openapi_extra=_takes("image/*", "text/plain", "application/json"),
    )
    async def classify(model: str, request: Request) -> Response:
        nonlocal preparing
        start = perf_counter()
        request.scope.setdefault("state", {})
        content = await body.read(request.receive, _headers(request), limits)
        given = _content(content, request.headers.get("content-type", ""))
        with context.models.get(model) as found:
            request.scope["state"]["model"] = model
            face = _face(found)
            if preparing >= MOST_PREPARING:
                raise Refusal(503, "too many images and texts wait already; ask again in 1 s", "queue_full", 1)
            preparing += 1
            try:
                loop = asyncio.get_running_loop()
                inputs = await loop.run_in_executor(pool, _prepared, face, given, found, limits)
            finally:
                preparing -= 1
            answer = await found.infer(inputs)
        try:
            ranked = face.answer(answer.outputs, found.bundle.signature)
        except ChainruleError as error:
            raise Refusal(400, f"{error}: the input is beyond what the model can take", "not_finite") from None
        said = {
            "model": model,
            "version": answer.version,
            "labels": [{"label": label, "probability": probability} for label, probability in ranked],
            "milliseconds": round((perf_counter() - start) * 1e3, 3),
        }
        about = {
            "version": answer.version,
            "variant": found.variant,
            "provider": found.provider,
            "device": found.device,
        }
        return _json(said, headers={f"x-chainrule-{key}": value for key, value in about.items()})


def _described(model: Model) -> dict[str, Any]:
    signature = model.bundle.signature
    keys = ("task", "modality", "labels", "scores", "variants", "preprocessing")
    return {
        "name": model.name,
        "version": model.version,
        "variant": model.variant,
        "provider": model.provider,
        "device": model.device,
        **{key: signature.get(key) for key in keys},
    }


def _report(model: Model) -> dict[str, Any]:
    return model.statistics.report(model.name, model.version)


def _content(content: bytes, kind: str) -> bytes | str:
    """Return what a body holds: the bytes of an image file, or a text. Raises Refusal."""
    kind = kind.partition(";")[0].strip().lower()
    if kind.startswith("image/") or kind == "application/octet-stream":
        return content
    if kind == "application/json":
        try:
            text = orjson.loads(content)["text"]
        except (ValueError, KeyError, TypeError):
            text = None
        if not isinstance(text, str):
            raise Refusal(400, 'the JSON must be {"text": "..."}', "json")
        return text
    if kind == "text/plain":
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise Refusal(400, "the text is not UTF-8", "text") from None
    raise Refusal(415, "send an image (Content-Type image/...), text/plain, or application/json", "content_type")


def _face(model: Model) -> Any:
    task = model.bundle.signature.get("task")
    if task not in TASKS:
        raise Refusal(404, f"{model.name} has no plain route; use /v2/models/{model.name}/infer", "unknown_task")
    return importlib.import_module(f"chainrule.tasks.{task}.service")


def _prepared(face: Any, content: bytes | str, model: Model, limits: Any) -> Any:
    bundle = model.bundle
    tokenizer = None if bundle.tokenizer is None else _tokenizer(bundle.tokenizer)
    try:
        return face.prepare(content, bundle.signature, tokenizer, pixels=limits.pixels, characters=limits.characters)
    except ChainruleError as error:
        raise Refusal(400, str(error), "content") from None


@functools.lru_cache(maxsize=8)
def _tokenizer(content: str) -> "Tokenizer":
    from tokenizers import Tokenizer

    return Tokenizer.from_str(content)


@functools.cache
def page_files() -> dict[str, tuple[bytes, str]]:
    """Return the page's files, content and type by path; read once: no path of a request reaches the file system."""
    found = {}
    for path in sorted(PAGE.iterdir()):
        if path.suffix in TYPES:
            at = "/" if path.name == "index.html" else f"/{path.name}"
            found[at] = (path.read_bytes(), TYPES[path.suffix])
    return found


def _page(api: FastAPI) -> None:
    for path, (content, kind) in page_files().items():
        api.get(path, include_in_schema=False)(_file(content, kind))

    @api.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(api_page(api.openapi()), media_type="text/html")


def _file(content: bytes, kind: str) -> Endpoint:
    async def file() -> Response:
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    return file


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, "application/json")


def _text(headers: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode()) for name, value in headers]


def _headers(request: Request) -> dict[bytes, bytes]:
    return dict(request.scope["headers"])


def _takes(*kinds: str) -> dict[str, Any]:
    return {"requestBody": {"content": {kind: {} for kind in kinds}}}
