"""Every value in force in a recipe: what params.yaml gives, and the defaults of all that it does not."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from chainrule.fields.catalogue import MODALITIES
from chainrule.recipes.check import SECTIONS
from chainrule.recipes.file import complete, given_block, merged, section
from chainrule.training.inputs.catalogue import INPUTS


def in_force(block: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe's block with every default; ParamsError for a section that does not fit."""
    values = complete(block)
    for name, model in SECTIONS.items():
        values[name] = merged(section(values, name, model).model_dump(), values[name])
    modality = MODALITIES.get(block.get("modality", ""))
    if modality is not None:
        for model, place in ((modality.normalise, ("clean", "normalise")), (modality.augment, ("augment", "options"))):
            above, key = values[place[0]], place[1]
            above[key] = merged(section(above, key, model).model_dump(), above[key])
        for above in (values["finetune"], values["pretrain"].get("training") or {}):
            if above.get("distort") is not None:
                own = section(above, "distort", INPUTS[block["modality"]].distort).model_dump()
                above["distort"] = merged(own, above["distort"])
    return values


def logged(root: Path, recipe: str) -> tuple[dict[str, Any], list[str]]:
    """Return what a run says of its recipe: every value in force, and which of them are defaults, as dotted keys."""
    return logged_of(given_block(root, recipe))


def logged_of(block: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the same of a block. What is searched says nothing of what a run did."""
    values = {name: value for name, value in in_force(block).items() if name != "search"}
    return values, [".".join(map(str, place)) for place in by_default(block, values)]


def by_default(block: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the place of each value in force that the block does not give."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            inside = block.get(key)
            yield from ((key, *place) for place in by_default(inside if isinstance(inside, Mapping) else {}, value))
        elif key not in block:
            yield (key,)


def page(params: Mapping[str, Any]) -> str:
    """Return the content of params.yaml with every value in force; the defaults are marked, and it is YAML again."""
    yaml = YAML()
    yaml.representer.add_representer(
        type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    text = io.StringIO()
    yaml.dump({"recipes": {name: _marked(block, in_force(block)) for name, block in params["recipes"].items()}}, text)
    return text.getvalue()


def _marked(block: Mapping[str, Any], values: Mapping[str, Any]) -> CommentedMap:
    marked = CommentedMap()
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            inside = block.get(key)
            marked[key] = _marked(inside if isinstance(inside, Mapping) else {}, value)
            continue
        marked[key] = value
        if isinstance(value, list):
            marked[key] = CommentedSeq(value)
            marked[key].fa.set_flow_style()
        if key not in block:
            marked.yaml_add_eol_comment("default", key)
    return marked
