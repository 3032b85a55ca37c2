"""What `chainrule new` makes of data as people have them: titles above headers, prices with signs, ids for files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from chainrule.data.columns import columns
from chainrule.data.reading import reader
from chainrule.data.sources.catalogue import DEFAULTS
from chainrule.inspection import choices, doubts, writing
from chainrule.inspection.detection import detect
from chainrule.inspection.examples import Examples, Options
from chainrule.inspection.machine import Machine
from chainrule.recipes.check import find_mistakes
from chainrule.system.errors import ChainruleError, DataError, ParamsError

WORDS = ["calm", "river", "stone", "lamp", "cloud", "seven", "paper", "green", "horse", "winter", "small", "song"]


@pytest.fixture(autouse=True)
def no_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no base that lies on this machine be chosen."""
    monkeypatch.delenv("CHAINRULE_REAL_MODELS", raising=False)


def texts(count: int) -> list[str]:
    random = np.random.default_rng(3)
    return [" ".join(random.choice(WORDS, random.integers(7, 12))) + f" {at}" for at in range(count)]


def reviews(count: int = 40) -> pd.DataFrame:
    return pd.DataFrame({"text": texts(count), "label": [("good", "bad")[at % 2] for at in range(count)]})


def look(path: Path, **options: str) -> Examples:
    return detect(path, Options(**options))


def read(found: Examples) -> pd.DataFrame:
    """Return the rows as the recipe's source gives them, once the recipe as a whole was found to be right."""
    block = writing.block(found, choices.choose(found, Path("/"), None, Machine(2, False)), Path("/nowhere"))
    assert find_mistakes({"recipes": {"mine": block}}) == []
    given = {name: value for name, value in block["source"].items() if name not in ("kind", "path")}
    given = {**DEFAULTS[found.source["kind"]], **given}
    return reader(found.source["kind"], columns(found.task, found.modality))(Path(found.source["path"]), **given)


def picture(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
    Image.fromarray(pixels).save(path)


# ---- tables as they are handed on


def test_of_a_workbook_the_fullest_sheet_is_read_below_its_title(tmp_path: Path) -> None:
    path = tmp_path / "survey.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"code": ["good"], "meaning": ["liked"]}).to_excel(book, sheet_name="Legend", index=False)
        reviews().to_excel(book, sheet_name="Answers", index=False, startrow=2)
        book.sheets["Answers"].cell(1, 1, "Survey of spring")
    found = look(path)
    assert (found.task, found.rows) == ("text_classification", 40)
    assert (found.source["sheet"], found.source["skip"]) == ("Answers", 2)
    assert "a sheet of Excel Answers (not used: Legend)" in found.found[0]
    assert read(found)["label"].tolist() == reviews()["label"].tolist()


def test_sheets_alike_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "years.xlsx"
    with pd.ExcelWriter(path) as book:
        for year in ("2022", "2023"):
            reviews().to_excel(book, sheet_name=year, index=False)
    with pytest.raises(ParamsError, match="several sheets could be the table: 2022, 2023; name one by --sheet"):
        look(path)
    assert look(path, sheet="2023").source["sheet"] == "2023"
    with pytest.raises(ParamsError, match=r"--sheet 2024: years\.xlsx has 2022, 2023"):
        look(path, sheet="2024")


@pytest.mark.parametrize("above", ["Flats in four towns\nas of May\n\n", "Flats;;;\n;;;\n;;;\n"])
def test_lines_above_a_header_and_german_numbers(tmp_path: Path, above: str) -> None:
    path = tmp_path / "flats.csv"
    rows = "".join(f"{('Bonn', 'Köln')[at % 2]};{30 + at},5;{at % 5};{100 + at}.{at:03d},25\n" for at in range(60))
    path.write_text(f"{above}town;area;rooms;price\n{rows}", encoding="utf-8-sig")
    found = look(path)
    assert found.task == "table_regression" and found.source["columns"] == {"target": "price"}
    assert (found.source["skip"], found.source["decimal"], found.source["thousands"]) == (3, ",", ".")
    assert read(found)["target"][:2].tolist() == ["100000.25", "101001.25"]


def test_signs_of_money_and_hundredths_and_blanks_between_thousands_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "firms.csv"
    rows = [f"{at / 10:.1f}%;{at + 1} {at:03d};{'ab'[at % 2]};$ {at + 1} {at:03d}.50" for at in range(60)]
    path.write_text("growth;staff;town;price\n" + "\n".join(rows))
    found = look(path)
    assert (found.task, found.source["columns"]) == ("table_regression", {"target": "price"})
    assert found.normalise == {"number": ["growth", "staff"], "category": ["town"], "thousands": " "}
    assert read(found)["target"][:2].tolist() == ["1000.50", "2001.50"]


def test_months_are_a_time(tmp_path: Path) -> None:
    months = pd.date_range("2001-01", periods=60, freq="MS").strftime("%Y-%m")
    pd.DataFrame({"Month": months, "Passengers": [100 + at * 3 for at in range(60)]}).to_csv(
        tmp_path / "air.csv", index=False
    )
    found = look(tmp_path / "air.csv")
    assert (found.task, found.source["time"]) == ("table_regression", "Month")
    assert found.normalise == {"date": ["Month"], "dates": {"formats": ["%Y-%m"]}}
    assert found.split == {"time": {"format": "%Y-%m"}}


def test_a_column_says_the_parts(tmp_path: Path) -> None:
    parts = ["train"] * 30 + ["valid"] * 5 + ["test"] * 5
    reviews().assign(split=parts).to_csv(tmp_path / "all.csv", index=False)
    found = look(tmp_path / "all.csv")
    assert (found.source["part"], found.parts) == ("split", {"train": 30, "validation": 5, "test": 5})
    assert found.split == {"test": 0} and found.labels["test"].total() == 5
    assert read(found)["part"].value_counts().to_dict() == {"train": 30, "validation": 5, "test": 5}


def test_objects_in_objects_have_columns_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    rows = [
        {"id": at, "review": {"text": text, "lang": "en"}, "meta": {"by": {"label": ("good", "bad")[at % 2]}}}
        for at, text in enumerate(texts(40))
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    found = look(path)
    assert found.task == "text_classification"
    assert found.source["columns"] == {"text": "review.text", "label": "meta.by.label"}
    assert read(found)["label"][:2].tolist() == ["good", "bad"]


def test_a_list_within_an_object_is_refused_with_what_takes_it_out(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    path.write_text(json.dumps({"version": 1, "data": reviews().to_dict("records")}))
    with pytest.raises(DataError, match=r"40 rows in its list 'data'.*`jq '\.data' all\.json > rows\.json`"):
        look(path)


def test_a_handful_of_texts_are_texts_and_few_rows_are_doubted(tmp_path: Path) -> None:
    reviews(12).to_csv(tmp_path / "few.csv", index=False)
    found = look(tmp_path / "few.csv")
    assert found.task == "text_classification"
    assert next(doubts.of_rows(found.rows)).startswith("12 rows: of so few a test split says little")
    assert not list(doubts.of_rows(100))


def test_columns_of_one_and_nought_beside_a_text_and_an_id_are_labels(tmp_path: Path) -> None:
    marks = {name: [int(at % turn == 0) for at in range(40)] for turn, name in enumerate(("toxic", "rude", "odd"), 2)}
    more = {"threat": [int(at % 7 == 0) for at in range(40)], "id": [f"x{at:03d}" for at in range(40)]}
    pd.DataFrame({"text": texts(40), **marks, **more}).to_csv(tmp_path / "notes.csv", index=False)
    found = look(tmp_path / "notes.csv")
    assert found.task == "multi_label"
    assert found.source["columns"]["labels"] == ["toxic", "rude", "odd", "threat"]


def test_a_target_by_its_name_may_have_many_classes_and_needs_two(tmp_path: Path) -> None:
    rows = pd.DataFrame({"text": texts(2000), "intent": [f"intent {at % 300}" for at in range(2000)]})
    rows.to_csv(tmp_path / "many.csv", index=False)
    assert len(look(tmp_path / "many.csv").counts) == 300
    rows.assign(intent="spam").to_csv(tmp_path / "one.csv", index=False)
    with pytest.raises(ParamsError, match=r"rows of a second class are needed \(intent holds one value in 2,000 rows"):
        look(tmp_path / "one.csv")


def test_very_many_columns_are_not_all_listed_and_may_be_pixels(tmp_path: Path) -> None:
    pixels = {f"pixel{at}": [(at * row) % 251 for row in range(30)] for at in range(196)}
    pd.DataFrame({"label": [row % 3 for row in range(30)], **pixels}).to_csv(tmp_path / "p.csv", index=False)
    found = look(tmp_path / "p.csv")
    assert max(map(len, found.found)) < 600
    assert found.doubts[0].startswith("196 columns pixel…: pixels of images of 14 by 14?")


# ---- images


def test_ids_in_a_table_name_images_of_one_folder_and_ending(tmp_path: Path) -> None:
    for at in range(12):
        picture(tmp_path / f"images/a{at:02d}.png", at)
    rows = pd.DataFrame(
        {"id": [f"a{at:02d}" for at in range(12)], "breed": [("cat", "dog")[at % 2] for at in range(12)]}
    )
    rows.to_csv(tmp_path / "labels.csv", index=False)
    found = look(tmp_path)
    assert (found.task, found.source["named"]) == ("image_classification", "images/{}.png")
    assert found.incoming["named"] == "images/{}.png" and "files: images/<id>.png" in found.found
    given = read(found)
    assert given["problem"].isna().all() and all(given["image"].str.len() > 0)
    rows.assign(id=rows["id"] + ".png").to_csv(tmp_path / "labels.csv", index=False)
    assert look(tmp_path).source["named"] == "images/{}"


def test_a_form_for_answers_is_no_data(tmp_path: Path) -> None:
    reviews().to_csv(tmp_path / "train.csv", index=False)
    reviews(20)[["text"]].to_csv(tmp_path / "test.csv", index=False)
    reviews(20).assign(label="good").to_csv(tmp_path / "sample_submission.csv", index=False)
    found = look(tmp_path)
    assert found.source["path"] == str(tmp_path / "train.csv") and found.rows == 40
    assert "left out, a column alone: test.csv" in found.found
    assert "left out, a form for answers: sample_submission.csv" in found.found


def test_names_of_images_say_the_class(tmp_path: Path) -> None:
    for at in range(10):
        picture(tmp_path / f"train/{('cat', 'big_dog')[at % 2]}.{at}.png", at)
        picture(tmp_path / f"test/{at}.png", 20 + at)
    found = look(tmp_path)
    assert (found.task, dict(found.counts)) == ("image_classification", {"cat": 5, "big_dog": 5})
    assert (
        found.source["path"] == str(tmp_path / "train") and "left out: test, in which names say no class" in found.found
    )
    assert sorted(set(read(found)["label"])) == ["big_dog", "cat"]


def test_numbers_of_a_camera_are_no_classes(tmp_path: Path) -> None:
    for at in range(10):
        picture(tmp_path / f"{('IMG', 'DSC')[at % 2]}_{at}.png", at)
    with pytest.raises(ChainruleError):
        look(tmp_path)


def test_what_is_left_out_of_class_folders_is_named_by_its_ending(tmp_path: Path) -> None:
    for at in range(10):
        picture(tmp_path / f"{('cat', 'dog')[at % 2]}/{at}.webp", at)
    (tmp_path / "cat/a.heic").write_bytes(b"no image")
    (line,) = (line for line in look(tmp_path).found if line.startswith("left out"))
    assert line == "left out: 1 of another kind (.heic); HEIC is no format that is read, save such photographs as JPEG"


# ---- what is refused


def test_a_folder_of_files_of_parts_is_gone_into(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "README.md").write_text("a set")
    reviews().to_parquet(tmp_path / "data/train-00000-of-00001.parquet")
    reviews(10).to_parquet(tmp_path / "data/test-00000-of-00001.parquet")
    assert look(tmp_path).parts == {"train": 40, "test": 10}


def refused(folder: Path, name: str, **rows: Any) -> str:
    pd.DataFrame(rows).to_csv(folder / name, index=False)
    with pytest.raises(ChainruleError) as caught:
        look(folder)
    return str(caught.value)


def test_what_is_no_set_of_examples_is_refused_with_the_remedy(tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / name).mkdir()
    assert "holds one column, and nothing that could be told of it" in refused(tmp_path / "a", "t.csv", text=texts(30))
    urls = [f"https://example.org/{at}.jpg" for at in range(30)]
    said = refused(tmp_path / "b", "t.csv", image=urls, label=["a", "b"] * 15)
    assert said.startswith("image: addresses in the network")
    pd.DataFrame({"f": range(30), "g": range(30)}).to_csv(tmp_path / "c/X_train.csv", index=False)
    said = refused(tmp_path / "c", "y_train.csv", y=[0, 1] * 15)
    assert "`paste -d , X_train.csv y_train.csv` makes one table of both" in said
    (tmp_path / "d/old.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(DataError, match=r"old\.xls: save the sheet as \.xlsx or CSV"):
        look(tmp_path / "d")
