"""Asking a Prefect server over HTTP."""

from typing import Any

import httpx

from waiting import until


def ask(url: str, method: str = "POST", **content: Any) -> Any:
    """Send JSON to an address of Prefect's and return what it answers, as JSON.

    A server whose database another process holds answers 503, and means: ask again (so do Prefect's own clients).
    """

    def answer() -> httpx.Response | None:
        given = httpx.request(method, url, json=content or None, timeout=30)
        return None if given.status_code == httpx.codes.SERVICE_UNAVAILABLE else given

    given = until(answer, 120, f"an answer of {url}").raise_for_status()
    return given.json() if given.content else None
