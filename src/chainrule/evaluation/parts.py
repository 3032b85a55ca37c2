"""Pages made of parts, each made by a function of its own: one that cannot be shown is a line that says why."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
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


def made(looked: Seen, makers: Sequence[tuple[str, Callable[[Seen], Part | None]]]) -> dict[str, Part]:
    """Return the parts by the names of their makers; None of a maker says that there is nothing to say."""
    found = {}
    for name, make in makers:
        try:
            part = make(looked)
        except NotShownError as reason:
            title = name.replace("_", " ").capitalize()
            part = Part(title, f'<p class="note">Not shown: {escape(str(reason))}</p>', {"not_shown": str(reason)})
        if part is not None:
            found[name] = part
    return found


def to_html(recipe: str, title: str, facts: Mapping[str, str], parts: Mapping[str, Part], style: str = "") -> str:
    """Return a page that needs nothing else; style: CSS of this page alone."""
    sections = [page.section(escape(part.title), part.body) for part in parts.values()]
    return page.document(recipe, f"{recipe}: {title.lower()}", title, facts, sections, style=style)
