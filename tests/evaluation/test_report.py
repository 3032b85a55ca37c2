from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.evaluation.figures.label import most_confused, notes, tables, worst, worst_mistakes
from chainrule.evaluation.page import Figure
from chainrule.evaluation.report import Mistake, to_html
from chainrule.evaluation.scores import label
from chainrule.evaluation.shown import Wrong
from label_scores import classification_scores

PNG = b"\x89PNG\r\n\x1a\nnot really"


class Page(HTMLParser):
    """Collects the tags, and holds every one that must be closed against its end."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def mistake(name: str, shown: str | bytes) -> Mistake:
    return Mistake(name, [shown], Wrong(0, "<b>bad</b>", "97.0%", "good"))


def page(tmp_path: Path, mistakes: list[Mistake]) -> str:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 200)
    sure = np.where(random.random(200) < 0.9, labels, 1 - labels)
    model = np.where(sure[:, None] == [0, 1], 0.9, 0.1)
    names = ["<b>bad</b>", "good"]
    scores = classification_scores(labels, model, names, groups=None, resamples=50, seed=0)
    guess = classification_scores(labels, np.tile([0.5, 0.5], (200, 1)), names, groups=None, resamples=50, seed=0)
    (tmp_path / "roc.png").write_bytes(PNG)
    floors = {"majority_class": guess, "naive_bayes": scores}
    shown = worst({"probabilities": model}, labels, {"classes": names}, 3)
    facts, figures = {"task": "text & more"}, [Figure(tmp_path / "roc.png", "ROC")]
    return to_html("reviews", label, scores, floors, facts, figures, [], shown, mistakes)


def test_the_page_is_whole_and_fetches_nothing(tmp_path: Path) -> None:
    html = page(tmp_path, [mistake("r<1>", "so <script>alert(1)</script> good")])
    parsed = Page(html)
    assert parsed.open == []
    assert "http" not in html and "url(" not in html and "<script" not in html
    sources = [value for _, name, value in parsed.attributes if name in {"src", "href"}]
    assert sources and all(source and source.startswith("data:image/png;base64,") for source in sources)


def test_warnings_come_before_the_title(tmp_path: Path) -> None:
    floors: dict[str, Any] = {}
    scores = classification_scores(
        np.array([0, 1, 0, 1]), np.eye(2)[[0, 1, 0, 1]], ["a", "b"], groups=None, resamples=5, seed=0
    )
    html = to_html("x", label, scores, floors, {}, [], warnings=["half of the <rows> left out"])
    said = '<p class="verdict under" role="alert"><b aria-hidden="true">!</b><span>Half of the &lt;rows&gt; left out.'
    assert said in html.partition("<h1>")[0]


def test_words_of_the_data_are_shown_as_they_are(tmp_path: Path) -> None:
    text = "so <script>alert(1)</script> good"
    words = Page(page(tmp_path, [mistake("r<1>", text)])).words
    assert {text, "r<1>", "<b>bad</b>", "text & more"} <= set(words)
    assert any("97.0%" in word for word in words)


def test_image_mistakes_are_inline_and_no_mistakes_are_said_to_be_none(tmp_path: Path) -> None:
    assert page(tmp_path, [mistake("i", PNG)]).count("data:image/png") == 2
    assert "every test row was answered right" in page(tmp_path, [])


def test_a_model_no_better_than_a_floor_is_told_so(tmp_path: Path) -> None:
    words = " ".join(Page(page(tmp_path, [])).words)
    assert "0.0 points above the best floor, naive bayes" in words and "The intervals overlap." in words


def scored(right: float) -> dict[str, Any]:
    """Scores of a model that is right on this share of 200 rows of two classes."""
    labels = np.arange(200) % 2
    answers = np.where(np.arange(200) < 200 * right, labels, 1 - labels)
    probabilities = np.where(answers[:, None] == [0, 1], 0.9, 0.1)
    return classification_scores(labels, probabilities, ["no", "yes"], groups=None, resamples=50, seed=0)


@pytest.mark.parametrize(
    ("right", "first"),
    [
        (0.6, "✕ Under its floor"),
        (0.82, "≈ Not clearly better than its floor: accuracy 0.8200, 2.0 points above the best floor, naive bayes"),
        (0.95, "✓ Better than its floor: accuracy 0.9500, 15.0 points above the best floor, naive bayes (0.8000)."),
    ],
)
def test_where_the_model_stands_is_the_first_line_of_the_page(right: float, first: str) -> None:
    floors = {"majority_class": scored(0.5), "naive_bayes": scored(0.8)}
    html = to_html("r", label, scored(right), floors, {}, [], to_try=["more <rows>", "a simpler net"])
    body = " ".join(" ".join(Page(html.partition("<body>")[2].removesuffix("</body></html>\n")).words).split())
    assert body.lower().startswith(first.lower())
    assert ('class="verdict under" role="alert"' in html) == (right == 0.6)
    assert ("What to try: more <rows>; a simpler net." in body) == (right == 0.6)
    assert "best of the simple models trained on the same rows" in body, "a floor is explained where it is named"


def said(labels: np.ndarray, predicted: np.ndarray, classes: list[str], groups: np.ndarray | None = None) -> str:
    """The words of a page without floors."""
    outputs = {"probabilities": np.eye(len(classes))[predicted]}
    scores = classification_scores(labels, outputs["probabilities"], classes, groups=groups, resamples=20, seed=0)
    shown = tables(outputs, labels, {"classes": classes}, scores)
    html = to_html("r", label, scores, {}, {}, [], shown, notes=notes(scores))
    return " ".join(" ".join(Page(html).words).split())


def perfect(classes: list[str], labels: np.ndarray, groups: np.ndarray | None = None) -> str:
    return said(labels, labels, classes, groups)


def test_a_class_without_test_rows_is_said_to_have_none() -> None:
    words = perfect(["cat", "dog", "hen"], np.arange(40) % 2 * 2)
    assert "dog no test rows" in words and "Without a test row, and so in no score: dog." in words
    assert "undefined" not in words


def test_intervals_of_few_groups_are_not_taken_at_their_word() -> None:
    labels = np.arange(40) % 2
    one, few, many = (perfect(["no", "yes"], labels, np.arange(40) % count) for count in (1, 4, 20))
    assert "no interval: all test rows are of one group" in one and "95% interval" not in one
    assert "So few groups make rough intervals" in few
    assert "rough" not in many and "resamples of their 20 groups" in many


def test_classes_are_numbered_where_the_figures_number_them() -> None:
    few, many = (perfect([f"c{n}" for n in range(count)], np.arange(60) % count) for count in (5, 30))
    assert "#1 c0" not in few
    assert "#1 c0" in many and "#30 c29" in many and "The numbers stand for the classes" in many


def test_the_most_confused_classes_are_listed() -> None:
    labels, predicted = np.array([0, 0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 0, 1, 1, 2])
    found = most_confused(labels, predicted, ["cat", "dog", "hen"], most=2)
    assert found == [("cat", "dog", 2), ("dog", "cat", 1)]
    assert "cat dog 2 of 3 dog cat 1 of 2" in said(labels, predicted, ["cat", "dog", "hen"])
    assert most_confused(labels, labels, ["cat", "dog", "hen"], most=2) == []


def test_same_inputs_same_page_and_a_missing_figure_is_an_error(tmp_path: Path) -> None:
    assert page(tmp_path, []) == page(tmp_path, [])
    labels, probabilities = np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]])
    scores = classification_scores(labels, probabilities, ["a", "b"], groups=None, resamples=5, seed=0)
    with pytest.raises(OSError, match="none"):
        to_html("r", label, scores, {}, {}, [Figure(tmp_path / "none.png", "none")])


def test_worst_mistakes_are_wrong_and_the_surest_first() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.99, 0.01], [0.2, 0.8]])
    assert worst_mistakes(np.array([1, 0, 0, 0, 0]), probabilities, 3).tolist() == [0, 1, 4]
    assert worst_mistakes(np.array([0]), probabilities[:1], 3).tolist() == []
