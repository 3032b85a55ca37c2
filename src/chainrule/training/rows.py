"""From rows to what a training takes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from chainrule.system import plugins
from chainrule.tasks.field import Field

if TYPE_CHECKING:
    import pandas as pd


def fit_facts(
    rows: "pd.DataFrame",
    recipe: Mapping[str, Any],
    tokenizer: dict[str, Any] | None,
    base: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what the rows' inputs tell about their kind: normalisation, or a tokenizer (see `training.inputs`).

    recipe: with task, modality and clean. base: what the base's net takes, which wins; None without one.
    """
    kind = plugins.load("training.inputs", recipe["modality"])
    normalise = recipe.get("clean", {}).get("normalise")
    fields = _held(rows, recipe, kind, once=True)
    if getattr(plugins.load("fields", recipe["target"]), "TOKENS_SHARED", False):
        (name,) = named(recipe, "target")
        fields.append(rows[name].dropna().tolist())
    facts: dict[str, Any] = kind.fit_facts(fields, tokenizer, base, normalise)
    return facts


def fit_target(rows: "pd.DataFrame", recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the rows' targets tell about their kind, such as the classes (see `fields`); recipe: with target."""
    facts: dict[str, Any] = plugins.load("fields", recipe["target"]).fit(_target(rows, recipe))
    return facts


def to_inputs(
    rows: "pd.DataFrame",
    recipe: Mapping[str, Any],
    facts: Mapping[str, Any],
    target: Mapping[str, Any] | None,
    batch_tokens: int | None = None,
    **distort: Any,
) -> Any:
    """Return the rows as inputs of the training loop, their targets encoded by `target`'s facts (None: without).

    recipe: with task, modality and target: a recipe's block or a model's card. batch_tokens: most of a batch, of a kind
    of target that has tokens.
    """
    kind = plugins.load("training.inputs", recipe["modality"])
    held = _held(rows, recipe, kind)
    if target is None:
        return kind.of_fields(held, None, facts, **distort)
    encoded = torch.from_numpy(encoded_target(rows, recipe, target))
    of_target = plugins.load("training.targets", recipe["target"])
    if hasattr(of_target, "beside"):
        return of_target.beside(
            kind.of_fields(held, None, facts, **distort), _target(rows, recipe), encoded, facts, batch_tokens
        )
    return kind.of_fields(held, encoded, facts, **distort)


def alone(rows: "pd.DataFrame", recipe: Mapping[str, Any], facts: Mapping[str, Any], **distort: Any) -> Any:
    """Return the rows as inputs without targets, for what learns from inputs alone; of a text each window by itself."""
    kind = plugins.load("training.inputs", recipe["modality"])
    found = to_inputs(rows, recipe, facts, None, **distort)
    return kind.apart(found, facts) if hasattr(kind, "apart") else found


def decoded(rows: "pd.DataFrame", recipe: Mapping[str, Any]) -> list[Any]:
    """Return the values of each input field, as the kind of the inputs decodes them; recipe: with task and modality."""
    fields = _fields(recipe, "input")
    kind = plugins.load("fields", recipe["modality"])
    if len({field.kind for field in fields}) > 1:
        return [kind.decode(field.kind, rows[field.name].tolist()) for field in fields]
    return [kind.decode(rows[field.name].tolist()) for field in fields]


def _held(rows: "pd.DataFrame", recipe: Mapping[str, Any], kind: Any, once: bool = False) -> list[Any]:
    """Return the values of each input field as a training holds them; kind: a module of `training.inputs`."""
    return [
        kind.held(rows[field.name].tolist(), plugins.load("fields", field.kind).decode, once)
        for field in _fields(recipe, "input")
    ]


def classes(rows: "pd.DataFrame", recipe: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the classes of each row, none of a number; recipe: with task, modality and target."""
    found: list[tuple[str, ...]] = plugins.load("fields", recipe["target"]).classes(_target(rows, recipe))
    return found


def _target(rows: "pd.DataFrame", recipe: Mapping[str, Any]) -> list[Any]:
    (name,) = named(recipe, "target")
    values: list[Any] = rows[name].tolist()
    return values


def encoded_target(rows: "pd.DataFrame", recipe: Mapping[str, Any], target: Mapping[str, Any]) -> np.ndarray:
    """Return the rows' targets, encoded by the facts of the target; recipe: with task, modality and target."""
    found: np.ndarray = plugins.load("fields", recipe["target"]).encode(_target(rows, recipe), target)
    return found


def named(recipe: Mapping[str, Any], role: str) -> list[str]:
    """Return the names of the task's fields in a role."""
    return [field.name for field in _fields(recipe, role)]


def _fields(recipe: Mapping[str, Any], role: str) -> list[Field]:
    fields = plugins.load(f"tasks.{recipe['task']}", "fields").fields(recipe["modality"])
    return [field for field in fields if field.role == role]
