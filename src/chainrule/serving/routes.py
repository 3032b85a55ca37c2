"""Every route but inference, on FastAPI: the rest of the protocol, the plain routes, metrics, the page and its API."""

import asyncio
import functools
import logging
from collections.abc import Callable
from importlib.metadata import version as version_of
from pathlib import Path
from time import perf_counter
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from chainrule.serving import (
    about,
    explaining,
    given,
    parsing,
    plain,
    protocol,
    replies,
    security,
    store,
    streaming,
    texts,
    watch,
)
from chainrule.serving import bundle as bundles
from chainrule.serving.connection import EXCHANGE
from chainrule.serving.context import Context
from chainrule.serving.docs import ASKED, INFER_PATHS, api_page, asked_of
from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits
from chainrule.serving.models import Model
from chainrule.system.errors import ChainruleError
from chainrule.tasks.catalogue import TASKS

PAGE = Path(__file__).parent / "page"
VIEWS = Path(__file__).parents[1] / "tasks"
TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
    ".js": "text/javascript; charset=utf-8",
}  # fmt: skip
EXAMPLE = "x-chainrule-example"
"""What the page asks by itself on opening has this header: it is no input of anybody's."""
FAILED = "the server failed; its log has the reason"
_log = logging.getLogger(__name__)


def create(context: Context) -> FastAPI:
    """Return the application that answers everything but inference."""
    api = FastAPI(
        title="Chainrule", version=version_of("chainrule"), docs_url=None, redoc_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    _health(api, context)
    _protocol(api, context)
    _unsupported(api)
    _repository(api, context)
    _plain(api, context)
    texts.generate(api, context)
    _page(api)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        state = request.scope["state"]
        context.metrics.failures[state.get("model", ""), error.reason] += 1
        state["fields"] = {"reason": error.reason, "error": error.message}
        return replies.json({"error": error.message}, error.status, dict(_text(refusal_headers(error))))

    async def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        asked = f"{request.method} {request.scope['path'][:200]}"
        headers = dict(error.headers or {})
        remedy = "/docs lists what there is"
        if "Allow" in headers:
            headers["Allow"] = headers["Allow"].replace("GET", "GET, HEAD")
            remedy = f"it takes {headers['Allow']}"
        return replies.json({"error": f"{error.detail}: {asked}; {remedy}"}, error.status_code, headers)

    async def failed(request: Request, error: Exception) -> Response:
        return replies.json({"error": FAILED}, 500)

    api.add_exception_handler(Exception, failed)
    api.add_exception_handler(Refusal, refused)
    api.add_exception_handler(HTTPException, unknown)

    @functools.cache
    def known() -> dict[str, Any]:
        content = get_openapi(title=api.title, version=api.version, routes=api.routes)
        for verbs in content["paths"].values():
            for route in verbs.values():
                route["responses"].pop("422", None)  # FastAPI's own: no parameter here can fail to be a text
        content.pop("components", None)
        content["paths"].update(INFER_PATHS)
        return content

    def openapi() -> dict[str, Any]:
        # Who needs no token to see this page may only know of models where nobody needs one.
        served = context.models.serving() if context.settings.token is None else []
        return known() | {"paths": known()["paths"] | asked_of(model.bundle for model in served)}

    api.openapi = openapi  # type: ignore[method-assign] # FastAPI's own way to extend it
    return api


def refusal_headers(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """Return the headers of a refusal's answer."""
    headers = [(b"content-type", b"application/json"), security.NOSNIFF]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", b"%d" % refusal.retry_after))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.status == 405:  # inference alone is refused so; Starlette says it of all other routes
        headers.append((b"allow", b"POST"))
    return headers


def _health(api: FastAPI, context: Context) -> None:
    models = context.models

    @api.get("/v2/health/live", summary="Whether the server runs")
    async def live() -> Response:
        return replies.json({"live": True})

    @api.get("/v2/health/ready", summary="Whether all models are ready")
    async def ready() -> Response:
        detail: dict[str, Any] = {"live": True, "ready": models.ready}
        if context.settings.token is None:  # addresses and paths are not for everybody
            detail["reasons"] = models.reasons()
        if not models.ready:
            detail["error"] = "not every model is ready"
        return replies.json(detail, 200 if models.ready else 503)

    @api.get("/metrics", summary="Prometheus metrics")
    async def metrics() -> Response:
        return Response(context.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _protocol(api: FastAPI, context: Context) -> None:
    models = context.models

    @api.get("/v2/", include_in_schema=False)
    @api.get("/v2", summary="Server metadata")
    async def server() -> Response:
        return replies.json({"name": "chainrule", "version": api.version, "extensions": protocol.EXTENSIONS})

    @api.get("/v2/models/stats", summary="Statistics of all models")
    async def all_statistics() -> Response:
        return replies.json({"model_stats": [_report(model) for model in models.serving()]})

    def told(path: str, what: str, tell: Callable[[Model], dict[str, Any]]) -> None:
        """Add a route of a model, and the same of a version."""

        @api.get(f"/v2/models/{{model}}{path}", summary=f"{what} a model")
        async def of_model(model: str) -> Response:
            return replies.json(tell(models.get(model)))

        @api.get(f"/v2/models/{{model}}/versions/{{version}}{path}", summary=f"{what} a version")
        async def of_version(model: str, version: str) -> Response:
            return replies.json(tell(models.get(model, version)))

    told("", "Metadata of", about.metadata)
    told("/config", "Triton's configuration of", lambda model: about.configuration(model, context.settings.limits))
    told("/ready", "Readiness of", lambda model: {"name": model.name, "ready": True})
    told("/stats", "Statistics of", lambda model: {"model_stats": [_report(model)]})


UNSUPPORTED = {
    "/v2/trace/setting": "tracing is not supported; /metrics and the log have times",
    "/v2/models/{model}/trace/setting": "tracing is not supported; /metrics and the log have times",
    "/v2/logging": "the log has no settings; it goes to stderr as lines of JSON",
    "/v2/{kind}sharedmemory/{rest:path}": "shared memory is not supported; send the data",
}
"""Triton's extensions that its client asks for and that are not here."""


def _unsupported(api: FastAPI) -> None:
    def refusing(message: str) -> replies.Endpoint:
        async def refuse() -> Response:
            raise Refusal(404, message, "unsupported")

        return refuse

    for path, message in UNSUPPORTED.items():
        api.api_route(path, methods=["GET", "POST"], include_in_schema=False)(refusing(message))


def _repository(api: FastAPI, context: Context) -> None:
    limits = context.settings.limits

    async def asked(request: Request) -> dict[str, Any]:
        content = await replies.read(request, limits)
        if not content:
            return {}
        return await asyncio.get_running_loop().run_in_executor(context.decoder, parsing.parse, content, limits)

    @api.post(
        "/v2/repository/index", summary="All models and their states", openapi_extra=replies.takes("application/json")
    )
    async def index(request: Request) -> Response:
        only_ready = protocol.flag(await asked(request), "ready", False)
        found = context.models.index()
        return replies.json([model for model in found if model["state"] == "READY" or not only_ready])

    @api.post("/v2/repository/models/{model}/load", summary="Load what a name should serve, anew if need be")
    async def load(model: str, request: Request) -> Response:
        security.check_admin(context.settings)
        if (await asked(request)).get("parameters"):
            raise Refusal(400, "parameters are not supported: a model is loaded as it was exported", "parameters")
        settings = context.settings

        def wanted() -> store.Wanted:
            found = store.find(settings.root, model)
            if found is None:
                raise Refusal(404, f"nothing on disk is named {model!r:.100}", "unknown_model")
            return found

        try:
            if settings.registry is not None:
                await watch.fetch_one(settings.root, settings.registry, model)
            await asyncio.to_thread(wanted)  # no state is kept of a name that is not there
            await context.models.load_wanted(model, wanted)
        except ChainruleError as error:
            raise Refusal(400, str(error), "load") from None
        return replies.json({})

    @api.post("/v2/repository/models/{model}/unload", summary="Stop serving a model")
    async def unload(model: str, request: Request) -> Response:
        security.check_admin(context.settings)
        await asked(request)
        await context.models.unload(model)
        return replies.json({})


def _plain(api: FastAPI, context: Context) -> None:
    limits = context.settings.limits

    @api.get("/models", summary="What is served")
    async def served() -> Response:
        return replies.json([about.described(model) for model in context.models.serving()])

    @api.get("/models/{model}/card", summary="The model card")
    async def card(model: str) -> Response:
        found = context.models.get(model)
        return Response(found.bundle.card, media_type="text/markdown", headers={"x-chainrule-version": found.version})

    @api.get("/models/{model}/schema", summary="What a model takes, as JSON Schema")
    async def schema(model: str) -> Response:
        found = context.models.get(model)
        if plain.face(found.bundle) is None:
            raise Refusal(404, f"{model} has no plain route; GET /v2/models/{model} says its inputs", "unknown_task")
        return replies.json(plain.schema(found.bundle), headers={"x-chainrule-version": found.version})

    @api.post(
        "/models/{model}",
        summary="A model's fields in, its task's answer out",
        openapi_extra=ASKED,
    )
    async def ask(model: str, request: Request) -> Response:
        content = await replies.read(request, limits)
        state = request.scope["state"]
        state[EXCHANGE].may_end = True
        start = perf_counter()
        kind = given.kind_of(request.headers.get("content-type", ""))
        with context.models.get(model) as found:
            state["model"] = model
            if plain.face(found.bundle) is None:
                message = f"{model} has no plain route; use /v2/models/{model}/infer"
                raise Refusal(404, message, "unknown_task")
            others = (explaining.PARAMETER, *(streaming.NAMES if found.writing is not None else ()))
            parameters = plain.parameters(found.bundle, request.query_params, others)
            way = explaining.method(request.query_params.get(explaining.PARAMETER))
            make = functools.partial(_prepared, content, kind, found, limits)
            parts, inputs, notes, said = await context.preparer.run(make, quick=plain.quick(found.bundle, len(content)))
            prepared = perf_counter()
            observed = EXAMPLE not in request.headers
            if found.writing is not None:
                if way is not None:
                    raise Refusal(400, f"the texts of {model} are not explained", "parameter")
                said = {**streaming.of_query(request.query_params), **said}
                asked = streaming.read(found, said, request.headers.get("accept", ""))
                whole = functools.partial(texts.whole, found, asked, notes, start, parameters, parts, limits)
                return await texts.write(context, request, found, inputs, asked, whole, observed)
            alone = state[EXCHANGE].is_alone()
            answer = await found.infer(inputs, alone=alone, observed=observed)
            answered = perf_counter()
            explanation = {}
            if way is not None:
                why = await context.explainer.explain(found, way, parts, inputs, answer.outputs)
                explanation = {"explanation": why}
            explained = perf_counter()
        said = replies.answered(found, answer, parts, parameters, limits)
        state["fields"] = {"version": answer.version, "batch": answer.batch}
        ended = perf_counter()
        context.metrics.of(model, answer.version).answered(
            prepared - start, answer.queued, answer.computed, ended - explained, answered - start + ended - explained
        )
        said |= {
            **({"notes": notes} if notes else {}),
            **explanation,
            "milliseconds": round((ended - start) * 1e3, 3),
        }
        return replies.json(said, headers=replies.by(found))


def _report(model: Model) -> dict[str, Any]:
    return model.statistics.report(model.name, model.version)


def _prepared(
    body: bytes, kind: given.Kind, model: Model, limits: Limits
) -> tuple[dict[str, Any], Any, list[str], dict[str, Any]]:
    """Return what was sent by field, the graph's inputs of it, notes on them, and how a text is to be written."""
    said: dict[str, Any] = {}
    if model.writing is not None and kind.name == given.JSON:
        content, said = streaming.parted(given.content_of(body, kind, limits))
        parts = given.of_json(content, bundles.input_fields(model.bundle))
    else:
        parts = given.parts_of(body, kind, bundles.input_fields(model.bundle), limits)
    return parts, *replies.of_parts(model, parts, limits), said


@functools.cache
def page_files() -> dict[str, tuple[bytes, str]]:
    """Return the page's files, content and type by path; read once: no path of a request reaches the file system."""
    found = {}
    for path in sorted(path for path in PAGE.rglob("*") if path.suffix in TYPES):
        at = "" if path.name == "index.html" else path.relative_to(PAGE).as_posix()
        found[f"/{at}"] = (path.read_bytes(), TYPES[path.suffix])
    for task in TASKS:
        found[f"/{about.view(task)}"] = ((VIEWS / task / "view.js").read_bytes(), TYPES[".js"])
    return found


def _page(api: FastAPI) -> None:
    for path, (content, kind) in page_files().items():
        api.get(path, include_in_schema=False)(_file(content, kind))

    @api.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(api_page(api.openapi()), media_type="text/html")


def _file(content: bytes, kind: str) -> replies.Endpoint:
    async def file() -> Response:
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    return file


def _text(headers: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode()) for name, value in headers]
