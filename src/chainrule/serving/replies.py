"""What routes have in common: how a body is read, and an answer said."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from fastapi import Request, Response

from chainrule.serving import body, plain
from chainrule.serving.batching import Answer
from chainrule.serving.errors import Refusal
from chainrule.serving.limits import Limits
from chainrule.serving.models import Model
from chainrule.system.errors import ChainruleError, TooLargeError

Endpoint = Callable[..., Awaitable[Response]]


def answered(
    found: Model, answer: Answer, parts: dict[str, Any], parameters: dict[str, float], limits: Limits
) -> dict[str, Any]:
    """Return model, version and the answer of its task to what was sent by field.

    Raises Refusal (400) where an output is no number.
    """
    try:
        answered_with = plain.answer(found.bundle, found.variant, answer.outputs, parameters)
        answered_with = plain.beside(found.bundle, parts, answered_with, limits)
    except ChainruleError as error:
        raise Refusal(400, f"{error}: the input is beyond what the model can take", "not_finite") from None
    return {"model": found.name, "version": answer.version, **answered_with}


def by(found: Model) -> dict[str, str]:
    """Return the headers that say who answered."""
    by = {
        "version": found.version,
        "variant": found.variant,
        "provider": found.provider,
        "device": found.device,
    }
    return {f"x-chainrule-{key}": value for key, value in by.items()}


def of_parts(model: Model, parts: dict[str, Any], limits: Limits) -> tuple[Any, list[str]]:
    """Return the graph's inputs of what was sent by field, and notes on them. Raises Refusal (400, 413)."""
    try:
        return plain.noted(model.bundle, parts, limits)
    except TooLargeError as error:
        raise Refusal(413, str(error), "too_large") from None
    except ChainruleError as error:
        raise Refusal(400, str(error), "content") from None


def json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return an answer in JSON."""
    return Response(orjson.dumps(content), status, headers, "application/json")


async def read(request: Request, limits: Limits) -> bytes:
    """Return the body of a request. Raises Refusal and Disconnected."""
    scope = request.scope
    return await body.read(request.receive, dict(scope["headers"]), limits, scope["state"]["share"])


def takes(*kinds: str) -> dict[str, Any]:
    """Return what OpenAPI says of a route that takes these types of content."""
    return {"requestBody": {"content": {kind: {} for kind in kinds}}}
