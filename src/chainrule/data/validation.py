"""Checks on rows with Great Expectations, offline, and a page that shows what they found."""

import html
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

import pandas as pd

from chainrule.data.columns import Column, Columns, of_inputs, row_classes
from chainrule.data.leaks import SPLITS
from chainrule.system.errors import ParamsError

Expectation = tuple[str, dict[str, Any]]
"""An expectation's type, as in expect_column_values_to_be_unique, and its arguments; at most one `column`."""

SHOWN = 20

_COLUMNS = {
    "label": "class",
    "part": "official part",
    "mean": "mean brightness",
    "characters": "number of characters",
    "words": "number of words",
}
# What a reader is told, by expectation and column; then by expectation, where the column's name is filled in.
_SENTENCES = {
    ("expect_column_values_to_be_between", "rows_of_class"): "Every class has at least {min_value} rows",
    ("expect_column_values_to_be_between", "splits_of_group"): "No group lies in two splits",
    ("expect_column_stdev_to_be_between", "mean"): "The images are not all equally bright",
    ("expect_column_unique_value_count_to_be_between", "width"): "All images are equally wide",
    ("expect_column_unique_value_count_to_be_between", "height"): "All images are equally high",
    ("expect_column_unique_value_count_to_be_between", "in_validation"): "Validation has rows",
    ("expect_column_unique_value_count_to_be_between", "in_test"): "Test has rows",
    ("expect_column_values_to_be_between", "classes_not_trained"): "Every class has training rows",
    ("expect_column_distinct_values_to_contain_set", "label"): "Every class has rows",
    "expect_table_row_count_to_be_between": "There are at least {min_value} rows",
    "expect_column_values_to_not_be_null": "No {column} is missing",
    "expect_column_values_to_be_unique": "No two rows have the same {column}",
    "expect_column_values_to_be_in_set": "Every {column} is one of {value_set}",
    "expect_column_values_to_be_between": "Every {column} is {between}",
    "expect_column_distinct_values_to_contain_set": "There are rows of each {column} of {value_set}",
    "expect_column_distinct_values_to_equal_set": "There are rows of each {column} of {value_set} and of no other",
    "expect_column_mean_to_be_between": "The mean {column} is {between}",
    "expect_column_stdev_to_be_between": "The standard deviation of {column} is {between}",
    "expect_column_unique_value_count_to_be_between": "The number of different values of {column} is {between}",
}
_SIZE = (
    "set clean.normalise.size, such as 64, or what a pretrained net takes (often 224): every image is then scaled and "
    "cut to that side"
)
_REMEDIES = {
    ("expect_column_unique_value_count_to_be_between", "width"): _SIZE,
    ("expect_column_unique_value_count_to_be_between", "height"): _SIZE,
    ("expect_column_unique_value_count_to_be_between", "in_validation"): "raise split.validation, or add data",
    ("expect_column_unique_value_count_to_be_between", "in_test"): "raise split.test, or add data",
    ("expect_column_values_to_be_between", "rows_of_class"): "give the class more rows, or take it out of the source",
}


class Table(NamedTuple):
    """A table of the page: its heading, the columns' names, and cells as they are to be read."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def validate(frame: pd.DataFrame, expectations: Sequence[Expectation], name: str) -> dict[str, Any]:
    """Check every expectation on `frame`, which has a column `id`; return what was found.

    JSON-able, and the same on every run:

    {"name", "success", "rows", "expectations": [{"type", "kwargs", "success", "observed" (a number, a list or
    None), "unexpected" (a count), "ids" (of the first 20 offending rows, in the order of the frame), "error"
    (None, or why it could not be checked; that counts as failed)}]}, in the order of `expectations`.

    Raises ParamsError for an expectation that Great Expectations does not know or whose arguments it refuses.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    checks = [_expectation(gx, kind, arguments, at) for at, (kind, arguments) in enumerate(expectations)]
    looked_at = {"id", *(arguments.get("column") for _, arguments in expectations)}
    frame = frame[[name for name in frame if name in looked_at]]  # all that is given is hashed
    with _quiet():
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
        batch = asset.add_batch_definition_whole_dataframe("rows").get_batch({"dataframe": frame})
        found = batch.validate(
            gx.ExpectationSuite(name=name, expectations=checks),
            result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["id"]},
        ).to_json_dict()
    entries = sorted(found["results"], key=lambda entry: entry["expectation_config"]["meta"]["position"])
    results = [
        {"type": kind, "kwargs": _plain(arguments), **_outcome(entry)}
        for (kind, arguments), entry in zip(expectations, entries, strict=True)
    ]
    return {
        "name": name,
        "success": all(result["success"] for result in results),
        "rows": len(frame),
        "expectations": results,
    }


def view(rows: pd.DataFrame, columns: Columns, rules: ModuleType, described: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return what the suites look at: the columns of `rows`, what describes its inputs, and some derived.

    `rules` is the task's `rows`; `described` is what `describe` of each input's kind returns, [N], or nothing where no
    check looks at the inputs; of several inputs its columns are called <field>.<measure>. Derived: `rows_of_class`
    (labelled rows that have the row's rarest class); after splitting also `splits_of_group` (splits that hold rows of
    this group), `classes_not_trained` (classes of the row that no training row has) and `in_<split>` (the id of its
    rows).
    """
    measured = [
        found.reset_index(drop=True).set_axis([named(columns, column.name, str(name)) for name in found], axis=1)
        for column, found in zip(columns.inputs if described else (), described, strict=True)
    ]
    frame: pd.DataFrame = pd.concat([rows.reset_index(drop=True), *measured], axis=1)
    for column in columns.inputs:
        gone = "missing" if column.optional else None
        frame[column.name] = [
            "present" if isinstance(value, str | bytes) and value else gone for value in frame[column.name].to_list()
        ]
    classes = row_classes(rows, columns.target.name, rules)
    often = Counter(name for own in classes for name in own)
    rarest = {own: min((often[name] for name in own), default=None) for own in set(classes)}
    frame["rows_of_class"] = [rarest[own] for own in classes]
    if "split" not in frame:
        return frame
    frame["splits_of_group"] = frame.groupby("group")["split"].transform("nunique")
    splits = frame["split"].to_list()
    trained = {name for own, split in zip(classes, splits, strict=True) if split == "train" for name in own}
    lacking = {own: sum(name not in trained for name in own) for own in set(classes)}
    frame["classes_not_trained"] = [lacking[own] for own in classes]
    for name in ("train", "validation", "test"):
        frame[f"in_{name}"] = frame["id"].where(frame["split"] == name)
    return frame


def described(column: Column, values: Sequence[Any]) -> pd.DataFrame:
    """Return what `describe` of an input's kind says of its values, [N] rows; nothing of those that are missing."""
    there = [place for place, value in enumerate(values) if value or not column.optional]
    found: pd.DataFrame = column.kind.describe([values[place] for place in there])
    return found if len(there) == len(values) else found.set_index(pd.Index(there)).reindex(range(len(values)))


def named(columns: Columns, field: str, measure: str) -> str:
    """Return what a measure of an input is called in a view: of several inputs <field>.<measure>."""
    return measure if len(columns.inputs) == 1 else f"{field}.{measure}"


def after_clean(columns: Columns, normalise: Mapping[str, Any], expected: Sequence[Expectation]) -> list[Expectation]:
    """Return what clean rows of a task must fulfil; `expected` is what its `rows` expect of the target."""
    not_null = "expect_column_values_to_not_be_null"
    return [
        ("expect_table_row_count_to_be_between", {"min_value": 1}),
        (not_null, {"column": "id"}),
        ("expect_column_values_to_be_unique", {"column": "id"}),
        (not_null, {"column": "group"}),
        *((not_null, {"column": column.name}) for column in columns.inputs),
        ("expect_column_values_to_be_in_set", {"column": "part", "value_set": list(SPLITS)}),
        *expected,
        *(
            (kind, {**arguments, "column": named(columns, column.name, arguments["column"])})
            for column, own in zip(columns.inputs, of_inputs(columns, normalise), strict=True)
            for kind, arguments in column.kind.expectations(own)
        ),
    ]


def after_split(columns: Columns, cut: bool = False) -> list[Expectation]:
    """Return what split rows of a task must fulfil: all classes in training, and groups whole unless they are cut."""
    not_null, between = "expect_column_values_to_not_be_null", "expect_column_values_to_be_between"
    return [
        ("expect_column_values_to_be_unique", {"column": "id"}),
        *((not_null, {"column": name}) for name in ("group", *(column.name for column in columns.inputs), "split")),
        ("expect_column_values_to_be_in_set", {"column": "split", "value_set": list(SPLITS)}),
        *([] if cut else [(between, {"column": "splits_of_group", "min_value": 1, "max_value": 1})]),
        (between, {"column": "classes_not_trained", "min_value": 0, "max_value": 0}),
        ("expect_column_unique_value_count_to_be_between", {"column": "in_validation", "min_value": 1}),
        ("expect_column_unique_value_count_to_be_between", {"column": "in_test", "min_value": 1}),
    ]


def failure_message(report: Mapping[str, Any]) -> str:
    """Return one line that names the failed expectations and rows of a report of `validate`."""
    failed = [entry for entry in report["expectations"] if not entry["success"]]
    parts = []
    for entry in failed:
        text = f"not so: {_sentence(entry['type'], entry['kwargs'])}"
        if entry["error"]:
            text += f": {entry['error']}"
        elif entry["ids"]:
            more = entry["unexpected"] - len(entry["ids"][:5])
            text += f": {entry['unexpected']} rows, ids {', '.join(entry['ids'][:5])}"
            text += f" and {more} more" if more > 0 else ""
        else:
            text += f": found {_short(entry['observed'])}"
        parts.append(text)
    remedies = dict.fromkeys(_REMEDIES.get((entry["type"], entry["kwargs"].get("column"))) for entry in failed)
    total = len(report["expectations"])
    return "; ".join([f"{len(failed)} of {total} checks failed: {parts[0]}", *parts[1:], *filter(None, remedies)])


def to_html(report: Mapping[str, Any], title: str, warnings: Sequence[str] = (), tables: Sequence[Table] = ()) -> str:
    """Return a report of `validate` as one self-contained page: no script, nothing fetched.

    What is wrong comes first, then the warnings, the tables, and every check.
    """
    rows = "\n".join(_row(entry) for entry in report["expectations"])
    failed = sum(not entry["success"] for entry in report["expectations"])
    verdict = "All checks hold" if report["success"] else f"{failed} failed"
    if warnings:
        verdict += f", with {len(warnings)} warning{'' if len(warnings) == 1 else 's'}"
    warned = "".join(f"<li>{html.escape(warning)}</li>" for warning in warnings)
    warned = f'<ul class="warnings">{warned}</ul>' if warned else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{html.escape(title)}</h1>
<p class="summary"><strong class="{"ok" if report["success"] and not warnings else "bad"}">{verdict}</strong>:
{len(report["expectations"])} checks on {report["rows"]:,} rows</p>
{warned}
{"".join(map(_table, tables))}
<h2>Checks</h2>
<table class="checks">
<thead><tr><th scope="col">Holds</th><th scope="col">Check</th><th scope="col">Found</th>
<th scope="col">Offending rows</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</main>
</body>
</html>
"""


_STYLE = """
:root { color-scheme: light dark; --line: #d0d4da; --soft: #5b6472; --ok: #146c2e; --bad: #b3261e; --tint:
#fdecea; } @media (prefers-color-scheme: dark) {
  :root { --line: #3c424b; --soft: #a3abb8; --ok: #7fd795; --bad: #ff9a8f; --tint: #3a1f1d; }
}
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 64rem; margin: 0 auto; padding: 1.5rem 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; } h2 { font-size: 1.1rem; margin: 1.75rem 0 .25rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .5rem .6rem; border-bottom: 1px solid var(--line); }
th, .summary { color: var(--soft); }
.ids { overflow-wrap: anywhere; font-size: .875rem; }
.warnings { background: var(--tint); border-left: .25rem solid var(--bad); margin: 1rem 0; }
.warnings { padding: .75rem 1rem .75rem 2rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } .plain td { overflow-wrap: break-word; max-width: 24rem; }
.plain .number { text-align: right; font-variant-numeric: tabular-nums; } .plain td.number { white-space: nowrap; }
.ok { color: var(--ok); } .bad { color: var(--bad); }
tr.failed { background: var(--tint); }
@media (max-width: 40rem) {
  .checks thead { position: absolute; clip-path: inset(50%); height: 1px; overflow: hidden; }
  .checks, .checks tbody, .checks tr, .checks td { display: block; }
  .checks tr { border-bottom: 1px solid var(--line); padding: .5rem; } .checks td { border: 0; padding: .1rem 0; }
  .checks td:empty { display: none; }
}
"""


def _table(table: Table) -> str:
    """Return a table; columns of numbers stand to the right."""
    numbers = [at > 0 and all(row[at][:1].isdigit() for row in table.rows) for at in range(len(table.head))]
    kinds = [' class="number"' if number else "" for number in numbers]
    head = "".join(
        f'<th scope="col"{kind}>{html.escape(name)}</th>' for name, kind in zip(table.head, kinds, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{html.escape(cell)}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in table.rows
    )
    return (
        f'<h2>{html.escape(table.title)}</h2><div class="scroll"><table class="plain"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>\n"
    )


def _row(entry: Mapping[str, Any]) -> str:
    mark = '<span class="ok">✓ yes</span>' if entry["success"] else '<span class="bad">✗ no</span>'
    found = entry["error"] or ("" if entry["observed"] is None else _short(entry["observed"]))
    more = entry["unexpected"] - len(entry["ids"])
    ids = ", ".join(entry["ids"]) + (f" and {more:,} more" if more > 0 else "")
    return (
        f"<tr{'' if entry['success'] else ' class=' + chr(34) + 'failed' + chr(34)}><td>{mark}</td>"
        f"<td>{html.escape(_sentence(entry['type'], entry['kwargs']))}</td>"
        f'<td>{html.escape(found)}</td><td class="ids">{html.escape(ids)}</td></tr>'
    )


def _expectation(gx: Any, kind: str, arguments: Mapping[str, Any], position: int) -> Any:
    """Return Great Expectations' object; results come back in another order, so each carries its position."""
    name = "".join(word.capitalize() for word in kind.split("_"))
    known = getattr(gx.expectations, name, None)
    if known is None:
        raise ParamsError(f"{kind} is no expectation that Great Expectations {gx.__version__} knows")
    try:
        return known(**arguments, meta={"position": position})
    except (TypeError, ValueError) as error:
        raise ParamsError(f"{kind} {_arguments(arguments)}: {' '.join(str(error).split())}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's own warnings about pandas out of the stage's output."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _outcome(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of one result that are the same on every run."""
    result = entry["result"]
    ids = [str(row["id"]) for row in result.get("unexpected_index_list") or []]
    observed = result.get("observed_value")
    if isinstance(observed, list):
        observed = sorted(observed, key=str)
    return {
        "success": bool(entry["success"]),
        "observed": observed,
        "unexpected": int(result.get("unexpected_count") or 0),
        "ids": ids[:SHOWN],
        "error": _exception(entry["exception_info"]),
    }


def _exception(info: Mapping[str, Any]) -> str | None:
    """Return the message of the first exception, if any: the library nests them by metric, or not."""
    found = [info] if "raised_exception" in info else list(info.values())
    messages = sorted(str(one["exception_message"]) for one in found if one["raised_exception"])
    return messages[0].strip().splitlines()[-1] if messages else None


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple | set) else value for name, value in arguments.items()}


def _sentence(kind: str, arguments: Mapping[str, Any]) -> str:
    """Return an expectation as a sentence."""
    field, _, column = str(arguments.get("column", "")).rpartition(".")
    of_field = f" of {field}" if field else ""
    template = _SENTENCES.get((kind, column)) or _SENTENCES.get(kind)
    if template is None:
        return f"{kind.removeprefix('expect_').replace('_', ' ')} {_arguments(arguments)}".strip()
    words = {name: _short(value) for name, value in arguments.items()}
    return template.format(
        **{**words, "column": _COLUMNS.get(column, column) + of_field, "between": _between(arguments)}
    )


def _between(arguments: Mapping[str, Any]) -> str:
    low, high = arguments.get("min_value"), arguments.get("max_value")
    if low is None or high is None:
        least = "more than" if arguments.get("strict_min") else "at least"
        return f"at most {_short(high)}" if low is None else f"{least} {_short(low)}"
    return _short(low) if low == high else f"from {_short(low)} to {_short(high)}"


def _arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in arguments.items())


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        shown = ", ".join(_short(one) for one in value[:SHOWN])
        return shown + (f" and {len(value) - SHOWN} more" if len(value) > SHOWN else "")
    return str(value)
