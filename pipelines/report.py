"""What a flow run shows of each recipe: its figures beside the champion's, where its MLflow run is, its plots."""

import json
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chainrule.evaluation import quality
from chainrule.evaluation.headline import headline
from chainrule.recipes.file import recipe_block
from chainrule.release import registry
from chainrule.runs import mlflow_store, places, recorder, tracking
from chainrule.tasks import measures
from pipelines import artifacts

if TYPE_CHECKING:
    from mlflow import MlflowClient

OTHER_ROWS = (
    "The scores of the champion, version {number}, were measured on other test rows and do not compare with these; "
    "a retraining compares both on the same rows."
)
ANSWER_SECONDS = 15.0
"""The most that a flow waits at its end for a tracking server that says nothing."""


def connect(root: Path) -> "Future[MlflowClient]":
    """Connect to the tracking server that stages of `root` report to, beside whatever else is done meanwhile.

    The future holds what MLflow raises if its server does not answer.
    """
    connected: Future[MlflowClient] = Future()

    def work() -> None:
        try:
            connected.set_result(mlflow_store.connect(root, places.tracking_uri(root)))
        except Exception as error:  # belongs to whoever asks for the result
            connected.set_exception(error)

    threading.Thread(target=work, name="connect-mlflow", daemon=True).start()
    return connected


def publish(connected: "Future[MlflowClient]", root: Path, recipe: str, chain: str, stages: Mapping[str, str]) -> None:
    """Make the artifacts of one recipe on the flow run that this is called in.

    chain: the name that its MLflow run has as a tag; stages: stage -> what became of it ("ran in 3.2 s"). A tracking
    server that does not answer is said in the artifact. Raises what Prefect raises if its server does not answer.
    """
    from mlflow.exceptions import MlflowException
    from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
    from sqlalchemy.exc import SQLAlchemyError

    uri = places.tracking_uri(root)
    run, evaluation, champion, said = None, None, None, ""
    metrics = _metrics(root, recipe)
    try:
        client = connected.result(ANSWER_SECONDS)
        run = _run(client, recipe, chain)
        evaluation = run and _child(client, run, "evaluate")
        champion = _champion(client, root, recipe)
    except (MlflowException, OSError, SQLAlchemyError) as error:
        said = f"MLflow at {uri} did not answer: {recorder.one_line(error)}"
    lines = [
        f"# {recipe}",
        "",
        *_standing(metrics, _task(root, recipe)),
        *(f"- `{stage}`: {what}" for stage, what in stages.items()),
        "",
    ]
    if metrics.get("test"):
        head = ["figure", "this", *([f"champion (version {champion.number})"] if champion and champion.figures else [])]
        rows = figures(headline(metrics), champion.figures if champion else {})
        named = [dict(zip(head, row, strict=True)) for row in rows]
        about = f"{recipe}: this chain" + (" beside the champion, on the same test rows" if len(head) > 2 else "")
        create_table_artifact(named, key=artifacts.key(recipe, "figures"), description=about)
        lines += [*artifacts.table(head, rows, numbers=len(head) - 1), ""]
    if champion and not champion.figures:
        lines += [f"{OTHER_ROWS.format(number=champion.number)}", ""]
    link = run_link(uri, run) if run is not None else None
    if link is not None:
        create_link_artifact(link, link_text=f"{recipe} in MLflow", key=artifacts.key(recipe, "mlflow"))
    lines.append(said or _where(uri, run, link))
    page = root / "reports" / recipe / "report.html"
    if page.exists():
        lines += ["", f"The report: {artifacts.file_link(page)}"]
    lines += ["", *_plots(root, recipe, uri, evaluation)]
    about = f"{recipe}: what ran and what came out"
    create_markdown_artifact("\n".join(lines), key=artifacts.key(recipe, "chain"), description=about)


def figures(ours: Mapping[str, float], theirs: Mapping[str, float]) -> list[tuple[Any, ...]]:
    """Return (figure, this, champion) for each headline figure of this chain, without the champion if it has none.

    No differences: what a model gains over the champion, a retraining says, of both as they are served. Bounds of
    intervals are left out: MLflow has them.
    """
    scores = [name for name in ours if not name.endswith((".low", ".high"))]
    rows: list[tuple[Any, ...]] = []
    for name in sorted(scores, key=lambda name: (not name.startswith("test."), name)):
        other = theirs.get(name)
        row = (name, round(ours[name], 4), None if other is None else round(other, 4))
        rows.append(row if theirs else row[:2])
    return rows


def _task(root: Path, recipe: str) -> str | None:
    task: str | None = recipe_block(root, recipe).get("task")
    return task


def _standing(metrics: Mapping[str, Any], task: str | None) -> list[str]:
    """Return where the model stands against its floor, loud if under it; nothing where that is not known."""
    found = quality.quality(metrics, measures.of(task).PRIMARY) if metrics.get("test") else None
    if found is None:
        return []
    said = quality.in_words(found)
    return [f"> **WARNING: {said}**" if quality.is_under(found) else said, ""]


def _metrics(root: Path, recipe: str) -> dict[str, Any]:
    """What lies in `reports/`; empty before the first evaluation."""
    path = root / "reports" / recipe / "metrics.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def find_link(root: Path, recipe: str, chain: str) -> str | None:
    """Return where MLflow's page shows the run of a chain; None without a server, or if it does not answer."""
    from mlflow.exceptions import MlflowException

    uri = places.tracking_uri(root)
    if not uri.startswith("http"):
        return None
    try:
        run = _run(connect(root).result(ANSWER_SECONDS), recipe, chain)
    except (MlflowException, OSError):
        return None
    return run_link(uri, run) if run is not None else None


def _run(client: "MlflowClient", recipe: str, chain: str) -> Any | None:
    experiment = client.get_experiment_by_name(recipe)
    return experiment and recorder.find_run(client, experiment.experiment_id, "chainrule.chain", chain)


def _child(client: "MlflowClient", run: Any, stage: str) -> Any | None:
    """The newest run of a stage among those of a chain; None if the stage did not run."""
    query = f"tags.`mlflow.parentRunId` = '{run.info.run_id}' and tags.`chainrule.stage` = '{stage}'"
    order = ["attributes.start_time DESC"]
    return next(iter(client.search_runs([run.info.experiment_id], query, order_by=order, max_results=1)), None)


@dataclass(frozen=True)
class _Champion:
    number: int
    figures: dict[str, float]
    """Its headline figures; none if they were measured on other test rows than this chain's."""


def _champion(client: "MlflowClient", root: Path, recipe: str) -> _Champion | None:
    """The recipe's champion; None if it has none."""
    number = registry.aliases(client, recipe).get(registry.CHAMPION)
    found = [version for version in registry.versions(client, recipe) if version.number == number]
    if not found:
        return None
    data = client.get_run(found[0].run_id).data if found[0].run_id else None
    split = f"data/split/{recipe}"
    ours = tracking.lock_hashes(root, recipe, "export").get(split)
    same = data is not None and ours is not None and data.tags.get(f"dvc.{split}") == ours
    return _Champion(found[0].number, dict(data.metrics) if data is not None and same else {})


def run_link(uri: str, run: Any) -> str | None:
    """Return where MLflow's page shows a run; None for a store without a server."""
    if not uri.startswith("http"):
        return None
    return f"{uri.rstrip('/')}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def _where(uri: str, run: Any, link: str | None) -> str:
    if run is None:
        return f"MLflow at {uri} has no run of this chain (CHAINRULE_TRACKING=off, or nothing was recorded)."
    if link is not None:
        return f"[The run in MLflow]({link})"
    return f"MLflow run `{run.info.run_id}` in `{uri}`: `uv run chainrule ui` shows it."


def _plots(root: Path, recipe: str, uri: str, evaluation: Any) -> list[str]:
    """Lines of Markdown for the recipe's plots: pictures where MLflow serves them, else where they lie."""
    paths = sorted((root / "reports" / recipe / "plots").glob("*.png"))
    if evaluation is None or not uri.startswith("http"):
        return [f"- {artifacts.file_link(path)}" for path in paths]
    place = f"{uri.rstrip('/')}/get-artifact?run_uuid={evaluation.info.run_id}&path="
    return [f"![{path.stem}]({place}{quote(f'figures/{path.name}')})" for path in paths]
