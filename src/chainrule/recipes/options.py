"""docs/options.md: what every key of params.yaml may be, as tables made from the same models that check it."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from chainrule.fields.catalogue import MODALITIES
from chainrule.recipes.check import PLUG_INS, SECTIONS
from chainrule.recipes.schema import by_modality, by_task, closed, defaulted, starting
from chainrule.recipes.training import Training
from chainrule.tasks.catalogue import TASKS
from chainrule.training.inputs.catalogue import INPUTS

HEAD = """# Options

Every key of params.yaml: what it may be, its default, what it means. [params.md](params.md) explains how they work
together. This page is made from the models that check the file, by
`uv run python -m chainrule.recipes.check --options > docs/options.md`.
"""
TITLES = {
    "source": "Sources",
    "incoming": "New files",
    "base": "Where training starts",
    "net": "Nets",
    "objective": "Objectives of pretraining",
    "strategy": "Strategies of fine-tuning",
    "loss": "Losses of fine-tuning",
}
# Blocks whose keys have tables of their own: plug-ins, and what depends on the modality.
BELOW = ("objective", "strategy", "loss", "tokenizer", "training", "normalise", "options", "distort")
TYPES = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text", "null": "null"}


def page() -> str:
    """Return the page."""
    return "\n".join([HEAD, *_pages()])


def _pages() -> Iterator[str]:
    yield "## Sections\n"
    for name, section in SECTIONS.items():
        shown = _said(closed(section), name)
        yield from _table(f"`{name}`", shown, left_out=Training.model_fields if name == "finetune" else ())
    yield from _table(
        "A training: `pretrain.training`, and `finetune` beside its own keys", _said(closed(Training), "finetune")
    )
    yield "## By modality\n"
    for name, rows in MODALITIES.items():
        inputs, values = INPUTS[name], by_modality(name)
        yield from _table(f"{name}: `clean.normalise`", defaulted(closed(rows.normalise), values["clean"]["normalise"]))
        yield from _table(f"{name}: `augment.options`", defaulted(closed(rows.augment), values["augment"]["options"]))
        if inputs.tokenizer is not None:
            tokenizer = {**values["pretrain"]["tokenizer"], "max_length": "net.max_length"}
            yield from _table(f"{name}: `pretrain.tokenizer`", defaulted(closed(inputs.tokenizer), tokenizer))
        yield from _table(f"{name}: `distort` of a training", defaulted(closed(inputs.distort), _same_distort(values)))
        yield from _defaults(f"{name}: other defaults", values)
    yield "## By task\n"
    for name in TASKS:
        yield from _defaults(name, by_task(name))
    for plug_ins in PLUG_INS:
        yield f"## {TITLES[plug_ins.path[-1]]}\n"
        for name in plug_ins.options:
            yield from _table(f"`{'.'.join(plug_ins.path)}.{plug_ins.key}: {name}`", starting(plug_ins, name))


def _said(schema: Mapping[str, Any], section: str) -> dict[str, Any]:
    """Return a section's schema, in which keys say where else they have a default."""
    tables = {"by modality": map(by_modality, MODALITIES), "by task": map(by_task, TASKS)}
    found = {place: {key for each in given for key in each.get(section, {})} for place, given in tables.items()}
    properties = {
        name: {**node, "elsewhere": " or ".join(place for place, keys in found.items() if name in keys) or None}
        for name, node in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def _same_distort(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the distortions that both trainings start with."""
    both: tuple[dict[str, Any], ...] = (values["pretrain"]["training"]["distort"], values["finetune"]["distort"])
    assert both[0] == both[1], "the page has one table for both"
    return both[0]


def _defaults(title: str, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table of what sections start with, less what has tables of its own."""
    flat = dict(_flat(values))
    yield f"### {title}\n"
    if not flat:
        yield "None of its own.\n"
        return
    yield "| key | default |\n|---|---|"
    for key, value in flat.items():
        yield f"| `{key}` | `{_written(value)}` |"
    yield ""


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if not isinstance(value, Mapping):
            yield f"{above}{key}", value
        elif key not in BELOW or key == "training":
            yield from _flat(value, f"{above}{key}.")


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
        default = _default(name, node, schema)
        meaning = node.get("description", "").replace("|", "\\|")
        kind = "block, below" if name in BELOW or inner else _kind(node)
        yield f"| `{name}` | {kind} | {default} | {meaning} |"
    yield ""
    for name, node in shown.items():
        if "properties" in node:
            yield from _table(f"{title.strip('`')}.{name}".join("``"), node)


def _default(name: str, node: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return what a key is by default, in words."""
    if "properties" in node:
        return "that of its keys"
    if name not in schema.get("required", []):
        return ", or ".join(filter(None, (f"`{_written(node.get('default'))}`", node.get("elsewhere"))))
    return node.get("elsewhere") or "is needed"


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
