"""Checks on rows with Great Expectations, offline, and a page that shows what they found."""

import html
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from chainrule.errors import ParamsError

Expectation = tuple[str, dict[str, Any]]
"""An expectation's type, as in expect_column_values_to_be_unique, and its arguments."""

SHOWN = 20


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


def view(rows: pd.DataFrame, column: str, described: pd.DataFrame) -> pd.DataFrame:
    """Return what the tasks' suites look at: the columns of `rows` and `described`, and some derived.

    `column` is the input's; `described` [N] is what the modality's `describe` returns. Derived:
    `rows_of_class` (labelled rows with this label); after splitting also `splits_of_group` (splits that hold
    rows of this group), `label_in_<split>` and `share_deviation`: how far the share of the label in the row's
    carved split is from its share in all carved rows, relative to that (0.1: a tenth more or less); empty in
    splits that are official parts.
    """
    frame = pd.concat([rows.reset_index(drop=True), described.reset_index(drop=True)], axis=1)
    frame[column] = ["present" if isinstance(value, str | bytes) and value else None for value in frame[column]]
    labelled = frame["part"].ne("unlabelled").fillna(True).astype(bool) & frame["label"].notna()
    frame["rows_of_class"] = frame["label"].where(labelled).map(frame["label"][labelled].value_counts())
    if "split" not in frame:
        return frame
    frame["splits_of_group"] = frame.groupby("group")["split"].transform("nunique")
    for name in ("train", "validation", "test"):
        frame[f"label_in_{name}"] = frame["label"].where(frame["split"] == name)
    carved = labelled & ~frame["part"].isin(["test", "validation"])
    overall = frame["label"][carved].value_counts(normalize=True)
    frame["share_deviation"] = np.nan
    for name in ("train", "validation", "test"):
        here = carved & (frame["split"] == name)
        shares = frame["label"][here].value_counts(normalize=True)
        deviation = (shares / overall - 1).abs()
        frame.loc[here, "share_deviation"] = frame["label"][here].map(deviation).astype(float)
    return frame


def after_clean(column: str, classes: Sequence[str], min_rows_per_class: int) -> list[Expectation]:
    """Return what clean rows of any labelled task must fulfil; `column` holds the input."""
    return [
        ("expect_table_row_count_to_be_between", {"min_value": 1}),
        ("expect_column_values_to_not_be_null", {"column": "id"}),
        ("expect_column_values_to_be_unique", {"column": "id"}),
        ("expect_column_values_to_not_be_null", {"column": "group"}),
        ("expect_column_values_to_not_be_null", {"column": column}),
        (
            "expect_column_values_to_be_in_set",
            {"column": "part", "value_set": ["train", "validation", "test", "unlabelled"]},
        ),
        ("expect_column_values_to_be_in_set", {"column": "label", "value_set": list(classes)}),
        ("expect_column_distinct_values_to_contain_set", {"column": "label", "value_set": list(classes)}),
        ("expect_column_values_to_be_between", {"column": "rows_of_class", "min_value": min_rows_per_class}),
    ]


def after_split(column: str, classes: Sequence[str], tolerance: float) -> list[Expectation]:
    """Return what split rows of any labelled task must fulfil: all classes in each split, no group in two."""
    present: list[Expectation] = [
        (
            "expect_column_distinct_values_to_equal_set",
            {"column": f"label_in_{name}", "value_set": list(classes)},
        )
        for name in ("train", "validation", "test")
    ]
    return [
        ("expect_column_values_to_be_unique", {"column": "id"}),
        ("expect_column_values_to_not_be_null", {"column": "group"}),
        ("expect_column_values_to_not_be_null", {"column": column}),
        ("expect_column_values_to_not_be_null", {"column": "split"}),
        (
            "expect_column_values_to_be_in_set",
            {"column": "split", "value_set": ["train", "validation", "test", "unlabelled"]},
        ),
        ("expect_column_values_to_be_between", {"column": "splits_of_group", "min_value": 1, "max_value": 1}),
        *present,
        ("expect_column_max_to_be_between", {"column": "share_deviation", "max_value": tolerance}),
    ]


def failure_message(report: Mapping[str, Any]) -> str:
    """Return one line that names the failed expectations and rows of a report of `validate`."""
    failed = [entry for entry in report["expectations"] if not entry["success"]]
    parts = []
    for entry in failed:
        text = f"{_sentence(entry['type'])} {_arguments(entry['kwargs'])}".strip()
        if entry["error"]:
            text += f": {entry['error']}"
        elif entry["ids"]:
            more = entry["unexpected"] - len(entry["ids"][:5])
            text += f": {entry['unexpected']} rows, ids {', '.join(entry['ids'][:5])}"
            text += f" and {more} more" if more > 0 else ""
        else:
            text += f": found {_short(entry['observed'])}"
        parts.append(text)
    total = len(report["expectations"])
    return f"{report['name']}: {len(failed)} of {total} expectations failed: {'; '.join(parts)}"


def to_html(report: Mapping[str, Any], title: str) -> str:
    """Return a report of `validate` as one self-contained page: no script, nothing fetched."""
    rows = "\n".join(_row(entry) for entry in report["expectations"])
    failed = sum(not entry["success"] for entry in report["expectations"])
    verdict = "All hold" if report["success"] else f"{failed} failed"
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
<p class="summary"><strong class="{"ok" if report["success"] else "bad"}">{verdict}</strong>:
{len(report["expectations"])} expectations on {report["rows"]:,} rows</p>
<table>
<thead><tr><th scope="col">Holds</th><th scope="col">Expectation</th><th scope="col">Found</th>
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
h1 { font-size: 1.4rem; margin: 0 0 .25rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .5rem .6rem; border-bottom: 1px solid var(--line); }
th, .arguments, .summary { color: var(--soft); }
.arguments, .ids { overflow-wrap: anywhere; font-size: .875rem; }
.ok { color: var(--ok); } .bad { color: var(--bad); }
tr.failed { background: var(--tint); }
@media (max-width: 40rem) {
  thead { position: absolute; clip-path: inset(50%); height: 1px; overflow: hidden; }
  table, tbody, tr, td { display: block; }
  tr { border-bottom: 1px solid var(--line); padding: .5rem; } td { border: 0; padding: .1rem 0; }
  td:empty { display: none; }
}
"""


def _row(entry: Mapping[str, Any]) -> str:
    mark = '<span class="ok">✓ yes</span>' if entry["success"] else '<span class="bad">✗ no</span>'
    found = entry["error"] or ("" if entry["observed"] is None else _short(entry["observed"]))
    more = entry["unexpected"] - len(entry["ids"])
    ids = ", ".join(entry["ids"]) + (f" and {more:,} more" if more > 0 else "")
    return (
        f"<tr{'' if entry['success'] else ' class=' + chr(34) + 'failed' + chr(34)}><td>{mark}</td>"
        f"<td>{html.escape(_sentence(entry['type']))}"
        f'<div class="arguments">{html.escape(_arguments(entry["kwargs"]))}</div></td>'
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


def _sentence(kind: str) -> str:
    return kind.removeprefix("expect_").replace("_", " ")


def _arguments(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in arguments.items())


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        shown = ", ".join(_short(one) for one in value[:SHOWN])
        return shown + (f" and {len(value) - SHOWN} more" if len(value) > SHOWN else "")
    return str(value)
