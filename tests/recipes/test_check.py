"""params.yaml: every mistake at once, each with its path, what was found, what is allowed and the nearest name."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

import shipped
from chainrule.recipes.check import check, find_mistakes
from chainrule.recipes.file import given_block, read_params, recipe_block
from chainrule.system.errors import ParamsError

ROOT = Path(__file__).parents[2]
ENCODER = {
    "name": "encoder",
    "arch": "bert",
    "layers": 1,
    "width": 8,
    "heads": 2,
    "feed_forward": 8,
    "max_length": 8,
} | {"dropout": 0.0}

DELIMITED = shipped.TABLE | {"path": "data/mine"}


@pytest.fixture
def params() -> dict[str, Any]:
    return shipped.params()


def mistakes_by_path(params: dict[str, Any]) -> dict[str, Any]:
    return {mistake.path: mistake for mistake in find_mistakes(params)}


def test_the_projects_own_file_is_without_mistakes(params: dict[str, Any]) -> None:
    assert find_mistakes(params) == []
    assert find_mistakes(read_params(ROOT)) == []


def test_no_test_is_about_recipes_that_the_user_may_have_changed() -> None:
    readers = {path.name for path in (ROOT / "tests").rglob("*.py") if 'project / "params.yaml"' in path.read_text()}
    assert readers == {"shipped.py", Path(__file__).name}


def test_an_unknown_key_is_refused_with_the_nearest_name(params: dict[str, Any]) -> None:
    finetune = params["recipes"]["digits"]["finetune"]
    finetune["lr"] = finetune.pop("learning_rate")
    found = mistakes_by_path(params)
    assert set(found) == {"recipes.digits.finetune.lr"}
    assert found["recipes.digits.finetune.lr"].nearest == "learning_rate"


def test_all_mistakes_of_all_recipes_are_reported_at_once(params: dict[str, Any]) -> None:
    params["recipes"]["digits"]["net"]["name"] = "dsd-net"
    params["recipes"]["digits"]["split"]["test"] = "a fifth"
    params["recipes"]["digits"]["pretrain"]["training"]["epochz"] = 3
    params["recipes"]["reviews"]["task"] = "text-classification"
    params["recipes"]["reviews"]["seed"] = True
    del params["recipes"]["reviews"]["export"]
    assert set(mistakes_by_path(params)) == {
        "recipes.digits.net.name",
        "recipes.digits.split.test",
        "recipes.digits.pretrain.training.epochz",
        "recipes.reviews.task",
        "recipes.reviews.seed",
        "recipes.reviews.export",
    }
    assert mistakes_by_path(params)["recipes.reviews.task"].nearest == "text_classification"
    assert mistakes_by_path(params)["recipes.digits.net.name"].nearest == "dsdnet"
    assert mistakes_by_path(params)["recipes.digits.pretrain.training.epochz"].nearest == "epochs"


@pytest.mark.parametrize(
    ("place", "value", "path"),
    [
        (("net",), {**ENCODER}, "net.name"),
        (("pretrain", "objective"), {"name": "masked_language", "mask_ratio": 0.1}, "pretrain.objective.name"),
        (("pretrain", "objective"), {"name": "none"}, "pretrain.training"),
        (("net",), {"name": "torchvision", "arch": "resnet18"}, "pretrain.objective.name"),
        (("split", "test"), 0.9, "split"),
        (("split", "time"), {}, "source.kind"),
        (("pretrain", "tokenizer"), {"vocabulary": 500, "max_length": 8}, "pretrain.tokenizer"),
        (("finetune", "distort"), {"drop": 0.1}, "finetune.distort.drop"),
        (("pretrain", "training", "distort"), {"mixup": 0.2}, "pretrain.training.distort.mixup"),
        (("finetune", "naive_bayes"), True, "finetune.naive_bayes"),
        (("finetune", "loss"), {"name": "huber"}, "finetune.loss.name"),
        (("finetune", "loss"), {"name": "cross_entropy", "gamma": 2.0}, "finetune.loss.gamma"),
        (("finetune", "loss"), {"class_weights": "some"}, "finetune.loss.class_weights"),
        (("modality",), "text", "modality"),
        (("target",), "number", "target"),
        (("source", "kind"), "reviews", "source.kind"),
        (("incoming", "kind"), "class_files", "incoming.kind"),
        (("incoming", "kind"), "digits", "incoming.kind"),
        (("incoming", "path"), "data/new", "incoming.path"),
        (("retrain", "drift"), 0.0001, "retrain.drift"),
        (("retrain", "margin"), -0.01, "retrain.margin"),
        (("retrain", "margin"), 3, "retrain.margin"),
        (("export", "variants"), {"loses": 0.5}, "export.variants.loses"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(
    params: dict[str, Any], place: tuple[str, ...], value: Any, path: str
) -> None:
    block = params["recipes"]["digits"]
    for key in place[:-1]:
        block = block[key]
    block[place[-1]] = value
    assert f"recipes.digits.{path}" in mistakes_by_path(params)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_number_without_end_is_a_mistake_wherever_it_stands(params: dict[str, Any], value: float) -> None:
    params["recipes"]["reviews"]["finetune"]["loss"] = {"name": "cross_entropy", "power": value}
    params["recipes"]["reviews"]["clean"] = {"normalise": {"ratings": [1, value]}}
    found = [str(mistake) for mistake in find_mistakes(params)]
    for path in ("finetune.loss.power", "clean.normalise.ratings.1"):
        assert (
            f"recipes.reviews.{path}: found {value}; a finite number is needed, or null where it may be left open"
            in found
        )


@pytest.mark.parametrize(
    ("strategy", "base", "path"),
    [
        ({"name": "distillation"}, {"from": "nothing"}, "base.from"),
        ({"name": "incremental"}, {"from": "pretrained/reviews"}, "base.from"),
        ({"name": "joint"}, {"from": "nothing"}, "base.from"),
        ({"name": "last_layers", "layers": 0}, {"from": "nothing"}, "finetune.strategy.layers"),
        ({"name": "named"}, {"from": "nothing"}, "finetune.strategy.learn"),
        ({"name": "named", "learn": []}, {"from": "nothing"}, "finetune.strategy.learn"),
        ({"name": "lora", "targets": []}, {"from": "nothing"}, "finetune.strategy.targets"),
        ({"name": "adversarial", "epsilon": 0}, {"from": "nothing"}, "finetune.strategy.epsilon"),
        ({"name": "distillation"}, {"from": "finetuned/teacher"}, None),
    ],
)
def test_a_strategy_that_would_train_nothing_or_lacks_its_base_is_refused(
    params: dict[str, Any], strategy: dict[str, Any], base: dict[str, Any], path: str | None
) -> None:
    params["recipes"]["teacher"] = {**params["recipes"]["digits"], "net": {"name": "resnet9"}}
    params["recipes"]["digits"] |= {"finetune": {"strategy": strategy}, "base": base}
    assert set(mistakes_by_path(params)) == ({f"recipes.digits.{path}"} if path else set())


def test_a_strategy_for_images_is_refused_where_inputs_are_others(params: dict[str, Any]) -> None:
    params["recipes"]["reviews"]["finetune"] = {"strategy": {"name": "adversarial"}}
    assert set(mistakes_by_path(params)) == {"recipes.reviews.finetune.strategy.name"}


def test_corruptions_are_those_of_the_modality(params: dict[str, Any]) -> None:
    asked = {"corruptions": ["fog", "typos"]}
    params["recipes"]["digits"]["evaluate"] = {"examine": {"robustness": asked}}
    params["recipes"]["reviews"]["retrain"] = {"robustness": asked}
    found = mistakes_by_path(params)
    assert set(found) == {
        "recipes.digits.evaluate.examine.robustness.corruptions",
        "recipes.reviews.retrain.robustness.corruptions",
    }


GPT = {"name": "gpt", "layers": 1, "width": 16, "heads": 2, "max_length": 96, "dropout": 0.0}


@pytest.mark.parametrize(
    ("net", "objective", "said"),
    [
        (None, "causal", "net encoder sees the tokens that it would have to tell; take gpt"),
        (GPT, "masked_language", "net gpt sees nothing behind a hidden token; take bilstm, encoder"),
        (GPT, "sentence_order", "net gpt sees nothing behind a hidden token; take bilstm, encoder"),
        (GPT, "causal", None),
        ({"name": "transformers"}, "causal", None),
        (GPT, "skip_gram", None),
        (None, "masked_and_next", None),
    ],
)
def test_an_objective_is_told_to_nets_that_can_learn_it(
    params: dict[str, Any], net: dict[str, Any] | None, objective: str, said: str | None
) -> None:
    block = params["recipes"]["reviews"]
    block["net"] = net or block["net"]
    if net == {"name": "transformers"}:
        block["base"] = {"from": "huggingface", "name": "openai-community/gpt2"}
    block["pretrain"]["objective"] = {"name": objective}
    found = mistakes_by_path(params)
    if said is None:
        assert found == {}
    else:
        assert said in str(found["recipes.reviews.pretrain.objective.name"])


def test_a_width_that_the_heads_do_not_divide_is_refused(params: dict[str, Any]) -> None:
    params["recipes"]["reviews"]["net"]["width"] = 130
    assert set(mistakes_by_path(params)) == {"recipes.reviews.net.width"}


def test_new_files_have_no_official_part(params: dict[str, Any]) -> None:
    params["recipes"]["reviews"]["incoming"]["files"] = {"test": "*.csv"}
    (path,) = mistakes_by_path(params)
    assert path.startswith("recipes.reviews.incoming.files.test")


TABLE = """
kind: delimited
path: data/mine.csv
delimiter: ","
quoting: true
header: true
columns: {text: words, label: mark}
labels: null
group: null
"""


def in_source(tmp_path: Path, params: dict[str, Any], text: str, recipe: str = "reviews") -> list[str]:
    """Return the mistakes of a recipe whose source is written so, as lines without the recipe's path."""
    del params["recipes"][recipe]["source"]
    written = yaml.safe_dump(params["recipes"][recipe], allow_unicode=True) + "source:\n" + textwrap.indent(text, "  ")
    (tmp_path / "params.yaml").write_text("recipes:\n  mine:\n" + textwrap.indent(written, "    "))
    return [str(mistake).removeprefix("recipes.mine.source") for mistake in find_mistakes(read_params(tmp_path))]


def test_one_file_and_words_of_yaml_as_labels_are_as_they_are_written(tmp_path: Path, params: dict[str, Any]) -> None:
    text = TABLE.replace("labels: null", 'labels: {yes: on, no: off, "0": y, n: "1"}')
    assert in_source(tmp_path, params, text) == []
    assert recipe_block(tmp_path, "mine")["source"]["labels"] == {"yes": "on", "no": "off", "0": "y", "n": "1"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("labels: null", "labels: {0: bad}", '.labels.0: found 0; a text is needed: write it in quotes, "0"'),
        ("labels: null", "labels: {true: x}", '.labels.true: found true; a text is needed: write it in quotes, "true"'),
        ("labels: null", 'labels: {"1": 1.0}', '.labels.1: found 1.0; a text is needed: write it in quotes, "1.0"'),
        ("quoting: true", "quoting: yes", ".quoting: found 'yes'; true or false is needed, without quotes"),
        ('delimiter: ","', "delimiter: tab", """.delimiter: found 'tab'; a tab is written "\\t", in double quotes"""),
        ('delimiter: ","', 'delimiter: "::"', "add quoting: false, or name one character"),
        ("group: null", "group: null\nfiles: a.csv", ".files: found 'a.csv'; a block of keys is needed: part of"),
        ("group: null", "group: null\nfiles: {dev: a.csv}", "all is needed; did you mean 'validation'?"),
        ("group: null", "group: null\nfiles: {Training: a.csv}", "all is needed; did you mean 'train'?"),
        ("group: null", "group: null\nfiles: {train: a, test: a}", "names one file for two parts"),
        (
            "group: null",
            "group: null\nencoding: gb2313",
            ".encoding: found 'gb2313'; unknown encoding: gb2313; such as",
        ),
        ("group: null", "group: null\nencodings: gbk", "did you mean 'encoding'?"),
        ("label: mark", "label: words", "columns.text and columns.label name one column twice, 'words'"),
        ("text: words", "text: 1.5", '"1.5", or input should be a valid integer'),
        (
            "text: words",
            "txt: words",
            "columns.txt: found 'words'; no field of the task; its fields are text, label; did",
        ),
        ("header: true", "header: false", "without a header columns.text and columns.label must be column numbers"),
        (
            "header: true\ncolumns: {text: words, label: mark}",
            "header: false\ncolumns: {text: 0}",
            "columns.label: found",
        ),
        (
            "label: mark",
            "label: [a, b]",
            "one column is needed: label is a label, a list is for texts and sets of labels",
        ),
        ("columns: {text: words, label: mark}", "text: words", "text stand under columns: columns: {text: 'words'}"),
        ("path: data/mine.csv", "", ".path: found nothing; is needed: the file or directory of the source"),
        ("kind: delimited", "kind: csv", "did you mean 'delimited'?"),
    ],
)
def test_a_mistake_in_a_source_is_one_line_with_the_remedy(
    tmp_path: Path, params: dict[str, Any], old: str, new: str, said: str
) -> None:
    (line,) = in_source(tmp_path, params, TABLE.replace(old, new))
    assert said in line and "\n" not in line


@pytest.mark.parametrize(
    ("kind", "meant"),
    [("images", "image_folder"), ("ImageFolder", "image_folder"), ("mnist", "idx"), ("txt", "class_files")],
)
def test_a_source_by_another_name_is_understood(tmp_path: Path, params: dict[str, Any], kind: str, meant: str) -> None:
    (line,) = in_source(tmp_path, params, f"kind: {kind}\npath: data/mine", "digits")
    assert line.endswith(f"did you mean {meant!r}?")


@pytest.mark.parametrize("name", ["Digits", "my recipe", "", "a/b", 7])
def test_a_recipe_name_that_is_no_folder_name_is_refused(params: dict[str, Any], name: Any) -> None:
    params["recipes"][name] = params["recipes"].pop("digits")
    assert list(mistakes_by_path(params)) == [f"recipes.{name}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recipes: [", "not valid YAML"),
        ("", "has no recipes"),
        ("recipes: {}", "has no recipes"),
        ("recipes: {a: {seed: 1, seed: 2}}", "line 1: key 'seed' is given twice"),
        ("recipes:\n  a: &a {seed: 1}\n  b:\n    <<: *a\n    <<: *a", "line 5: key '<<' is given twice"),
        ("recipes: {a: {<<: 3}}", "not valid YAML: .* expected a mapping"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParamsError, match=said) as error:
        check(tmp_path)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_utf8_is_one_line_and_a_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes('recipes: {a: {source: "数据"}}'.encode("gbk"))
    with pytest.raises(ParamsError, match=r"not UTF-8 .*; save it as UTF-8"):
        check(tmp_path)
    (tmp_path / "params.yaml").write_bytes('recipes: {a: {source: "数据"}}'.encode("utf-8-sig"))
    assert given_block(tmp_path, "a") == {"source": "数据"}


def test_a_missing_file_and_a_missing_recipe_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="run from the top folder"):
        check(tmp_path)
    with pytest.raises(ParamsError, match="there are digits, reviews"):
        recipe_block(shipped.PARAMS.parent, "digit")


READ = """
recipes:
  a: &a {learning_rate: 1e-3, epochs: 3, net: {width: 8, depth: 2}}
  b: &b {seed: 1, epochs: 4}
  c:
    <<: [*a, *b]
    net: {width: 9}
  d:
    yes: [no, on]
    010: 1:30
"""


def test_a_file_is_read_as_dvc_reads_it(tmp_path: Path) -> None:
    from dvc.utils.serialize import load_yaml

    (tmp_path / "params.yaml").write_text(READ)
    assert given_block(tmp_path, "a")["learning_rate"] == 0.001
    # The first of the merged wins; what a block says itself replaces a key whole.
    assert given_block(tmp_path, "c") == {"learning_rate": 0.001, "epochs": 3, "net": {"width": 9}, "seed": 1}
    assert given_block(tmp_path, "d") == {"yes": ["no", "on"], 10: "1:30"}
    assert read_params(tmp_path) == load_yaml(str(tmp_path / "params.yaml"))


@pytest.mark.parametrize("stage", ["ingest", "finetune", "export"])
def test_a_stage_refuses_before_any_work_with_exit_code_2(tmp_path: Path, params: dict[str, Any], stage: str) -> None:
    params["recipes"]["digits"]["finetune"]["lr"] = 1
    params["recipes"]["reviews"]["net"]["name"] = "bert"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    command = [sys.executable, "-m", f"chainrule.stages.{stage}", "digits"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "recipes.digits.finetune.lr" in result.stderr
    assert "recipes.reviews.net.name" in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


@pytest.mark.parametrize(
    ("recipe", "source", "wrong"),
    [
        ("digits", {}, True),
        ("reviews", {}, True),
        ("digits", {"kind": "image_folder", "path": "data/mine", "group_pattern": None}, False),
        ("reviews", DELIMITED | {"files": {"train": "a.csv", "test": "b.csv"}}, False),
        ("reviews", DELIMITED | {"files": {"train": "a.csv"}}, True),
        ("reviews", DELIMITED, True),
    ],
)
def test_without_a_share_for_the_test_the_source_must_be_able_to_have_one(
    params: dict[str, Any], recipe: str, source: dict[str, Any], wrong: bool
) -> None:
    block = params["recipes"][recipe]
    block["split"]["test"] = 0
    block["source"] = source or block["source"]
    assert list(mistakes_by_path(params)) == ([f"recipes.{recipe}.split.test"] if wrong else [])


def test_windows_share_a_quarter_at_most_and_belong_to_tasks_that_read_them(params: dict[str, Any]) -> None:
    tokenizer = {"vocabulary": 500, "max_length": 64}
    params["recipes"]["reviews"]["pretrain"]["tokenizer"] = tokenizer | {"windows": {"overlap": 16, "most": 4}}
    assert find_mistakes(params) == []
    tokenizer["windows"] = {"overlap": 17, "most": 4}
    params["recipes"]["reviews"]["pretrain"]["tokenizer"] = tokenizer
    found = mistakes_by_path(params)
    assert set(found) == {"recipes.reviews.pretrain.tokenizer.windows.overlap"}
    assert "a quarter of max_length (16)" in str(found.popitem()[1])
    params["recipes"]["reviews"] |= {"task": "text_pair_classification"}
    assert "text_pair_classification reads one window" in str(
        mistakes_by_path(params)["recipes.reviews.pretrain.tokenizer.windows"]
    )


def test_a_text_that_goes_on_is_not_told_in_pieces_that_lose_its_blanks() -> None:
    params = yaml.safe_load((ROOT / "examples" / "wikitext.yaml").read_text())
    (block,) = params["recipes"].values()
    assert mistakes_by_path(params) == {}
    block.setdefault("pretrain", {}).setdefault("tokenizer", {})["kind"] = "byte_pairs"
    (found,) = mistakes_by_path(params).items()
    assert found[0].endswith("pretrain.tokenizer.kind") and "bytes or characters" in str(found[1])
