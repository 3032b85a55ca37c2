"""Routes to texts that are written: the answer of the plain route, whole or as events, and Triton's generate."""

import functools
from collections.abc import Callable
from time import perf_counter
from typing import Any

from fastapi import FastAPI, Request, Response

from chainrule.serving import bundle as bundles
from chainrule.serving import parsing, plain, replies, streaming
from chainrule.serving.connection import EXCHANGE
from chainrule.serving.context import Context
from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits
from chainrule.serving.models import Model
from chainrule.serving.writing import Piece, Written


def whole(
    found: Model,
    asked: streaming.Asked,
    notes: list[str],
    start: float,
    parameters: dict[str, float],
    parts: dict[str, Any],
    limits: Limits,
    written: Written,
) -> dict[str, Any]:
    """Return the whole answer of a text."""
    assert found.writing is not None
    return {
        **replies.answered(found, found.writing.answer([written]), parts, parameters, limits),
        **streaming.about(found, written, asked),
        **({"notes": notes} if notes else {}),
        "milliseconds": round((perf_counter() - start) * 1e3, 3),
    }


async def write(
    context: Context,
    request: Request,
    found: Model,
    inputs: Any,
    asked: streaming.Asked,
    said: Callable[[Written], dict[str, Any]],
    observed: bool,
) -> Response:
    """Return the answer of a model that writes, token by token or whole."""
    assert found.writing is not None
    found.bounds.checked(inputs)
    text = found.writing.submit(inputs, asked.settings, streams=asked.streams, attention=asked.attention)
    state = request.scope["state"]
    state["fields"] = {"version": found.version, "streams": asked.streams}

    def end(written: Written) -> tuple[str, Any]:
        if observed:
            assert found.writing is not None
            found.observe(inputs, found.writing.answer([written]))
        return "end", said(written)

    if asked.streams:
        each = functools.partial(_piece, found)
        return await streaming.response(text, context.settings.limits, each, end, replies.by(found))
    try:
        return replies.json(end(await text.whole())[1], headers=replies.by(found))
    finally:
        text.leave()


def _piece(found: Model, piece: Piece) -> dict[str, Any]:
    if piece.draft:
        return {"text": piece.draft}
    return {"text": piece.text, "tokens": streaming.tokens(found, piece.tokens)}


def generate(api: FastAPI, context: Context) -> None:
    """Triton's generate extension: a text in, a text out, whole or as events."""

    async def answered(request: Request, model: str, version: str | None, streams: bool) -> Response:
        limits = context.settings.limits
        content = parsing.parse(await replies.read(request, limits), limits)
        request.scope["state"][EXCHANGE].may_end = True
        with context.models.get(model, version) as found:
            request.scope["state"]["model"] = model
            if found.writing is None or plain.face(found.bundle) is None:
                raise Refusal(400, f"{model} writes no texts; ask /v2/models/{model}/infer", "parameter")
            words, said, identifier = streaming.generation(content)
            asked = streaming.read(found, {streaming.STREAM: streams, **said})
            (field,) = bundles.input_fields(found.bundle)
            make = functools.partial(replies.of_parts, found, {field.name: words}, limits)
            inputs, _ = await context.preparer.run(make, quick=plain.quick(found.bundle, len(words)))
            named = {"model_name": found.name, "model_version": found.version}
            named |= {} if identifier is None else {"id": identifier}

            def answer(text: str) -> dict[str, Any]:
                return {**named, "text_output": text}

            found.bounds.checked(inputs)
            text = found.writing.submit(inputs, asked.settings, streams=asked.streams)
            if asked.streams:
                return await streaming.response(
                    text,
                    limits,
                    lambda piece: None if piece.draft else answer(piece.text),
                    lambda _: None,
                    replies.by(found),
                )
            try:
                return replies.json(answer((await text.whole()).text), headers=replies.by(found))
            finally:
                text.leave()

    def add(way: str, summary: str, streams: bool) -> None:
        """Add a route of a model, and the same of a version."""
        takes = replies.takes("application/json")

        @api.post(f"/v2/models/{{model}}/{way}", summary=summary, openapi_extra=takes)
        async def of_model(request: Request, model: str) -> Response:
            return await answered(request, model, None, streams)

        @api.post(
            f"/v2/models/{{model}}/versions/{{version}}/{way}", summary=f"{summary}, by a version", openapi_extra=takes
        )
        async def of_version(request: Request, model: str, version: str) -> Response:
            return await answered(request, model, version, streams)

    add("generate", "A text out of a text", streams=False)
    add("generate_stream", "A text out of a text, as it is written", streams=True)
