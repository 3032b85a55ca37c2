"""What a flow run shows of each recipe: its figures beside the champion's, where its MLflow run is, its plots."""

import json
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chainrule import mlflow_store, places, registry, sending
from chainrule.evaluation.headline import headline

if TYPE_CHECKING:
    from mlflow import MlflowClient

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
    key = "".join(sign if sign.isalnum() else "-" for sign in recipe.lower())
    run, evaluation, champion, said = None, None, None, ""
    try:
        client = connected.result(ANSWER_SECONDS)
        run = _run(client, recipe, chain)
        evaluation = run and _child(client, run, "evaluate")
        champion = _champion(client, recipe)
    except (MlflowException, OSError, SQLAlchemyError) as error:
        said = f"MLflow at {uri} did not answer: {sending.one_line(error)}"
    rows = figures(_own(root, recipe), champion[1] if champion else {})
    name = f"champion (version {champion[0]})" if champion else "champion (none yet)"
    if rows:
        named = [dict(zip(("figure", "this", "champion", "difference"), row, strict=True)) for row in rows]
        create_table_artifact(named, key=f"{key}-figures", description=f"{recipe}: this chain beside the {name}")
    link = run_link(uri, run) if run is not None else None
    if link is not None:
        create_link_artifact(link, link_text=f"{recipe} in MLflow", key=f"{key}-mlflow")
    lines = [f"# {recipe}", "", *(f"- `{stage}`: {what}" for stage, what in stages.items()), ""]
    if rows:
        lines += [f"| figure | this | {name} | difference |", "|---|---:|---:|---:|"]
        lines += [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows] + [""]
    lines.append(said or _where(uri, run, link))
    lines += ["", *_plots(root, recipe, uri, evaluation)]
    create_markdown_artifact("\n".join(lines), key=f"{key}-chain", description=f"{recipe}: what ran and what came out")


def figures(ours: Mapping[str, float], theirs: Mapping[str, float]) -> list[tuple[str, Any, Any, Any]]:
    """Return (figure, this, champion, difference) for each headline figure of this chain; None where there is none.

    Bounds of intervals are left out: MLflow has them.
    """
    rows: list[tuple[str, Any, Any, Any]] = []
    scores = [name for name in ours if not name.endswith((".low", ".high"))]
    for name in sorted(scores, key=lambda name: (not name.startswith("test."), name)):
        other = theirs.get(name)
        difference = None if other is None else round(ours[name] - other, 4)
        rows.append((name, round(ours[name], 4), None if other is None else round(other, 4), difference))
    return rows


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _own(root: Path, recipe: str) -> dict[str, float]:
    """The headline figures of what lies in `reports/`; empty before the first evaluation."""
    path = root / "reports" / recipe / "metrics.json"
    return headline(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _run(client: "MlflowClient", recipe: str, chain: str) -> Any | None:
    experiment = client.get_experiment_by_name(recipe)
    return experiment and sending.find_run(client, experiment.experiment_id, "chainrule.chain", chain)


def _child(client: "MlflowClient", run: Any, stage: str) -> Any | None:
    """The newest run of a stage among those of a chain; None if the stage did not run."""
    query = f"tags.`mlflow.parentRunId` = '{run.info.run_id}' and tags.`chainrule.stage` = '{stage}'"
    order = ["attributes.start_time DESC"]
    return next(iter(client.search_runs([run.info.experiment_id], query, order_by=order, max_results=1)), None)


def _champion(client: "MlflowClient", recipe: str) -> tuple[int, dict[str, float]] | None:
    """(version, headline figures) of the recipe's champion; None if it has none."""
    number = registry.aliases(client, recipe).get(registry.CHAMPION)
    found = [version for version in registry.versions(client, recipe) if version.number == number]
    if not found:
        return None
    metrics = client.get_run(found[0].run_id).data.metrics if found[0].run_id else {}
    return found[0].number, dict(metrics)


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
    return f"MLflow run `{run.info.run_id}` in `{uri}`: `uv run mlflow ui --backend-store-uri {uri}` shows it."


def _plots(root: Path, recipe: str, uri: str, evaluation: Any) -> list[str]:
    """Lines of Markdown for the recipe's plots: pictures where MLflow serves them, else where they lie."""
    paths = sorted((root / "reports" / recipe / "plots").glob("*.png"))
    if evaluation is None or not uri.startswith("http"):
        return [f"- plot: `{path}`" for path in paths]
    place = f"{uri.rstrip('/')}/get-artifact?run_uuid={evaluation.info.run_id}&path="
    return [f"![{path.stem}]({place}{quote(f'figures/{path.name}')})" for path in paths]
