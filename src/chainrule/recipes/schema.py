"""params.yaml as a JSON Schema, for editors: a name decides which options may stand beside it."""

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from chainrule.fields.catalogue import MODALITIES
from chainrule.recipes.check import PLUG_INS, SECTIONS, PlugIns, Recipe, targets
from chainrule.recipes.file import PLUG_IN_DEFAULTS
from chainrule.tasks.catalogue import TASKS
from chainrule.training.inputs.catalogue import INPUTS

Schema = dict[str, Any]


def json_schema() -> Schema:
    """Return a JSON Schema (draft 2020-12) of params.yaml: each section, each plug-in's options by its name."""
    properties = {name: _optional(closed(model)) for name, model in SECTIONS.items()}
    given = {key for name in TASKS for key in by_task(name)["finetune"]}  # what a recipe need not say, as its task does
    recipe_properties = Recipe.model_json_schema()["properties"]
    for name, known in (("task", TASKS), ("modality", MODALITIES), ("target", targets())):
        properties[name] = {"enum": list(known), "description": recipe_properties[name]["description"]}
    properties["seed"] = recipe_properties["seed"]
    for plug_ins in PLUG_INS:
        parent = properties if len(plug_ins.path) == 1 else properties[plug_ins.path[0]]["properties"]
        parent[plug_ins.path[-1]] = _named(plug_ins)
        if len(plug_ins.path) > 1 and plug_ins.path[1] not in given:
            properties[plug_ins.path[0]]["required"] = [plug_ins.path[1]]
    recipe = {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, field in Recipe.model_fields.items() if field.is_required()],
        "properties": properties,
        "allOf": [
            *(_if("modality", name, {"properties": _by_modality(name)}) for name in MODALITIES),
            *(_if("task", name, {"properties": found}) for name in TASKS if (found := _by_task(name))),
        ],
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


def defaulted(schema: Schema, values: Mapping[str, Any]) -> Schema:
    """Return a block's schema with these values as its keys' defaults; a key that has one is not required."""
    properties = dict(schema.get("properties", {}))
    for key, value in values.items():
        node = properties.get(key, {})
        block = isinstance(value, Mapping) and (not node or "properties" in node or "if" in node)
        properties[key] = defaulted(node, value) if block else {**node, "default": value}
    required = [key for key in schema.get("required", []) if key not in values]
    rest = {key: value for key, value in schema.items() if key != "required"}
    return {**rest, "properties": properties, **({"required": required} if required else {})}


def _optional(node: Any) -> Any:
    """Return a schema in which no key is required."""
    if isinstance(node, list):
        return [_optional(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {key: _optional(value) for key, value in node.items() if key != "required" or isinstance(value, dict)}


def _named(plug_ins: PlugIns) -> Schema:
    """Return the schema of a block that names a plug-in: a wrong name is one finding that lists the names.

    As alternatives of the whole block, each with its options, a wrong name would be as many findings as alternatives.
    """
    key = plug_ins.key
    return {
        "type": "object",
        "required": [key],
        "properties": {key: _one_of(key, plug_ins.options)},
        "allOf": [_if(key, name, _choice(key, name, starting(plug_ins, name))) for name in plug_ins.options],
    }


def starting(plug_ins: PlugIns, name: str) -> Schema:
    """Return the schema of a plug-in's options with what they start with."""
    _, module, defaults = PLUG_IN_DEFAULTS[plug_ins.path]
    return defaulted(closed(plug_ins.options[name]), getattr(importlib.import_module(module), defaults)[name])


def _choice(key: str, name: str, schema: Schema) -> Schema:
    schema["properties"] = {key: _is(key, name), **schema.get("properties", {})}
    schema["required"] = [key, *schema.get("required", [])]
    return schema


def _if(key: str, value: str, then: Schema) -> Schema:
    return {"if": {"properties": {key: _is(key, value)}, "required": [key]}, "then": then}


def _is(key: str, name: str) -> Schema:
    """Return the schema of a key that names one thing; what stands under `from` may go on with a recipe's name."""
    return {"pattern": f"^{name}(/|$)"} if key == "from" else {"const": name}


def _one_of(key: str, names: Iterable[str]) -> Schema:
    return {"pattern": f"^({'|'.join(names)})(/|$)"} if key == "from" else {"enum": list(names)}


def _by_modality(name: str) -> Schema:
    """Return what a modality says about the sections: normalisation, copies, distortions, tokenizer, defaults."""
    rows, inputs = MODALITIES[name], INPUTS[name]
    distorting = {"properties": {"distort": _optional(closed(inputs.distort))}}
    tokenizer = _optional(closed(inputs.tokenizer)) if inputs.tokenizer else {"type": "null"}
    values = by_modality(name)
    # What a training distorts is said where it is a block; it may be null.
    training = {"if": {"type": "object"}, "then": defaulted(distorting, values["pretrain"]["training"])}
    said: Schema = {
        "clean": {"properties": {"normalise": _optional(closed(rows.normalise))}},
        "augment": {"properties": {"options": _optional(closed(rows.augment))}},
        "pretrain": {"properties": {"tokenizer": tokenizer, "training": training}},
        "finetune": distorting,
    }
    values["pretrain"] = {key: value for key, value in values["pretrain"].items() if key != "training"}
    return {section: defaulted(said.get(section, {}), keys) for section, keys in values.items()}


def _by_task(name: str) -> Schema:
    """Return what a task says about the sections: defaults."""
    return {section: defaulted({}, keys) for section, keys in by_task(name).items() if keys}


def by_modality(name: str) -> dict[str, dict[str, Any]]:
    """Return what recipes start with by the kind of their inputs, by section."""
    return dict(importlib.import_module(f"chainrule.recipes.defaults.{name}").DEFAULTS)


def by_task(name: str) -> dict[str, dict[str, Any]]:
    """Return what recipes of a task start with, by section."""
    return dict(importlib.import_module(f"chainrule.tasks.{name}.defaults").DEFAULTS)
