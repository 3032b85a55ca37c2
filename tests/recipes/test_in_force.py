"""Values in force: what params.yaml gives, and the defaults of the rest; a short recipe is a whole one."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import shipped
from chainrule.recipes.check import PLUG_INS, find_mistakes, task_fields
from chainrule.recipes.defaults import image as defaults_of_images
from chainrule.recipes.file import recipe_block, section
from chainrule.recipes.in_force import by_default, in_force
from chainrule.recipes.training import Finetune
from chainrule.tasks.catalogue import TASKS
from chainrule.tasks.image_classification import defaults
from tiny_clone import photographs

# What has no sensible default.
NEEDED: dict[str, dict[str, Any]] = {
    "huggingface": {"name": "mine"},
    "mlflow": {"name": "models:/mine/1"},
    "timm": {"name": "mine"},
    "torchvision": {"name": "mine"},
    "named": {"learn": ["net.*"]},
    "idx": {"classes": ["a", "b"]},
    "line_pairs": {"sides": ["en", "de"]},
    "class_files": {"files": {"good": "good*.txt", "bad": "bad*.txt"}},
}


def smallest(task: str = "text_classification", modality: str = "text", **sections: Any) -> dict[str, Any]:
    """Return the least that a recipe says."""
    images = modality == "image"
    source = {"kind": "image_folder" if images else "delimited"}
    return {
        "task": task,
        "modality": modality,
        "target": task_fields(task).TARGET,
        "seed": 1,
        "source": {**source, "path": "data/mine"},
        "incoming": source,
        "clean": {},
        "split": {},
        "augment": {},
        "base": {"from": "nothing"},
        "net": {"name": "dsdnet" if images else "encoder"},
        "pretrain": {"objective": {"name": "none"}},
        "finetune": {"strategy": {"name": "full"}},
        "evaluate": {},
        "export": {},
        **sections,
    }


def test_the_recipes_that_ship_are_short_and_have_the_values_they_always_had() -> None:
    recipes = shipped.written()["recipes"]
    assert {name: in_force(block) for name, block in recipes.items()} == shipped.params()["recipes"]
    assert len(shipped.PARAMS.read_text().splitlines()) < 60


def test_values_in_force_are_a_recipe_and_leave_nothing_to_defaults() -> None:
    assert find_mistakes(shipped.params()) == []
    for block in shipped.params()["recipes"].values():
        assert in_force(block) == block
        assert list(by_default(block, block)) == []


def test_the_recipe_that_the_documentation_shows_first_is_one_and_short() -> None:
    assert find_mistakes({"recipes": {"mine": photographs()}}) == []
    assert len(yaml.safe_dump(photographs(), default_flow_style=None, sort_keys=False).splitlines()) <= 18


def test_whatever_a_recipe_names_has_a_default_for_every_other_key() -> None:
    fitting = [(task, modality) for task in TASKS for modality in task_fields(task).MODALITIES]
    for task, modality in fitting:
        for plug_ins in PLUG_INS:
            block = smallest(task, modality)
            *above, last = plug_ins.path
            inside = block
            for key in above:
                inside = inside[key]
            for name in plug_ins.options:
                path = {"path": "data/x"} if last == "source" else {}
                inside[last] = {**NEEDED.get(name, {}), plug_ins.key: name, **path}
                found = [str(mistake) for mistake in find_mistakes({"recipes": {"mine": block}})]
                # A plug-in of another modality is refused as such, and for nothing that is missing.
                assert not [line for line in found if "found nothing" in line], (name, found)


def test_a_given_value_wins_over_the_tasks_and_that_over_the_modalitys(monkeypatch: pytest.MonkeyPatch) -> None:
    images = smallest("image_classification", "image")
    assert in_force(images)["finetune"]["label_smoothing"] == 0.1
    assert in_force(smallest())["finetune"]["label_smoothing"] == 0.0
    assert in_force(images)["finetune"]["epochs"] == 20
    monkeypatch.setitem(defaults.DEFAULTS["finetune"], "epochs", 5)
    assert in_force(images)["finetune"]["epochs"] == 5
    assert in_force({**images, "finetune": {"strategy": {"name": "full"}, "epochs": 3}})["finetune"]["epochs"] == 3
    given = in_force({**images, "finetune": {"strategy": {"name": "full"}, "distort": {"flip": True}, "patience": 2}})
    own = {**defaults_of_images.DEFAULTS["finetune"]["distort"], "flip": True}
    assert {key: given["finetune"]["distort"][key] for key in own} == own
    assert given["finetune"]["distort"]["noise"] == 0.0, "of the section's model"
    assert given["finetune"]["patience"] == 2
    dilated = in_force({**images, "net": {"name": "dsdnet", "dilations": [3]}})
    assert dilated["net"]["dilations"] == [3], "a list is taken whole"


def test_names_that_files_are_given_are_taken_whole() -> None:
    incoming = {"kind": "delimited", "files": {"all": "*.tsv"}}
    assert in_force(smallest(incoming=incoming))["incoming"]["files"] == {"all": "*.tsv"}


def test_without_an_objective_nothing_is_trained_and_a_tokenizer_keeps_what_the_net_takes() -> None:
    values = in_force(smallest(net={"name": "encoder", "max_length": 48}))
    assert values["pretrain"]["training"] is None
    assert values["pretrain"]["tokenizer"] == {"kind": "byte_pairs", "vocabulary": 8000, "max_length": 48}
    learning = in_force(smallest(pretrain={"objective": {"name": "masked_language"}}))
    assert learning["pretrain"]["training"]["epochs"] == 3


def test_a_stage_is_given_the_values_in_force(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"recipes": {"mine": smallest()}}))
    block = recipe_block(tmp_path, "mine")
    assert block["clean"]["normalise"]["long"] == "cut"
    assert block["source"]["delimiter"] == ","
    assert section(block, "finetune", Finetune).patience == 3
    assert "retrain" in block


def test_the_command_prints_them_with_the_defaults_marked(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(shipped.PARAMS.read_text())
    command = [sys.executable, "-m", "chainrule.recipes.check", "--values"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert yaml.safe_load(said) == shipped.params()
    lines = [line.strip() for line in said.splitlines()]
    assert "vocabulary: 2000" in lines and "mask_ratio: 0.2  # default" in lines
    assert "dilations: [1, 2] # default" in lines


def test_a_section_that_is_not_there_is_one_line_with_what_to_write() -> None:
    block = smallest(clean=None)
    del block["split"]
    lines = [str(mistake) for mistake in find_mistakes({"recipes": {"mine": block}})]
    assert lines == [
        "recipes.mine.clean: found nothing; a block of keys is needed: {} takes every default",
        "recipes.mine.split: found nothing; is needed: {} takes every default",
    ]


@pytest.mark.parametrize("place", ["<<: *first", "augment: *first"])
def test_what_yaml_repeats_is_refused_with_its_line(tmp_path: Path, place: str) -> None:
    text = shipped.PARAMS.read_text().replace("  digits:\n", "  digits: &first\n").replace("augment: {}", place)
    (tmp_path / "params.yaml").write_text(text)
    line = text.splitlines().index(f"    {place}") + 1
    command = [sys.executable, "-m", "chainrule.recipes.check"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"line {line}: found *first; write the keys out" in done.stderr
