"""`chainrule predict`: every row comes out again, with its answer or why it has none."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny_bundles
from chainrule.cli import main
from chainrule.serving import records


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served")
    onnx = root / "models" / "onnx"
    onnx.mkdir(parents=True)
    tiny_bundles.text_bundle(onnx / "reviews")
    tiny_bundles.pair_bundle(onnx / "pairs")
    tiny_bundles.image_bundle(onnx / "digits")
    return root


Predict = Callable[..., list[dict[str, str]]]


@pytest.fixture
def predict(root: Path, tmp_path: Path) -> Predict:
    """Asks for the rows of a file and returns those of the file of answers."""

    def predict(model: str, rows: Path, *more: str, out: str = "out.csv") -> list[dict[str, str]]:
        target = tmp_path / out
        assert main(["predict", model, str(rows), "--out", str(target), "--root", str(root), *more]) == 0
        with target.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t" if out.endswith("tsv") else ","))

    return predict


def likeliest(text: str) -> tuple[str, float]:
    """What the tiny model of texts says of one, in NumPy."""
    logits = np.mean([tiny_bundles.text_weights()[tiny_bundles.WORDS.index(word)] for word in text.split()], axis=0)
    chances = np.exp(logits) / np.exp(logits).sum()
    return tiny_bundles.FEELINGS[chances.argmax()], float(chances.max())


def test_every_row_comes_out_with_its_own_columns_and_an_answer(predict: Predict, tmp_path: Path) -> None:
    texts = ["a good film", "the poor plot", "great", "bad bad film"] * 700  # more than are held at once
    rows = tmp_path / "rows.csv"
    with rows.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["id", "text", "note"], *([str(at), text, '=1+"é\n"'] for at, text in enumerate(texts))])
    found = predict("reviews", rows)
    assert [row["id"] for row in found] == [str(at) for at in range(len(texts))]
    assert all(row["note"] == '=1+"é\n"' and row["problem"] == "" for row in found)
    for row, text in zip(found, texts, strict=True):
        label, probability = likeliest(text)
        assert (row["text"], row["predicted"]) == (text, label)
        assert float(row["probability"]) == pytest.approx(probability, abs=1e-5)


def test_a_row_that_has_no_answer_stays_with_the_reason(
    predict: Predict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_bytes(b'text;id\ngood;1\n;2\na;b;c;d\nalone\n"bad "film";5\n\ncaf\xe9;6\n"a\nfilm";7\n')
    found = predict("reviews", rows, "--delimiter", ";", out="out.tsv")
    problems = [row["problem"] for row in found]
    assert [row["predicted"] != "" for row in found] == [True, False, False, False, False, False, True]
    assert problems[1] == "the text is empty: no bytes"
    assert problems[2] == "4 cells, where the header has 2; beyond it: 'c', 'd'"
    assert problems[3] == "1 cells, where the header has 2"
    assert "quotes do not match" in problems[4] and found[4]["text"] == '"bad "film";5'
    assert "--encoding" in problems[5] and found[5]["id"] == "6"
    assert found[6]["text"] == "a\nfilm" and found[6]["id"] == "7"
    said = capsys.readouterr().out.strip().splitlines()[-1]
    assert "2 of 7 rows answered by reviews version 0 (fp32); 5 have no answer, `problem` says why" in said


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_of_a_csv_is_the_one_by_which_its_header_names_the_columns(
    root: Path, tmp_path: Path, delimiter: str
) -> None:
    rows, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    other = ";" if delimiter == "," else ","
    rows.write_text(f"{other}a{other}b{other}{delimiter}text\n1{delimiter}good\n")
    assert main(["predict", "reviews", str(rows), "--out", str(out), "--root", str(root)]) == 0
    cells = out.read_text().splitlines()[1].split(delimiter)
    assert cells[:3] == ["1", "good", likeliest("good")[0]]


def test_columns_may_have_other_names_in_the_file(predict: Predict, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("one,other\na good film,a bad film\na bad film,a good film\n", encoding="utf-16")
    found = predict("pairs", rows, "--column", "first=one", "--column", "second=other")
    assert all(row["predicted"] in tiny_bundles.FEELINGS for row in found) and len(found) == 2


def test_a_text_may_stand_in_several_columns_of_the_file(predict: Predict, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("head,rest\ngood,\ngood,bad bad bad\n")
    alone, joined = predict("reviews", rows, "--column", "text=head", "--column", "text=rest")
    whole = likeliest("good\nbad bad bad")
    assert (alone["predicted"], joined["predicted"]) == (likeliest("good")[0], whole[0])
    assert float(joined["probability"]) == pytest.approx(whole[1], abs=1e-6)


def test_lines_of_json_keep_all_that_they_hold(root: Path, tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    lines = ['{"text": "good", "n": {"a": [1]}}', '{"n": 2}', '{"text": "bad", "more": null}', "[1]", "nonsense"]
    rows.write_text("\n".join(lines))
    assert main(["predict", "reviews", str(rows), "--out", str(out), "--root", str(root)]) == 0
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert found[0]["n"] == {"a": [1]} and found[0]["predicted"] == likeliest("good")[0]
    assert found[0]["problem"] is None
    assert found[1]["predicted"] is None and "text is not a text" in found[1]["problem"]
    assert found[2]["more"] is None and found[2]["predicted"] == likeliest("bad")[0]
    assert (found[3]["line"], found[3]["problem"]) == ("[1]", "no JSON object")
    assert found[4]["problem"].startswith("no JSON")


def test_a_folder_of_images_is_answered_file_by_file(predict: Predict, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8), dtype=np.uint8)
    Image.fromarray(pixels[0]).save(folder / "b.png")
    Image.fromarray(pixels[1]).save(folder / "more" / "a.png")
    (folder / "c.txt").write_text("no image")
    (folder / ".hidden").write_text("")
    found = predict("digits", folder)
    assert [row["file"] for row in found] == ["b.png", "c.txt", "more/a.png"]
    logits = pixels.reshape(2, 64) / np.float32(255) @ tiny_bundles.image_weights()
    assert [found[0]["predicted"], found[2]["predicted"]] == [str(each) for each in logits.argmax(axis=1)]
    assert found[1]["predicted"] == "" and "not an image" in found[1]["problem"]


def test_images_may_be_named_in_a_table(predict: Predict, tmp_path: Path) -> None:
    Image.new("L", (8, 8), 90).save(tmp_path / "grey.png")
    rows = tmp_path / "rows.csv"
    rows.write_text("image\ngrey.png\nnot/there.png\n")
    found = predict("digits", rows)
    assert found[0]["predicted"] and "not/there.png" in found[1]["problem"]


@pytest.mark.parametrize(
    ("name", "content", "more", "says"),
    [
        ("rows.csv", b"id,Txt\n1,good\n", (), "has no column 'text', which the model takes; is it 'Txt'?"),
        ("rows.csv", b"text,text\na,b\n", (), "two columns are called 'text'"),
        ("rows.csv", b"text,problem\na,b\n", (), "has a column 'problem'"),
        ("rows.csv", b"text\na\n", ("--column", "txt=text"), "takes no 'txt', but text"),
        ("rows.csv", b"text\na\n", ("--column", "text"), "NAME=COLUMN"),
        ("rows.csv", b"a,b\na,b\n", ("--column", "text=a", "--column", "text=c"), "has no column 'c'"),
        ("rows.csv", b"text\na\n", ("--encoding", "latin-99"), "no such encoding"),
        ("rows.csv", b"text\xff\xff\na\n", ("--encoding", "utf-16"), "utf-16"),
        ("rows.csv", b"", (), "empty"),
        ("rows.csv", b'"text\na\n', (), "cannot be read"),
        ("rows.csv", b"PK\x03\x04\x00\x00\x00", (), "xlsx"),
        ("rows.csv", b"a," * 20_000 + b"text\n", (), "at most 10,000"),
        ("rows.xlsx", b"", (), "export it as CSV"),
        ("rows.jsonl", b"[1]\n", (), "no JSON object"),
        ("rows.jsonl", b'{"other": 1}\n', ("--out", "out.jsonl"), "has no column 'text'"),
        ("rows.jsonl", b'{"text": "a"}\n', (), "are written as .jsonl"),
        ("rows.csv", b"text\na\n", ("--out", "out.xls"), "are written as .csv or .tsv"),
        ("rows.csv", b"text\na\n", ("--out", "rows.csv"), "the file of rows itself"),
        ("rows.csv", b"text\na\n", ("--out", "no/out.csv"), "no folder"),
    ],
)
def test_what_cannot_be_answered_at_all_is_one_line(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    name: str, content: bytes, more: tuple[str, ...], says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    assert main(["predict", "reviews", name, "--out", "out.csv", *more, "--root", str(root)]) == 1
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_a_model_that_is_not_here_is_named_with_those_that_are(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "film", str(tmp_path), "--out", str(tmp_path / "o.csv"), "--root", str(root)]) == 1
    assert "(digits, pairs, reviews)" in capsys.readouterr().err


def test_a_line_without_end_is_not_read(predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_LINE", 1000)
    endless, stray = tmp_path / "endless.csv", tmp_path / "stray.csv"
    endless.write_text("text\n" + "x" * 2000)
    stray.write_text('text\ngood\n"bad\n' + "a film\n" * 500)
    for path, says in ((endless, "endless.csv:2: a line of more than 1,000"), (stray, "a quote that opens it")):
        with pytest.raises(Exception, match=says):
            list(records.read(path, ["text"], None, None).rows)
