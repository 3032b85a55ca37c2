"""params.yaml as a JSON Schema, for editors: a name decides which options may stand beside it."""

from typing import Any

from pydantic import BaseModel

from chainrule.fields.catalogue import MODALITIES
from chainrule.recipes.check import PLUG_INS, SECTIONS, PlugIns, Recipe, targets
from chainrule.tasks.catalogue import TASKS
from chainrule.training.inputs.catalogue import INPUTS

Schema = dict[str, Any]


def json_schema() -> Schema:
    """Return a JSON Schema (draft 2020-12) of params.yaml: each section, each plug-in's options by its name."""
    properties = {name: closed(model) for name, model in SECTIONS.items()}
    recipe_properties = Recipe.model_json_schema()["properties"]
    for name, known in (("task", TASKS), ("modality", MODALITIES), ("target", targets())):
        properties[name] = {"enum": list(known), "description": recipe_properties[name]["description"]}
    properties["seed"] = recipe_properties["seed"]
    for plug_ins in PLUG_INS:
        parent = properties if len(plug_ins.path) == 1 else properties[plug_ins.path[0]]["properties"]
        parent[plug_ins.path[-1]] = _named(plug_ins)
    recipe = {
        "type": "object",
        "additionalProperties": False,
        "required": list(Recipe.model_fields),
        "properties": properties,
        "allOf": [_if("modality", name, {"properties": _by_modality(name)}) for name in MODALITIES],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Chainrule params.yaml",
        "type": "object",
        "additionalProperties": False,
        "required": ["recipes"],
        "properties": {"recipes": {"type": "object", "additionalProperties": recipe}},
    }


def closed(model: type[BaseModel]) -> Schema:
    """Return a model's JSON Schema with its definitions put in place."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inlined(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return inlined(definitions[node["$ref"].rsplit("/", 1)[1]])
            return {key: inlined(value) for key, value in node.items()}
        return [inlined(value) for value in node] if isinstance(node, list) else node

    result: Schema = inlined(schema)
    return result


def _named(plug_ins: PlugIns) -> Schema:
    """Return the schema of a block that names a plug-in: a wrong name is one finding that lists the names.

    As alternatives of the whole block, each with its options, a wrong name would be as many findings as alternatives.
    """
    key = plug_ins.key
    return {
        "type": "object",
        "required": [key],
        "properties": {key: {"enum": list(plug_ins.options)}},
        "allOf": [_if(key, name, _choice(key, name, model)) for name, model in plug_ins.options.items()],
    }


def _choice(key: str, name: str, model: type[BaseModel]) -> Schema:
    schema = closed(model)
    schema["properties"] = {key: {"const": name}, **schema.get("properties", {})}
    schema["required"] = [key, *schema.get("required", [])]
    return schema


def _if(key: str, value: str, then: Schema) -> Schema:
    return {"if": {"properties": {key: {"const": value}}, "required": [key]}, "then": then}


def _by_modality(name: str) -> Schema:
    """Return what a modality says about the sections: normalisation, copies, distortions, tokenizer."""
    rows, inputs = MODALITIES[name], INPUTS[name]
    distorting = {"properties": {"distort": closed(inputs.distort)}}
    tokenizer = closed(inputs.tokenizer) if inputs.tokenizer else {"type": "null"}
    return {
        "clean": {"properties": {"normalise": closed(rows.normalise)}},
        "augment": {"properties": {"options": closed(rows.augment)}},
        "pretrain": {
            "properties": {"tokenizer": tokenizer, "training": {"if": {"type": "object"}, "then": distorting}}
        },
        "finetune": distorting,
    }
