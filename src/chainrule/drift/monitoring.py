"""A look at what a server saw: the newest observed rows beside the validation rows of the champion's recipe."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from chainrule.drift.measuring import rows_sample, served_sample
from chainrule.drift.sample import MOST_ROWS
from chainrule.drift.testing import ALPHA, Report, between
from chainrule.drift.units import MIN_ROWS
from chainrule.serving import observed, store
from chainrule.system import words
from chainrule.system.errors import DataError
from chainrule.system.files import read_json, read_rows, write_json

PLACE = Path(".chainrule/monitor")
READ = 10 * MOST_ROWS
"""Most rows that are read back; a server that sees more between two looks is judged by the newest."""


@dataclass(frozen=True)
class Look:
    """What one look found."""

    recipe: str
    version: str
    """The version that is served."""
    rows: int
    """Observed rows of that version that are new since the last look."""
    others: int
    """Rows of other versions; what those got may have been encoded otherwise."""
    broken: int
    """Lines that are no rows."""
    since: datetime | None
    """The last row of the look before; None: there was none."""
    newest: datetime | None
    report: Report | None
    """None where there were too few rows to compare."""

    def words(self) -> str:
        """Say what was seen, in one line."""
        from chainrule.drift.page import summary

        since = f" since {self.since:%Y-%m-%d %H:%M:%S}" if self.since else ""
        left = [f"{self.others:,} of other versions"] * bool(self.others)
        left += [words.count(self.broken, "unreadable line")] * bool(self.broken)
        more = f" (and {', '.join(left)})" if left else ""
        seen = f"version {self.version}, {words.count(self.rows, 'observed row')}{since}{more}"
        if self.report is not None:
            return f"{seen}: {summary(self.report)}"
        if not self.rows and not self.others:
            remedy = "" if self.since else "; `chainrule serve --observe 0.1` observes a tenth of what it gets"
            return f"nothing was observed{since}{more}{remedy}"
        return f"{seen}: too few, {MIN_ROWS} are needed; they count at the next look"


def look(root: Path, recipe: str, block: dict[str, Any], *, rows: int = MOST_ROWS, again: bool = False) -> Look:
    """Compare the newest observed rows, at most `rows`, with the validation rows of the recipe.

    block: the recipe's of params.yaml (level and seed); again: rows of the last look count too. Raises DataError if
    nothing is served under this name, or its bundle, the validation rows or a file of observed rows cannot be read.
    """
    wanted = store.find(root, recipe)
    if wanted is None:
        raise DataError(f"{recipe}: nothing is served under this name; run `dvc repro` or `chainrule promote {recipe}`")
    mark = root / PLACE / recipe / "seen.json"
    since = datetime.fromisoformat(read_json(mark)["newest"]) if mark.exists() and not again else None
    seen, broken = observed.read(root, recipe, READ)
    fresh = [row for row in seen if since is None or row.time > since]
    own = [row for row in fresh if row.version == wanted.version]
    taken = own[-rows:]
    report = None
    if len(taken) >= MIN_ROWS:
        level = (block.get("retrain") or {}).get("drift") or ALPHA
        reference = rows_sample(wanted.folder, read_rows(root / "data" / "split" / recipe / "validation.parquet"))
        current = served_sample(wanted.folder, [row.inputs for row in taken], len(own) - len(taken))
        report = between(reference, current, alpha=level, seed=int(block["seed"]))
    newest = max((row.time for row in own), default=None)
    return Look(recipe, wanted.version, len(own), len(fresh) - len(own), broken, since, newest, report)


def remember(root: Path, found: Look) -> None:
    """Let the next look begin after this one's rows, if they were enough to be compared. Raises OSError."""
    if found.report is not None and found.newest is not None:
        write_json(root / PLACE / found.recipe / "seen.json", {"newest": found.newest.isoformat()})
