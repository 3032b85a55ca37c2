"""Targets that look wrong: what simple models, fitted to other rows, find hard to believe."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from chainrule.evaluation.parts import NotShownError, Part
from chainrule.evaluation.selection import folds
from chainrule.exploration.doubts.doubt import Doubt, Doubts
from chainrule.exploration.looked import Looked, drawn, of
from chainrule.system import plugins
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

LISTED = 300
FIRST = 24
"""Rows that are shown at once; the rest of LISTED is folded away."""
FEWEST = 20


def part(looked: Looked) -> Part:
    """Return the training and validation rows whose target looks wrong, the most doubtful first.

    Each fold of whole groups is judged by a simple model that was fitted to the others. Raises NotShownError where
    there are too few rows or groups, or the inputs do not fit together.
    """
    simple = plugins.load("exploration.simple", looked.block["modality"])
    labelled = _labelled(looked)
    rows = drawn(labelled, _most(looked, simple, labelled), looked.seed)
    values = rows[looked.columns.target.name].tolist()
    parts = folds(_codes(values), rows["group"].to_numpy(), looked.seed)
    if len(parts) < 2:
        raise NotShownError("the rows are of one group, or all alike: none can be held out for a model to judge")
    try:
        inputs = simple.features([column.kind.decode(rows[column.name].tolist()) for column in looked.columns.inputs])
    except DataError as error:
        raise NotShownError(str(error)) from None
    found: Doubts = plugins.load("exploration.doubts", looked.block["target"]).doubts(simple, inputs, values, parts)
    listed = found.rows[:LISTED]
    said = (
        f"{of(len(rows), len(labelled), 'training and validation rows')}, each judged by {simple.TITLE}, fitted to "
        f"rows of other groups. {found.said}"
    )
    if len(found.rows) > len(listed):
        said += f" The {len(listed)} most doubtful are listed."
    numbers = {
        "rows": len(rows),
        "of": len(labelled),
        **found.numbers,
        "suspected": len(found.rows),
        "listed": [_entry(rows, doubt) for doubt in listed],
        "look_at": [found.look_at] if found.look_at else [],
    }
    return Part("Targets that look wrong", _body(looked, rows, said, listed), numbers)


def _labelled(looked: Looked) -> "pd.DataFrame":
    import pandas as pd

    target = looked.columns.target.name
    rows = pd.concat([rows.assign(split=name) for name, rows in looked.splits.items()], ignore_index=True)
    rows = rows[rows[target].notna()]
    if len(rows) < FEWEST:
        raise NotShownError(f"{len(rows)} rows; under {FEWEST} nothing can be fitted to some and judge the others")
    return rows


def _most(looked: Looked, simple: Any, rows: "pd.DataFrame") -> int:
    some = drawn(rows, 1000, looked.seed)
    target = looked.columns.target
    answers = {name for each in target.kind.classes(rows[target.name].tolist()) for name in each}
    return int(simple.most([some[column.name].tolist() for column in looked.columns.inputs], len(answers)))


def _codes(values: Sequence[Any]) -> Any:
    import pandas as pd

    return pd.factorize(pd.Series(values))[0]


def _entry(rows: "pd.DataFrame", doubt: Doubt) -> dict[str, Any]:
    row = rows.iloc[doubt.row]
    told = {name: value for name, value in doubt._asdict().items() if name != "row"}
    return {"id": str(row["id"]), "split": str(row["split"]), **told}


def _body(looked: Looked, rows: "pd.DataFrame", said: str, listed: Sequence[Doubt]) -> str:
    note = f'<p class="note">{escape(said)} A simple model errs too: look before anything is changed.</p>'
    if not listed:
        return note
    cards = [_card(looked, rows, doubt) for doubt in listed]
    more = ""
    if cards[FIRST:]:
        rest = f'<ol class="mistakes">{"".join(cards[FIRST:])}</ol>'
        more = f"<details><summary>{len(cards) - FIRST} more</summary>{rest}</details>"
    return f'{note}<ol class="mistakes">{"".join(cards[:FIRST])}</ol>{more}'


def _card(looked: Looked, rows: "pd.DataFrame", doubt: Doubt) -> str:
    row, modality = rows.iloc[doubt.row], looked.block["modality"]
    show = plugins.load("exploration.inputs", modality).shown
    shown = "".join(show(row[column.name], f"row {row['id']}") for column in looked.columns.inputs)
    kind = ' class="picture"' if modality in ("audio", "image") else ""
    return (
        f"<li{kind}>{shown}<p>given <b><bdi>{escape(doubt.given)}</bdi></b>, "
        f"looks like <b><bdi>{escape(doubt.suspected)}</bdi></b><br>{escape(doubt.sure)}<br>"
        f"<small>{escape(str(row['id']))}, {escape(row['split'])}</small></p></li>"
    )
