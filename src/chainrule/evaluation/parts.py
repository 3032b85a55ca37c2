"""Pages made of parts, each made by a function of its own: one that cannot be shown is a line that says why."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from chainrule.evaluation import page

Seen = TypeVar("Seen")


class Part(NamedTuple):
    """A part of a page: `body` is HTML made with `evaluation.page`; `numbers` stand in a JSON file beside the page."""

    title: str
    body: str
    numbers: Mapping[str, Any] = {}


class NotShownError(Exception):
    """Why a part cannot be shown, in one sentence: the page says so in its place, and goes on."""


def made(
    looked: Seen, makers: Sequence[tuple[str, Callable[[Seen], Part | None]]], warn: Callable[[str], None]
) -> dict[str, Part]:
    """Return the parts by the names of their makers; None of a maker says that there is nothing to say.

    A part that fails, which no part should, is a line on the page and a warning: a model is not to be lacking because a
    picture of it is. warn: is told so.
    """
    found = {}
    for name, make in makers:
        try:
            part = make(looked)
        except NotShownError as reason:
            part = _missing(name, str(reason))
        except Exception as error:
            part = _missing(name, f"it failed ({type(error).__name__}: {' '.join(str(error).split())[:300]})")
            frame = traceback.extract_tb(error.__traceback__)[-1]
            warn(f"{name} is not shown: {type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}: {error}")
        if part is not None:
            found[name] = part
    return found


def _missing(name: str, reason: str) -> Part:
    title = name.replace("_", " ").capitalize()
    return Part(title, f'<p class="note">Not shown: {escape(reason)}</p>', {"not_shown": reason})


def to_html(recipe: str, title: str, facts: Mapping[str, str], parts: Mapping[str, Part], style: str = "") -> str:
    """Return a page that needs nothing else; style: CSS of this page alone."""
    sections = [page.section(escape(part.title), part.body) for part in parts.values()]
    return page.document(recipe, f"{recipe}: {title.lower()}", title, facts, sections, style=style)
