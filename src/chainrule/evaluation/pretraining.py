"""The page of a pretraining: what the weights started from, the course of the loss, and what the net has learnt."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chainrule.evaluation import page, sections
from chainrule.evaluation.figures import curves
from chainrule.evaluation.learnt import of_json
from chainrule.system.files import read_json, remove


def to_html(recipe: str, told: Mapping[str, Any]) -> str:
    """Return the page as one string that needs nothing else, the same for the same arguments.

    told: what the stage `pretrain` wrote. facts: lines under the heading; history: a record per epoch as the training
    loop gives it, none where nothing was trained; learnt: what the objective shows on validation rows, or None.
    """
    facts, history = told["facts"], told["history"]
    learnt = of_json(told["learnt"]) if told["learnt"] else None
    numbers = learnt.numbers if learnt else {}
    shown = [sections.section(each) for each in (learnt.sections if learnt else ())]
    course = [_course(history)] if history else []
    return page.document(
        recipe,
        f"{recipe} pretraining · Chainrule",
        "Chainrule pretraining",
        {**facts, **numbers},
        [*shown, *course],
        style=sections.STYLE,
    )


def draw(root: Path, recipe: str) -> Path:
    """Write the page of a pretraining that has just ended, which `evaluate` will write again, and return where."""
    folder = root / "reports" / recipe
    path = folder / "pretrain.html"
    remove(path)  # it may be a link to what DVC keeps
    path.write_text(to_html(recipe, read_json(folder / "learnt.json")), encoding="utf-8")
    return path


def _course(history: Sequence[Mapping[str, Any]]) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "curve.png"
        curves.learning_curves([{"phase": "pretrain", **record} for record in history], None, path)
        return page.figures([page.Figure(path, "The course of the loss and of the learning rate")])
