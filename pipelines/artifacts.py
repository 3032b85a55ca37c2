"""What flows show in Prefect, as Markdown: keys, links, tables, and the decision of a retraining."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from chainrule.evaluation import primary
from chainrule.retraining.decisions import Decision
from chainrule.system import words


def key(recipe: str, what: str) -> str:
    """Return the key under which Prefect keeps an artifact of a recipe; it takes small letters, digits and dashes."""
    return "-".join(["".join(sign if sign.isalnum() else "-" for sign in recipe.lower()), what])


def file_link(path: Path) -> str:
    """Return a link to a file of this machine, and where it is: from a page of another, no browser opens it."""
    return f"[{path.name}]({path.resolve().as_uri()}) at `{path.resolve()}`"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], numbers: int = 0) -> list[str]:
    """Return the lines of a table; its last `numbers` columns are numbers, None is an empty cell."""
    rule = ["---"] * (len(head) - numbers) + ["---:"] * numbers
    cells = ([_cell(value) for value in row] for row in rows)
    return [f"| {' | '.join(row)} |" for row in ([*map(_cell, head)], rule, *cells)]


def _cell(value: Any) -> str:
    return "" if value is None else " ".join(str(value).split()).replace("|", "\\|")


def decision(made: Decision, warnings: Sequence[str], links: Sequence[str]) -> str:
    """Return the page of a retraining: what is wrong first, then what was decided and what that stands on."""
    lines = [f"> **WARNING: {warning}**\n" for warning in warnings]
    reason = made.reason.removesuffix("; ".join(["", *warnings]))  # they stand above
    lines += [f"**{made.action[:1].upper()}{made.action[1:]}**: {reason}", ""]
    lines += table(["", ""], ((name, said) for name, said in _facts(made) if said))
    return "\n".join([*lines, "", *(f"- {link}" for link in links)])


def _facts(made: Decision) -> list[tuple[str, str]]:
    """Return (name, words) of what a decision stands on; no words where there is nothing to say."""
    taken = f"{words.count(made.rows, 'usable row')} as batch `{made.batch}`" if made.batch else "nothing"
    return [
        ("trained", ", because: ".join(["yes", "; ".join(made.trigger)]) if made.trigger else "no"),
        ("taken in", taken),
        ("set aside", words.count(made.set_aside, "file") if made.set_aside else ""),
        ("batches in its data", words.listed([f"`{name}`" for name in made.batches])),
        ("drift", _drift(made.drift)),
        ("new version", str(made.challenger or "")),
        ("champion before", str(made.champion or "none")),
        (f"{_metric(made.difference)} against it", _difference(made.difference)),
        ("commit", f"`{made.commit}`" if made.commit else ""),
        ("took", f"{made.seconds:.1f} s"),
        ("when", made.when),
    ]


def _drift(found: dict[str, Any] | None) -> str:
    if found is None:
        return "not looked for"
    return f"found: {'; '.join(found['tests'])}" if found["flagged"] else "none found"


def _metric(found: dict[str, Any] | None) -> str:
    decisive = primary.read((found or {}).get("primary", {}))
    return f"{'' if decisive.more_is_better else 'less '}{primary.words(decisive.name)}"


def _difference(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    return (
        f"{primary.change(primary.read(found.get('primary', {})).unit, found)}, both as served, on the same test rows"
    )
