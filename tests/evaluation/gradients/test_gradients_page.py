"""The page of the gradient audit and its pictures, from records written by hand."""

import math
import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from chainrule.evaluation.gradients import page

SVG = "{http://www.w3.org/2000/svg}"


def link(name: str, factor: float | None, reached: float | None, block: bool = True) -> dict[str, Any]:
    return {"name": name, "block": block, "factor": factor, "reached": reached}


RECORD: dict[str, Any] = {
    "every": 10,
    "chain_every": 20,
    "layers": [
        {"name": "embedding", "kind": "Embedding", "parameters": 1000},
        {"name": "layers.0", "kind": "Linear + ReLU", "parameters": 50},
        {"name": "head", "kind": "Linear", "parameters": 20},
    ],
    "updates": [0, 10],
    "gradient": [[None, 0.01, 1.0], [None, 0.1, 10.0]],
    "weight": [[None, 2.0, 4.0], [None, 2.0, 0.0]],
    "step": [[None, 0.002, 0.4], [None, 0.02, 0.1]],
    "dead": [[None, 0.25, 0.0], [None, 0.75, 0.0]],
    "chains": [
        {"update": 0, "links": [link("layers.0", 0.5, 0.5), link("head", 1.0, 1.0)]},
        {
            "update": 0,
            "links": [
                link("embedding", None, None),
                link("layers.0", 0.01, 0.0004),
                link("layers.0 → head", 0.4, 0.04, block=False),
                link("head", 0.1, 0.1),
            ],
        },
    ],
    "verdicts": [{"kind": "vanishing", "layers": ["layers.0"], "said": "vanishing: 0.04 of <it>; look at net"}],
}


def drawn(name: str) -> ElementTree.Element:
    return ElementTree.fromstring(page.pictures(RECORD)[name])


def bars(picture: ElementTree.Element) -> dict[str, tuple[str, float, float]]:
    """Return kind, top and height of each bar by the name in its words."""
    found = {}
    for rect in picture.iter(f"{SVG}rect"):
        if (title := rect.find(f"{SVG}title")) is not None:
            name = str(title.text).split(":")[0]
            found[name] = (str(rect.get("class")), float(rect.get("y", "nan")), float(rect.get("height", "nan")))
    return found


def test_a_bar_has_the_length_of_its_factor_and_the_colour_of_its_verdict() -> None:
    found = bars(drawn("chain"))
    assert {name: kind for name, (kind, _, _) in found.items()} == {
        "layers.0": "shrinks",
        "layers.0 → head": "between",
        "head": "keeps",
    }
    assert found["layers.0"][2] == pytest.approx(2 * found["head"][2], abs=0.02)
    assert found["layers.0 → head"][2] == pytest.approx(-math.log10(0.4) * found["head"][2], abs=0.02)
    assert len({top for _, top, _ in found.values()}) == 1, "all hang from the line of 1"


def test_the_line_goes_from_one_at_the_loss_to_what_reaches_the_input() -> None:
    picture = drawn("chain")
    line = next(each for each in picture.iter(f"{SVG}polyline") if each.get("class") == "line")
    points = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
    one, decade = bars(picture)["head"][1], bars(picture)["head"][2]
    assert [(y - one) / decade for _, y in points] == pytest.approx(
        [-math.log10(v) for v in (4e-4, 0.04, 0.1, 1)], abs=0.01
    )
    assert [x for x, _ in points] == sorted(x for x, _ in points)


def test_a_heat_map_has_a_cell_for_each_layer_and_update_and_none_for_what_does_not_learn() -> None:
    first = next(drawn("gradient_norm").iter(f"{SVG}image"))
    cells = np.array(Image.open(BytesIO(b64decode(str(first.get("href")).partition(",")[2]))))
    assert cells.shape == (3, 2, 4)
    assert (cells[0, :, 3] == 0).all() and (cells[1:, :, 3] == 255).all()
    assert tuple(cells[1, 0, :3]) == (0x44, 0x01, 0x54), "the smallest is dark"
    assert tuple(cells[2, 1, :3]) == (0xFD, 0xE7, 0x25), "the largest is yellow"
    between = cells[1:, :, 1].astype(int)
    assert between[0, 0] < between[0, 1] < between[1, 0] < between[1, 1]


def test_the_page_needs_nothing_else_and_says_what_is_wrong_where() -> None:
    records = {"finetune": RECORD, "pretrain": {**RECORD, "verdicts": []}}
    html = page.to_html("films", records, {phase: page.pictures(record) for phase, record in records.items()})
    assert not re.search(r"<script|<link|url\(|(src|href)=.(?!data:)", html)
    assert "prefers-color-scheme:dark" in html
    assert html.index("Pretraining</h2>") < html.index("Fine-tuning</h2>"), "in the order in which they were trained"
    assert "Vanishing: 0.04 of &lt;it&gt;; look at net." in html
    row = next(line for line in re.findall(r"<tr>.*?</tr>", html)[::-1] if "layers.0" in line)
    cells = re.findall(r"<td>(.*?)</td>", row)
    assert cells == ["50", "0.055", "0.0055", "50%", "0.01", "4.0e-04", "vanishing"]
    assert "No layer stands out" in html


def test_curves_have_a_line_for_each_layer_that_learns(tmp_path: Path) -> None:
    page.write_curves(RECORD, tmp_path, "finetune")
    assert (tmp_path / "finetune_gradient_norm.csv").read_text() == (
        "update,layer,gradient_norm\n0,layers.0,0.01\n0,head,1\n10,layers.0,0.1\n10,head,10\n"
    )
    ratios = (tmp_path / "finetune_update_ratio.csv").read_text().splitlines()
    assert ratios == ["update,layer,update_ratio", "0,layers.0,0.001", "0,head,0.1", "10,layers.0,0.01"]


def test_a_recipe_without_an_audit_has_a_page_that_says_so() -> None:
    assert "No training of this recipe has an audit" in page.to_html("films", {}, {})


def test_a_record_without_a_chain_has_no_picture_of_one() -> None:
    assert set(page.pictures({**RECORD, "chains": [{"update": 0, "links": []}]})) == {"gradient_norm", "update_ratio"}
    assert page.pictures({**RECORD, "chains": [], "updates": []}) == {}
