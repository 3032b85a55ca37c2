"""docs/options.md: what every key of params.yaml may be, as tables made from the same models that check it."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from chainrule.fields.catalogue import MODALITIES
from chainrule.recipes.check import PLUG_INS, SECTIONS
from chainrule.recipes.schema import closed
from chainrule.recipes.training import Training
from chainrule.training.inputs.catalogue import INPUTS

HEAD = """# Options

Every key of params.yaml: what it may be, its default, what it means. [params.md](params.md) explains how they work
together. This page is made from the models that check the file, by
`uv run python -m chainrule.recipes.check --options > docs/options.md`.
"""
TITLES = {
    "source": "Sources",
    "incoming": "New files",
    "net": "Nets",
    "objective": "Objectives of pretraining",
    "strategy": "Strategies of fine-tuning",
}
# Blocks whose keys have tables of their own: plug-ins, and what depends on the modality.
BELOW = ("objective", "strategy", "tokenizer", "training", "normalise", "options", "distort")
TYPES = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text", "null": "null"}


def page() -> str:
    """Return the page."""
    return "\n".join([HEAD, *_pages()])


def _pages() -> Iterator[str]:
    yield "## Sections\n"
    for name, section in SECTIONS.items():
        yield from _table(f"`{name}`", closed(section), left_out=Training.model_fields if name == "finetune" else ())
    yield from _table("A training: `pretrain.training`, and `finetune` beside its own keys", closed(Training))
    yield "## By modality\n"
    for name, rows in MODALITIES.items():
        inputs = INPUTS[name]
        yield from _table(f"{name}: `clean.normalise`", closed(rows.normalise))
        yield from _table(f"{name}: `augment.options`", closed(rows.augment))
        if inputs.tokenizer is not None:
            yield from _table(f"{name}: `pretrain.tokenizer`", closed(inputs.tokenizer))
        yield from _table(f"{name}: `distort` of a training", closed(inputs.distort))
    for plug_ins in PLUG_INS:
        yield f"## {TITLES[plug_ins.path[-1]]}\n"
        for name, options in plug_ins.options.items():
            yield from _table(f"`{'.'.join(plug_ins.path)}.{plug_ins.key}: {name}`", closed(options))


def _table(title: str, schema: Mapping[str, Any], left_out: Collection[str] = ()) -> Iterator[str]:
    """Yield the table of a block's keys, and one of each block within it."""
    yield f"### {title}\n\n{schema.get('description', '').partition(chr(10))[0]}\n"
    shown = {name: node for name, node in schema.get("properties", {}).items() if name not in left_out}
    if not shown:
        yield "No options of its own.\n"
        return
    yield "| key | what it may be | default | meaning |\n|---|---|---|---|"
    for name, node in shown.items():
        inner = "properties" in node
        default = "is needed" if name in schema.get("required", []) else f"`{_written(node.get('default'))}`"
        default = "that of its keys" if inner else default
        meaning = node.get("description", "").replace("|", "\\|")
        kind = "block, below" if name in BELOW or inner else _kind(node)
        yield f"| `{name}` | {kind} | {default} | {meaning} |"
    yield ""
    for name, node in shown.items():
        if "properties" in node:
            yield from _table(f"{title.strip('`')}.{name}".join("``"), node)


def _kind(node: Mapping[str, Any]) -> str:
    """Return what a value may be, in words."""
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_kind(choice) for choice in node["anyOf"]))
    if "enum" in node or "const" in node:
        return ", ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    if node.get("type") == "array":
        return f"list of {_kind(node['items'])}" + _between(node.get("minItems"), node.get("maxItems"))
    if node.get("type") == "object":
        if "properties" in node:
            return "block: " + ", ".join(f"`{name}`" for name in node["properties"])
        names = node.get("propertyNames")
        return f"block: {_kind(names) if names and 'enum' in names else 'name'} → text"
    limits = [
        f"{sign} {node[key]:,}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in node
    ]
    return " ".join([TYPES.get(node.get("type", ""), "anything"), *([", ".join(limits)] if limits else [])])


def _between(least: int | None, most: int | None) -> str:
    if least is None and most is None:
        return ""
    return f", at least {least}" if most is None else f", {least or 0} to {most}"


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_written(each)}" for name, each in value.items()) + "}"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
