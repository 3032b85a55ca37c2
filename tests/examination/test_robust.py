"""Robustness on the page: accuracy by corruption and by strength of an attack, of models of which it is known."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from chainrule.evaluation.parts import NotShownError
from chainrule.examination import attacked, robust
from chainrule.examination.looked import Looked
from chainrule.recipes.evaluate import Examine
from chainrule.system import plugins
from chainrule.training.inputs import text as texts
from looked_at import Given, of_images, of_texts

LABEL = {"label_smoothing": 0.0, "loss": {"name": "cross_entropy", "class_weights": "none"}}


def asked(found: Looked, **settings: Any) -> Looked:
    card = {**found.card, "objective": LABEL}
    return found._replace(card=card, settings=Examine.model_validate({"robustness": settings}))


def halves(rows: int = 40, apart: int = 20) -> Looked:
    """A linear model that tells which half of a grey image is the brighter one; they are `apart` levels apart."""
    labels = np.arange(rows) % 2
    images = np.full((rows, 6, 6, 1), 100, np.uint8)
    images[labels == 0, :, :3] += np.uint8(apart)
    images[labels == 1, :, 3:] += np.uint8(apart)
    side = torch.tensor([1.0, 1, 1, -1, -1, -1]).repeat(6)
    return of_images(Given(36), images, labels.astype(str).tolist(), head=torch.stack([side, -side]))


def test_a_linear_model_falls_where_both_halves_have_moved_by_half_of_what_is_between_them() -> None:
    found = robust.part(asked(halves(), rows=40, corruptions=[], strengths=[4, 9, 11, 30]))
    assert found is not None
    for name in ("FGSM", "PGD"):
        values = [point["value"] for point in found.numbers["attacks"][name]]
        assert values == [1.0, 1.0, 1.0, 0.0, 0.0], name
    assert [point["strength"] for point in found.numbers["attacks"]["PGD"]] == [0, 4, 9, 11, 30]
    assert 'role="img"' in found.body and "PGD" in found.body


@pytest.mark.parametrize(
    ("work", "runs", "count", "most", "expected"),
    [(10**6, 100, 50, 600, 50), (10**8, 177, 50, 600, 33), (10**9, 0, 50, 1, 50), (0, 9, 8, 1, 8)],
)
def test_a_large_net_is_tried_on_fewer_rows(work: int, runs: int, count: int, most: int, expected: int) -> None:
    assert robust.affordable(work, runs, count, most) == expected


def test_a_net_too_large_says_which_setting_would_do() -> None:
    with pytest.raises(NotShownError, match=r"177 runs of 10 rows take 1.77 T multiply-adds; .*work allows 600 G"):
        robust.affordable(10**9, 177, 50, 600)


def test_attacks_are_counted() -> None:
    of = Examine.model_validate({"robustness": {"strengths": [1, 2], "steps": 4, "queries": 30}}).robustness
    assert [attacked.runs(modality, of) for modality in ("image", "table", "text")] == [34, 34, 30]
    assert attacked.runs("image", of.model_copy(update={"strengths": []})) == 0


def test_corruptions_are_scored_by_severity_and_shown() -> None:
    found = robust.part(
        asked(halves(apart=60), rows=20, corruptions=["brightness", "contrast", "shot_noise"], severities=[1, 5],
              strengths=[])
    )  # fmt: skip
    assert found is not None
    scores = found.numbers["corruptions"]
    assert found.numbers["rows"] == 20 and found.numbers["as_they_are"]["value"] == 1
    assert set(scores) == {"brightness", "contrast", "shot_noise"} and set(scores["contrast"]) == {"1", "5"}
    assert scores["brightness"]["5"]["value"] == 1 and set(found.numbers["all"]) == {"1", "5"}
    assert found.body.count("<img") == 4 and found.numbers["attacks"] == {}
    json.dumps(found.numbers, allow_nan=False)
    assert robust.part(asked(halves(), rows=0)) is None


def test_more_strength_never_helps() -> None:
    torch.manual_seed(1)
    rows = np.random.default_rng(0).integers(0, 256, (60, 5, 5, 1)).astype(np.uint8)
    labels = np.random.default_rng(1).integers(0, 3, 60).astype(str).tolist()
    found = robust.part(asked(of_images(Given(25), rows, labels), rows=60, corruptions=[], strengths=[1, 3, 5, 20, 90]))
    assert found is not None
    for curve in found.numbers["attacks"].values():
        values = [point["value"] for point in curve]
        assert values == sorted(values, reverse=True) and values[-1] < values[0]


class Bag(nn.Module):
    """A net whose state of a token is one of two features: good, or not."""

    out_features = 2
    gains_from_bf16 = False

    def __init__(self, good: int) -> None:
        super().__init__()
        self.good = good

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        good = ids == self.good
        return torch.stack([good * 4.0, torch.full(good.shape, 0.2)], dim=2)


def test_words_that_a_text_hangs_on_are_found() -> None:
    rows = [f"{word} a story of people in a town by the sea" for word in ("good", "plain")] * 10
    facts = texts.fit_facts([rows], {"vocabulary": 200, "max_length": 32})
    good = texts.encode([["good"]], facts)[0][0][-2]
    found = of_texts(Bag(good), facts, rows, ["a", "b"] * 10)
    with torch.no_grad():
        found.model.get_submodule("head").weight.copy_(torch.eye(2))
        found.model.get_submodule("head").bias.zero_()
    normalise = {"lowercase": True, "strip_html": False, "min_characters": 1, "max_characters": 1000}
    part = robust.part(asked(found._replace(normalise=normalise), rows=20, severities=[3], strengths=[0.1, 0.5]))
    assert part is not None
    assert part.numbers["corruptions"]["case"]["3"]["value"] == 1  # cleaning undoes it
    values = [point["value"] for point in part.numbers["attacks"]["words"]]
    assert values == [1.0, 0.5, 0.5]  # without "good" a text is as the others; nothing makes those good


def tables(numbers: bool = True) -> Looked:
    """A linear model of rows whose one number is 1 or 3, with or without that column."""
    rows = [{"x": 1.0 + 2 * (row % 2), "port": "ab"[row % 2]} for row in range(30)]
    if not numbers:
        rows = [{"port": row["port"]} for row in rows]
    some = pd.DataFrame({"row": [json.dumps(row) for row in rows], "label": ["a", "b"] * 15})
    some["id"] = some["group"] = [str(row) for row in range(30)]
    card: dict[str, Any] = {"task": "table_classification", "modality": "table", "target": "label"}
    names = [field.name for field in plugins.load("tasks.table_classification", "fields").fields("table")]
    some = some.rename(columns={"row": names[0]})
    return _table(card, some, numbers)


def _table(card: dict[str, Any], some: pd.DataFrame, numbers: bool) -> Looked:
    from chainrule.nets import mlp
    from chainrule.recipes.defaults import table as defaults
    from chainrule.training import rows as table

    kinds = {kind: [] for kind in ("date", "boolean", "text")}
    normalise = {**defaults.DEFAULTS["clean"]["normalise"], **kinds, "number": ["x"] * numbers, "category": ["port"]}
    recipe = {**card, "clean": {"normalise": normalise}}
    card["target_facts"] = table.fit_target(some, recipe)
    facts = table.fit_facts(some, recipe, defaults.DEFAULTS["pretrain"]["tokenizer"])
    torch.manual_seed(0)
    arguments = plugins.load("training.inputs", "table").net_arguments(facts)
    net = mlp.build(**arguments, **_options())
    model = plugins.load("tasks.table_classification", "model").build(net, facts, card["target_facts"]).eval()
    measure = plugins.load("tasks.table_classification", "metrics").measure
    return Looked(
        recipe="tiny", model=model, card=card, facts=facts, train=some, rows=some, outputs={},
        inputs=table.to_inputs(some, card, facts, card["target_facts"]),
        target=np.zeros(0), history=[], measure=measure, figures=measure, settings=Examine(), asked=None, seed=0,
        say=print, normalise=normalise,
    )  # fmt: skip


def _options() -> dict[str, Any]:
    from chainrule.nets.catalogue import DEFAULTS

    return dict(DEFAULTS["mlp"])


def test_numbers_move_within_what_training_rows_held_and_other_columns_stay() -> None:
    found = robust.part(asked(tables(), rows=30, severities=[3], strengths=[0.1, 1, 100]))
    assert found is not None
    values = [point["value"] for point in found.numbers["attacks"]["PGD"]]
    assert values == sorted(values, reverse=True)
    assert set(found.numbers["corruptions"]) >= {"noise", "missing_columns"}


def test_a_table_without_numbers_says_that_there_is_no_attack() -> None:
    found = robust.part(asked(tables(numbers=False), rows=30, severities=[3], corruptions=["missing_cells"]))
    assert found is not None and found.numbers["attacks"] == {}
    assert "there is no column of numbers" in found.body


@pytest.mark.parametrize("settings", [{"severities": []}, {"severities": [6]}, {"strengths": [0]}, {"rows": -1}])
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="robustness"):
        Examine.model_validate({"robustness": settings})
