"""A model of tables asked over HTTP: a row of raw values in, an answer, or one line that names the column, out."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import live_server
import tiny_bundles
from chainrule.cli import main
from chainrule.fields import table
from chainrule.serving import bundle as bundles
from chainrule.serving import observed, plain
from chainrule.serving.limits import Limits
from chainrule.system.errors import DataError
from tiny_bundles import ROW

httpclient = pytest.importorskip("tritonclient.http")

TOKEN = "a token of enough characters"
LIMITS = Limits(body_bytes=2_000_000, characters=1_000)
DAY = 86_400


def project(root: Path, **normalise: Any) -> Path:
    (root / "models" / "onnx").mkdir(parents=True)
    tiny_bundles.table_bundle(root / "models" / "onnx" / "titanic", **normalise)
    tiny_bundles.text_bundle(root / "models" / "onnx" / "reviews")
    return root


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[live_server.Live]:
    root = project(tmp_path_factory.mktemp("tables"))
    with live_server.running(root, limits=LIMITS, observe=1.0) as server:
        yield server


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> bundles.Bundle:
    return bundles.read(tiny_bundles.table_bundle(tmp_path_factory.mktemp("one") / "titanic"), "titanic", "")


def ask(live: live_server.Live, row: Any) -> live_server.Answer:
    body = row if isinstance(row, bytes) else json.dumps(row).encode()
    return live.ask("POST", "/models/titanic", body, content_type="application/json")


def infer(live: live_server.Live, model: str, *inputs: dict[str, Any]) -> live_server.Answer:
    return live.ask("POST", f"/v2/models/{model}/infer", json.dumps({"inputs": list(inputs)}).encode())


def logits(numbers: list[float | None], categories: list[int], words: list[int]) -> np.ndarray:
    """What the tiny model says, in NumPy."""
    weights, by_category, by_word = tiny_bundles.table_weights()
    filled = np.array([0.0 if number is None else number for number in numbers])
    return filled @ (weights * tiny_bundles.NEAR) + by_category[categories].sum(axis=0) + by_word[words].sum(axis=0)


def survived(logits: np.ndarray) -> float:
    return float(1 / (1 + np.exp(logits[0] - logits[1])))


def chance(answer: live_server.Answer) -> float:
    assert answer.status == 200, answer.content
    return next(each["probability"] for each in answer.json["labels"] if each["label"] == "survived")


RARE = '"dog" is no category of the training rows, or a rare one; the model takes these all alike and knows'


def words_of(bundle: bundles.Bundle, text: str | None) -> list[int]:
    found: list[int] = plain.prepare(bundle, {"row": {**ROW, "Remark": text}}, LIMITS)["words"][0, 0].tolist()
    return found


DAYS = (np.datetime64("1912-04-10") - np.datetime64("1970-01-01")).astype(int)


def test_a_row_of_raw_values_is_a_request(live: live_server.Live, bundle: bundles.Bundle) -> None:
    expected = survived(logits([22, 7.25, DAYS], [1, 2], words_of(bundle, ROW["Remark"])))
    written = {**ROW, "Age": " 22 ", "Fare": "7.25", "Sailed": "10.04.1912", "Alone": "no"}
    for row in (ROW, dict(reversed(ROW.items())), {"row": ROW}, written):
        found = ask(live, row)
        assert chance(found) == pytest.approx(expected, abs=1e-4)
        assert "notes" not in found.json


def test_what_is_not_known_is_null(live: live_server.Live, bundle: bundles.Bundle) -> None:
    expected = survived(logits([None, 7.25, None], [3, 0], words_of(bundle, None)))
    row = {**ROW, "Age": None, "Sailed": "", "Sex": None, "Alone": "N/A", "Remark": None}
    assert chance(ask(live, row)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"Sex": "dog"}, f"Sex: {RARE} 'male', 'female'"),
        ({"Age": "twenty"}, 'Age: "twenty" is not a number; it counts as missing'),
        ({"Age": 1e300}, "Age: 1e+300 is no number that a model can take; it counts as missing"),
        ({"Sailed": "tomorrow"}, 'Sailed: "tomorrow" is not a date; write it as 2011-01-20; it counts as missing'),
        ({"Alone": "perhaps"}, 'Alone: "perhaps" is neither true nor false; it counts as missing'),
    ],
)
def test_what_is_not_taken_as_it_came_is_said(live: live_server.Live, change: dict[str, Any], note: str) -> None:
    found = ask(live, ROW | change)
    assert found.status == 200 and found.json["notes"] == [note]


@pytest.mark.parametrize(
    ("row", "status", "says"),
    [
        ({"Age": 1, "Fare": 2}, 400, "the columns 'Sex', 'Sailed', 'Alone', 'Remark' are missing; send null"),
        ({name: cell for name, cell in ROW.items() if name != "Age"}, 400, "the column 'Age' is missing"),
        (ROW | {"Ages": 1}, 400, "no column 'Ages' (did you mean 'Age'?); it takes 'Age', 'Fare'"),
        ({"row": ROW, "more": 1}, 400, "no column 'row'"),
        (ROW | {"Age": [1]}, 400, "Age: a cell is a text, a number, true, false or null, and no list"),
        (ROW | {"Age": {"is": 1}}, 400, "and no object"),
        (ROW | {"Sailed": "03/04/1912"}, 400, 'Sailed: "03/04/1912" may be one of two days'),
        (dict.fromkeys(ROW), 400, "holds no value at all"),
        (ROW | {"Remark": "x" * 1001}, 413, "Remark: 1,001 characters; at most 1,000 are read"),
        ({f"column {at}": at for at in range(50_000)}, 400, "no column 'column 0'"),
        (ROW | {"x" * 10_000: 1}, 400, "no column 'xxxx"),
        (b'{"Age": NaN}', 400, "NaN as 'Age' is no JSON: send null where a number is not known"),
        (b'{"Age": -Infinity}', 400, "Infinity as 'Age' is no JSON"),
        (b'{"Age": 1, "Age": 2}', 400, "a name twice"),
        (b"[1]", 400, "must be a JSON object"),
    ],
)
def test_what_no_row_could_be_is_refused_with_the_column_and_the_remedy(
    live: live_server.Live, row: Any, status: int, says: str
) -> None:
    found = ask(live, row)
    assert found.status == status and says in found.json["error"]
    assert len(found.content) < 700 and "\\n" not in found.json["error"]


def test_a_text_is_no_row(live: live_server.Live) -> None:
    found = live.ask("POST", "/models/titanic", b"hello", content_type="text/plain")
    assert found.status == 400 and 'send JSON, {"row": {"<column>": "..."}}' in found.json["error"]


def test_a_recipe_may_refuse_what_it_cannot_read(tmp_path: Path) -> None:
    folder = tiny_bundles.table_bundle(
        tmp_path / "titanic", unreadable="reject", missing={"Age": "reject"}, ranges={"Fare": [0, 100]}, outside="clip"
    )
    strict = bundles.read(folder, "titanic", "")
    with pytest.raises(DataError, match='Fare: "cheap" is not a number; send null where it is not known'):
        plain.prepare(strict, {"row": {**ROW, "Fare": "cheap"}}, LIMITS)
    with pytest.raises(DataError, match="Age is missing, and the recipe takes no row without it"):
        plain.prepare(strict, {"row": {**ROW, "Age": None}}, LIMITS)
    dear = {"row": {**ROW, "Fare": 900}}
    assert plain.prepare(strict, dear, LIMITS)["numbers"][0, 1] == 100
    said = "Fare: 900 is outside of the range that the recipe allows; it is taken as 100"
    assert plain.noted(strict, dear, LIMITS)[1] == [said]


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"normalise": {}, "facts": {}, "shown": {}},
        tiny_bundles.table_rules(number=["Other"]),
        tiny_bundles.table_rules(missing={"number": {"constant": "much"}}),
        tiny_bundles.table_rules() | {"shown": {"Age": [1]}},
        tiny_bundles.table_rules() | {"facts": tiny_bundles.table_rules()["facts"] | {"places": {"Sex": 1}}},
    ],
)
def test_a_bundle_that_does_not_say_how_a_row_is_read_is_refused(tmp_path: Path, rules: dict[str, Any]) -> None:
    folder = tiny_bundles.table_bundle(tmp_path / "titanic")
    signature = json.loads((folder / "signature.json").read_text())
    (folder / "signature.json").write_text(json.dumps(signature | {"preprocessing": {"row": rules}}))
    tiny_bundles.resum(folder)
    with pytest.raises(DataError, match=r"signature.json: how a row is read .* export it again"):
        bundles.read(folder, "titanic", "")


def test_a_clean_row_of_the_recipe_is_read_as_it_is(tmp_path: Path) -> None:
    """What drift and the contest of a promotion ask: dates are ISO there, and other versions have other columns."""
    dates = {"formats": ["%Y-%d-%m"], "day_first": None}
    bundle = bundles.read(tiny_bundles.table_bundle(tmp_path / "titanic", dates=dates), "titanic", "")
    raw = {**ROW, "Sailed": "1912-10-04"}
    clean, _ = table.normalise(json.dumps(raw), **bundle.signature["preprocessing"]["row"]["normalise"])
    expected = plain.prepare(bundle, {"row": raw}, LIMITS)
    assert expected["numbers"][0, 2] == DAYS
    more = json.dumps({**json.loads(clean), "Cabin": "C85"})
    for row in (clean, more):
        found = plain.prepare(bundle, {"row": row}, LIMITS)
        assert {name: array.tolist() for name, array in found.items()} == {
            name: array.tolist() for name, array in expected.items()
        }
    with pytest.raises(DataError, match="no column 'Age', 'Fare', 'Sex', 'Sailed', 'Alone', which the model learnt"):
        plain.prepare(bundle, {"row": '{"Remark": "a"}'}, LIMITS)


def test_a_date_may_be_written_as_iso_beside_the_formats_of_the_recipe(tmp_path: Path) -> None:
    dates = {"formats": ["%d/%m/%Y"], "day_first": None}
    bundle = bundles.read(tiny_bundles.table_bundle(tmp_path / "titanic", dates=dates), "titanic", "")
    for written in ("10/04/1912", "1912-04-10"):
        inputs, notes = plain.noted(bundle, {"row": {**ROW, "Sailed": written}}, LIMITS)
        assert inputs["numbers"][0, 2] == DAYS and notes == []


# ---- the protocol


def test_rows_are_an_input_of_bytes(live: live_server.Live, bundle: bundles.Bundle) -> None:
    rows = [ROW, {**ROW, "Sex": "dog", "Age": None}]
    given = httpclient.InferInput("row", [2], "BYTES")
    given.set_data_from_numpy(np.array([json.dumps(row) for row in rows], object))
    with httpclient.InferenceServerClient(live.url) as client:
        found = client.infer("titanic", [given])
    words = words_of(bundle, ROW["Remark"])
    expected = [logits([22, 7.25, DAYS], [1, 2], words), logits([None, 7.25, DAYS], [0, 2], words)]
    np.testing.assert_allclose(found.as_numpy("logits"), expected, atol=1e-3)
    assert found.get_response()["parameters"]["notes"].startswith('item 1: Sex: "dog" is no category')


@pytest.mark.parametrize(
    ("data", "status", "says"),
    [
        ([json.dumps(ROW), "{"], 400, "item 1: the row is not valid JSON"),
        ([json.dumps(ROW), "7"], 400, "item 1: the row must be a JSON object"),
        ([json.dumps(ROW), '{"Age": 1, "Age": 2}'], 400, "item 1: the JSON has a name twice"),
        ([json.dumps(ROW), "{}"], 400, "item 1: the columns"),
        ([json.dumps(ROW)] * 65, 413, "65 items in one request; at most 64"),
        (["x" * 1001], 413, "a text may have 1,000 characters"),
    ],
)
def test_a_row_of_bytes_that_is_none_is_named(live: live_server.Live, data: list[str], status: int, says: str) -> None:
    found = infer(live, "titanic", {"name": "row", "datatype": "BYTES", "shape": [len(data)], "data": data})
    assert found.status == status and says in found.json["error"]


def test_texts_may_come_as_bytes_too(live: live_server.Live) -> None:
    texts = {"name": "text", "datatype": "BYTES", "shape": [2], "data": ["a good film", "<b>poor</b>"]}
    found = infer(live, "reviews", texts).json["outputs"][0]["data"]
    weights = tiny_bundles.text_weights()
    place = tiny_bundles.WORDS.index
    expected = [weights[[place("a"), place("good"), place("film")]].mean(axis=0), weights[place("poor")]]
    np.testing.assert_allclose(np.reshape(found, (2, 2)), expected, rtol=1e-5)


def tensors(**changes: Any) -> list[dict[str, Any]]:
    given = {
        "numbers": ("FP32", [1, 3], [22, None, DAYS.item()]),
        "categories": ("INT64", [1, 2], [1, 2]),
        "words": ("INT64", [1, 1, 4], [3, 1, 0, 0]),
    } | changes
    return [
        dict(zip(("name", "datatype", "shape", "data"), (name, *each), strict=True)) for name, each in given.items()
    ]


def test_tensors_are_taken_as_the_graph_has_them_with_gaps(live: live_server.Live) -> None:
    found = infer(live, "titanic", *tensors())
    expected = logits([22, None, DAYS], [1, 2], [3, 1, 0, 0])
    np.testing.assert_allclose(found.json["outputs"][0]["data"], expected, atol=1e-3)
    binary = [httpclient.InferInput(name, shape, kind) for name, kind, shape in (
        ("numbers", "FP32", [1, 3]), ("categories", "INT64", [1, 2]), ("words", "INT64", [1, 1, 4]))]  # fmt: skip
    binary[0].set_data_from_numpy(np.array([[22, np.nan, DAYS]], np.float32))
    binary[1].set_data_from_numpy(np.array([[1, 2]]))
    binary[2].set_data_from_numpy(np.array([[[3, 1, 0, 0]]]))
    with httpclient.InferenceServerClient(live.url) as client:
        np.testing.assert_allclose(client.infer("titanic", binary).as_numpy("logits")[0], expected, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"categories": ("INT64", [1, 2], [1, 3])}, "categories has 3 in column 1; this model takes 0 to 2 there"),
        ({"categories": ("INT64", [1, 2], [-1, 0])}, "categories has -1 in column 0; this model takes 0 to 3 there"),
        ({"words": ("INT64", [1, 1, 4], [3, 11, 0, 0])}, "words has 11; this model takes 0 to 10"),
        ({"categories": ("INT64", [1, 2], [1, None])}, "no INT64"),
    ],
)
def test_a_category_that_the_graph_does_not_have_is_refused(
    live: live_server.Live, changes: dict[str, Any], says: str
) -> None:
    found = infer(live, "titanic", *tensors(**changes))
    assert found.status == 400 and says in found.json["error"]


def test_an_infinity_is_no_gap(live: live_server.Live) -> None:
    head = json.dumps({"inputs": [{"name": "numbers", "datatype": "FP32", "shape": [1, 3],
        "parameters": {"binary_data_size": 12}}, *tensors()[1:]]}).encode()  # fmt: skip
    body = head + np.array([1, np.inf, 0], np.float32).tobytes()
    found = live.ask("POST", "/v2/models/titanic/infer", body, inference_header_content_length=str(len(head)))
    assert found.status == 400 and "an infinity" in found.json["error"]


# ---- what is told of it


def test_the_schema_of_a_request_is_that_of_the_columns(live: live_server.Live) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = live.ask("GET", "/models/titanic/schema").json
    for fits in (ROW, {"row": ROW}, dict.fromkeys(ROW), schema["anyOf"][0]["example"]):
        jsonschema.validate(fits, schema)
    for other in ({**ROW, "Ages": 1}, {"Age": 1}, {**ROW, "Age": [1]}, {"row": {"Age": 1}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(other, schema)
    assert ask(live, schema["anyOf"][0]["example"]).status == 200
    described = live.ask("GET", "/openapi.json").json["paths"]["/models/titanic"]["post"]
    assert described["requestBody"]["content"]["application/json"]["schema"] == schema
    assert "Sailed" in live.ask("GET", "/docs").content.decode()


def test_columns_are_told_only_to_those_with_the_token(tmp_path: Path) -> None:
    with live_server.running(project(tmp_path), token=TOKEN) as server:
        assert "Sailed" not in server.ask("GET", "/docs").content.decode()
        assert "/models/titanic" not in server.ask("GET", "/openapi.json").json["paths"]
        assert server.ask("GET", "/models/titanic/schema").status == 401
        known = server.ask("GET", "/models/titanic/schema", authorization=f"Bearer {TOKEN}")
        assert "Sailed" in known.content.decode()


def test_the_page_is_told_what_a_form_needs_and_no_more(live: live_server.Live) -> None:
    (about,) = (each for each in live.ask("GET", "/models").json if each["name"] == "titanic")
    assert set(about["preprocessing"]["row"]) == {"columns"}
    columns = {column.pop("name"): column for column in about["preprocessing"]["row"]["columns"]}
    assert list(columns) == ["Age", "Fare", "Sex", "Sailed", "Alone", "Remark"]
    assert columns["Age"] == {"kind": "number", "low": 1, "usual": 28, "high": 80}
    assert columns["Sex"] == {"kind": "category", "values": ["male", "female"], "usual": "male"}
    assert columns["Alone"]["usual"] is True and columns["Sailed"]["low"] == "1911-01-02"


def test_what_was_served_can_be_read_again(live: live_server.Live) -> None:
    ask(live, {**ROW, "Age": None, "Fare": 1.5})

    def rows() -> list[observed.Row]:
        found, broken = observed.read(live.root, "titanic", 1000)
        assert broken == 0
        return [row for row in found if row.inputs["numbers"][0, 1] == np.float32(1.5)]

    live_server.until(rows, what="the row among those observed")
    (row,) = rows()
    assert np.isnan(row.inputs["numbers"][0, 0]) and row.inputs["categories"].tolist() == [[1, 2]]
    assert row.answer is not None and {each["label"] for each in row.answer["labels"]} == {"died", "survived"}


# ---- files


def test_a_csv_of_rows_comes_out_with_answers(
    live: live_server.Live, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    rows.write_text(
        "Id,Sex,Age,fare,Sailed,Alone,Remark\n1,male,22,7.25,1912-04-10,false,a good plot\n2,dog,,?,,,\n3,,,,,,\n"
    )
    command = ["predict", "titanic", str(rows), "--out", str(out), "--root", str(live.root), "--column", "Fare=fare"]
    assert main(command) == 0
    first, second, third = (line.split(",") for line in out.read_text().splitlines()[1:])
    assert first[:7] == ["1", "male", "22", "7.25", "1912-04-10", "false", "a good plot"]
    expected = chance(ask(live, ROW))
    assert float(first[8]) == pytest.approx(max(expected, 1 - expected), abs=1e-5) and first[9] == ""
    assert second[7] in ("died", "survived") and "dog" in ",".join(second[9:])
    assert third[7] == "" and "no value at all" in third[9]
    assert "2 of 3 rows answered" in capsys.readouterr().out


def test_a_file_of_json_keeps_the_types_of_its_cells(live: live_server.Live, tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    less = {name: cell for name, cell in ROW.items() if name != "Age"}
    rows.write_text("\n".join(map(json.dumps, ({**ROW, "Id": 7}, less))))
    assert main(["predict", "titanic", str(rows), "--out", str(out), "--root", str(live.root)]) == 0
    first, second = map(json.loads, out.read_text().splitlines())
    assert {**ROW, "Id": 7}.items() <= first.items() and "Age" not in second
    expected = chance(ask(live, {**ROW, "Age": None}))
    assert second["probability"] == pytest.approx(max(expected, 1 - expected), abs=1e-5)


def test_a_bundle_is_asked_by_its_folder_as_well(live: live_server.Live, tmp_path: Path) -> None:
    shutil.copytree(live.root / "models" / "onnx" / "titanic", tmp_path / "mine")
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW))
    command = ["predict", str(tmp_path / "mine"), str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "out.jsonl")]
    assert main(command) == 0
