"""The last act of clean and split: the rows against what is expected of them, as numbers and as a page."""

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from chainrule.stages.job import STATE, Job
from chainrule.system.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from chainrule.data.columns import Columns
    from chainrule.data.validation import Table


def validated(
    job: Job,
    rows: "pd.DataFrame",
    columns: "Columns",
    rules: ModuleType,
    expectations: list[Any],
    warnings: Sequence[str],
    tables: "Sequence[Table]",
    described: "Sequence[pd.DataFrame]" = (),
) -> dict[str, Any]:
    """Publish the validation's page and return its numbers; DataError naming the rows if anything fails.

    `rules` is the task's `rows`; `described`: what `describe` of each input's kind says, where the expectations look at
    inputs. The page shows the warnings and tables, too. A failing stage publishes nothing, so the page of a failure
    lies under `.chainrule/failed/`.
    """
    from chainrule.data import validation

    view = validation.view(rows, columns, rules, described)
    report = validation.validate(view, expectations, job.name)
    page = validation.to_html(report, job.name, warnings, tables)
    if not report["success"]:
        failed = job.root / STATE / "failed" / f"{job.stage}-{job.recipe}.html"
        failed.parent.mkdir(parents=True, exist_ok=True)
        failed.write_text(page, encoding="utf-8")
        job.run.artifact(failed)
        raise DataError(f"{validation.failure_message(report)}; see {failed.relative_to(job.root)}")
    published = job.out(f"reports/{{recipe}}/{job.stage}.html")
    published.write_text(page, encoding="utf-8")
    job.run.artifact(published)
    found = report["expectations"]
    return {"success": report["success"], "expectations": len(found), "rows": report["rows"]}
