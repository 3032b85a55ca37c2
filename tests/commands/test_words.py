"""`chainrule words` on what a pretraining left: neighbours as lines and as JSON, and mistakes in one line each."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from chainrule.cli import main
from chainrule.nets import text_cnn
from chainrule.training import weights
from chainrule.training.inputs import text

TEXTS = ["cat dog bird 猫 狗", "cat dog bird 猫 狗"] * 9
NET: dict[str, Any] = {"name": "text_cnn", "embedding": 2, "filters": 2, "widths": [1], "dropout": 0.0}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    block = {"task": "text_classification", "modality": "text", "target": "label", "seed": 1, "net": NET}
    recipes = {"animals": block, "digits": {**block, "modality": "image"}, "fresh": block, "empty": block}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"recipes": json.loads(json.dumps(recipes))}))
    facts = text.fit_facts([TEXTS], {"vocabulary": 100, "max_length": 16})
    for name in ("animals", "empty"):
        folder = tmp_path / "models" / "pretrained" / name
        folder.mkdir(parents=True)
        text.save_facts(facts, folder)
        weights.save_net(folder, NET, dict.fromkeys(weights.SAID))
    options = {name: value for name, value in NET.items() if name != "name"}
    net = text_cnn.build(facts["vocabulary"], facts["pad_id"], **options)
    with torch.no_grad():
        net.embeddings.zero_()
        vocabulary = text.Tokenizer.from_str(facts["tokenizer"]).get_vocab()
        places = {"cat": (1.0, 0.0), "dog": (2.0, 0.1), "bird": (0.5, 0.5), "猫": (9.0, 0.0), "狗": (0.0, 1.0)}
        for word, place in places.items():
            net.embeddings[vocabulary[f"▁{word}"]] = torch.tensor(place)
    weights.save_weights(net, tmp_path / "models" / "pretrained" / "animals" / weights.WEIGHTS)
    return tmp_path


def test_the_neighbours_of_a_word_in_any_script(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["words", "animals", "cat", "--count", "3", "--root", str(root)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[1] for line in lines] == ["猫", "dog", "bird"]
    assert float(lines[0][0]) == 1.0
    assert main(["words", "animals", "bird - cat", "--json", "--count", "1", "--root", str(root)]) == 0
    assert json.loads(capsys.readouterr().out)["neighbours"][0]["word"] == "狗"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["animals", "cats"], "cat is"),
        (["animals", "cat +"], "no sum of words"),
        (["animals", "cat", "--count", "0"], "from 1 to 1,000"),
        (["digits", "cat"], "is a recipe on images"),
        (["fresh", "cat"], "dvc repro pretrain@fresh"),
        (["empty", "cat"], "skip_gram learns vectors"),
        (["nothing", "cat"], "nothing"),
    ],
)
def test_a_mistake_is_one_line(root: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str) -> None:
    assert main(["words", *words, "--root", str(root)]) != 0
    error = capsys.readouterr().err
    assert says in error and len(error.splitlines()) == 1
