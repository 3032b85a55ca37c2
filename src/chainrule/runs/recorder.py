"""What MLflow is told: the only module that talks to MLflow runs.

The picture: a recipe is an experiment; each execution of its chain is a parent run with every parameter, the
headline metrics, the git commit and the hashes of its data; the stages are its children. Every step can be
repeated: a run is found by a tag with its journal's name before it is created, parameters are logged once, a
point of a curve sent twice is one point, an artifact overwrites itself, a model is registered once. So a
sender that dies, or a server that took an event and died before it said so, costs nothing.
"""

import hashlib
import json
import platform
import posixpath
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.evaluation import primary
from chainrule.release import registry
from chainrule.runs.journal import Event, Status, read_events, read_start, write_status
from chainrule.runs.mlflow_store import experiment_id
from chainrule.runs.places import TRAINED, TRAINED_TAG
from chainrule.system.machine import processor
from chainrule.tasks import measures

if TYPE_CHECKING:
    from mlflow import MlflowClient

READ_BYTES = 1 << 20
LONGEST_VALUE = 5800  # MLflow cuts at 6000, silently
RESOURCE = re.compile(r"(cores|seconds|bytes|_ms|_speedup)$")
"""Names of what a run took; under `system/` MLflow shows them on a page of their own, away from what one compares."""
CURVE = re.compile(r"(train|validation)_\w+(?<!_step)$")
"""Names of the curves, by epoch, that a chain shows of its trainings."""
DEFAULTS = "chainrule.defaults"
"""The tag of a chain that names the parameters which params.yaml does not give."""
FIRST = 2
"""So many scores on the test rows, PRIMARY first, a chain shows under their bare names: MLflow sorts others behind."""
# Answers that no further attempt changes; the rest (no connection, 401, 429, 5xx, a locked file) may pass.
FINAL = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS")


# ---- what MLflow keeps


def flatten(params: Any, prefix: str = "") -> dict[str, str]:
    """Join nested mappings by dots, {"finetune.learning_rate": "0.1"}; values as in JSON, strings bare."""
    if isinstance(params, dict) and params:
        flat: dict[str, str] = {}
        for key, value in params.items():
            flat |= flatten(value, f"{prefix}.{key}" if prefix else str(key))
        return flat
    text = params if isinstance(params, str) else json.dumps(params, default=str, ensure_ascii=False)
    return {key_for(prefix): text}


def key_for(name: str) -> str:
    """A name that MLflow takes: other characters become "_", what is too long ends in a hash of the whole."""
    key = re.sub(r"[^/\w.\- :]", "_", name)
    if posixpath.normpath(key) != key or key.startswith(("/", "..")) or key == ".":
        key = "_" + key.replace("/", "_")
    return key if len(key) <= 250 else f"{key[:230]}.{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def shorten(value: str) -> str:
    """A value as MLflow keeps it: a long one says its length and hash, so that two long ones stay apart."""
    if len(value) <= LONGEST_VALUE:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()
    return f"{value[:LONGEST_VALUE]}… ({len(value)} characters, sha256 {digest}; whole in params.json)"


def log_params(client: "MlflowClient", run_id: str, params: dict[str, str], stage: str) -> None:
    """Log what is not there yet. A value that changed (params.yaml edited during a chain) becomes a tag."""
    short = {key: shorten(value) for key, value in params.items()}
    if any(short[key] != params[key] for key in params):
        client.log_dict(run_id, params, "params.json")
    from mlflow.entities import Param

    there = client.get_run(run_id).data.params
    fresh = [Param(key, value) for key, value in short.items() if key not in there]
    for start in range(0, len(fresh), 100):
        client.log_batch(run_id, params=fresh[start : start + 100])
    changed = [f"{key}: {there[key]} → {short[key]}" for key in short if key in there and there[key] != short[key]]
    if changed:
        client.set_tag(run_id, "chainrule.params_changed", f"at {stage}: {'; '.join(changed)}"[:5000])


def metric_key(name: str) -> str:
    """The name under which MLflow has a metric."""
    return key_for(f"system/{name}" if RESOURCE.search(name) else name)


def log_points(client: "MlflowClient", run_id: str, events: list[Event]) -> None:
    """All points of these events, a thousand to a request."""
    from mlflow.entities import Metric

    points = [
        Metric(metric_key(key), value, event["time"], event.get("step", 0))
        for event in events
        for key, value in event["values"].items()
    ]
    for start in range(0, len(points), 1000):
        client.log_batch(run_id, metrics=points[start : start + 1000])


def log_dataset(client: "MlflowClient", run_ids: list[str], event: Event) -> None:
    """The dataset as an input of the stage and of the chain."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = Dataset(
        name=event["name"],
        digest=event["digest"][:36],  # all that MLflow keeps; the profile has the whole
        source_type="local",
        source=json.dumps({"uri": event["source"]}),
        profile=json.dumps({"num_rows": event["rows"], "digest": event["digest"]}),
    )
    for run_id in run_ids:
        client.log_inputs(run_id, datasets=[DatasetInput(data, [InputTag("mlflow.data.context", event["context"])])])


def log_artifact(client: "MlflowClient", run_id: str, path: Path, folder: str) -> None:
    """A file, or a directory under its own name."""
    if path.is_dir():
        client.log_artifacts(run_id, str(path), posixpath.join(folder, path.name))
    else:
        client.log_artifact(run_id, str(path), folder or None)


def log_model(client: "MlflowClient", start: Event, name: str, parent: str, folder: Path, event: Event) -> None:
    """Keep the bundle with the parent row and register its ONNX model, once however often this is called."""
    from mlflow.entities import LoggedModelStatus

    bundle = folder / "files" / event["bundle"]
    client.log_artifacts(parent, str(bundle), "bundle")
    kept: dict[str, str] = {}
    if "trained" in event:  # a journal of before says nothing of it
        client.log_artifacts(parent, str(folder / "files" / event["trained"]), TRAINED)
        kept = {TRAINED_TAG: event["trained_sha256"]}
    experiment = client.get_run(parent).info.experiment_id
    mine = [m for m in client.search_logged_models([experiment]) if m.tags.get("chainrule.run") == name]
    ready = [model.model_id for model in mine if model.status == LoggedModelStatus.READY]
    for half_made in mine:
        if half_made.model_id not in ready:
            client.delete_logged_model(half_made.model_id)
    model_id = ready[0] if ready else log_onnx(client, experiment, parent, name, bundle / event["model"])
    tags = {"sha256": event["sha256"], "bundle": f"runs:/{parent}/bundle", "chainrule.run": name, **kept}
    registry.register(client, start["recipe"], model_id, parent, tags | git_tags(start))


def log_onnx(client: "MlflowClient", experiment: str, run_id: str, name: str, path: Path) -> str:
    """Log an ONNX file so that `mlflow.onnx.load_model` and `mlflow models serve` take it; return its id."""
    import mlflow.onnx
    import numpy
    import onnx
    import onnxruntime

    modules = {"onnx": onnx, "onnxruntime": onnxruntime, "numpy": numpy}
    model = onnx.load(path)
    # Made here, because log_model would put it into the experiment "Default".
    made = client.create_logged_model(experiment, "model", run_id, tags={"chainrule.run": name})
    with registry.process_wide(client.tracking_uri):
        mlflow.onnx.log_model(
            model,
            name="model",
            model_id=made.model_id,
            run_id=run_id,
            signature=onnx_signature(model),
            save_as_external_data=False,
            # Named, because finding them out takes seconds and loads the model.
            pip_requirements=[f"{module}=={modules[module].__version__}" for module in modules],
            # mlflow asks for CUDA on any machine otherwise, which prints errors where there is none.
            onnx_execution_providers=["CPUExecutionProvider"],
        )
    return str(made.model_id)


def onnx_signature(model: Any) -> Any:
    """The inputs and outputs of an ONNX model as an MLflow signature; a size that varies is -1."""
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    def specs(values: Any) -> Schema:
        found: list[ColSpec | TensorSpec] = []
        for value in values:
            tensor = value.type.tensor_type
            shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim)
            found.append(TensorSpec(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type), shape, value.name))
        return Schema(found)

    initial = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in initial]
    return ModelSignature(inputs=specs(inputs), outputs=specs(model.graph.output))


# ---- runs


def git_tags(start: Event) -> dict[str, str]:
    """The commit and whether code or params.yaml differed from it; nothing outside of a git repository."""
    if not start["commit"]:
        return {}
    return {"git_commit": start["commit"], "git_dirty": str(start["dirty"]).lower()}


def find_run(client: "MlflowClient", experiment: str, tag: str, value: str) -> Any:
    """The run of this experiment with this tag, or None."""
    return next(iter(client.search_runs([experiment], f"tags.`{tag}` = '{value}'", max_results=1)), None)


def title(start: Event) -> str:
    """The name of a chain's run: that of DVC's experiment, else its time of day first, for MLflow cuts long names."""
    when = time.strftime("%H:%M, %d %b %Y", time.localtime(start["time"] / 1000))
    commit = start["commit"][:7] if start["commit"] else "without git"
    return f"{start['recipe']} {start.get('experiment') or when}, {commit}"


def open_runs(client: "MlflowClient", root: Path, uri: str, name: str, start: Event) -> tuple[str, str]:
    """(id of the stage's run, id of its chain's): found again, or created with all that a start knows."""
    recipe, stage = start["recipe"], start["stage"]
    experiment = experiment_id(client, root, uri, recipe)
    shared = {"mlflow.user": start["user"], "mlflow.source.type": "LOCAL", "chainrule.host": start["host"]}
    # The sender runs where the stage does, with the same interpreter.
    shared |= {"chainrule.processor": processor(), "chainrule.python": platform.python_version()}
    if start["commit"]:
        shared |= {"mlflow.source.git.commit": start["commit"]} | git_tags(start)
    chain = str(start["chain"]).replace("'", "_")
    parent = find_run(client, experiment, "chainrule.chain", chain)
    if parent is None:
        tags = {**shared, "mlflow.source.name": recipe, "chainrule.chain": chain, "chainrule.recipe": recipe}
        if defaults := start.get("defaults"):  # not there in a journal of before
            tags[DEFAULTS] = " ".join(defaults)
        parent = client.create_run(experiment, start["time"], tags, title(start))
    parent_id = parent.info.run_id
    flat = flatten(start["params"])
    log_params(client, parent_id, flat, stage)
    run = find_run(client, experiment, "chainrule.run", name)
    if run is None:
        tags = {**shared, "mlflow.source.name": stage, "mlflow.parentRunId": parent_id}
        tags |= {"chainrule.run": name, "chainrule.stage": stage}
        run = client.create_run(experiment, start["time"], tags, stage)
    own = {key: value for key, value in flat.items() if key == stage or key.startswith(f"{stage}.")}
    if (tried := start.get("trial")) is not None:
        own = {key_for(key): text for name, value in tried.items() for key, text in flatten(value, name).items()}
    log_params(client, run.info.run_id, own, stage)
    client.update_run(parent_id, "RUNNING")
    return run.info.run_id, parent_id


def close_runs(client: "MlflowClient", run_id: str, parent_id: str, end: Event, of_many: bool = False) -> None:
    """End the stage's run; its chain takes the state that follows from the last run of each of its stages.

    of_many: it is a trial of a search, which fails for itself.
    """
    if end["error"]:
        client.set_tag(run_id, "chainrule.error", end["error"][:5000])
    for path, value in end["inputs"].items():
        client.set_tag(parent_id, key_for(f"dvc.{path}"), value)
    client.set_terminated(run_id, end["status"], end["time"])
    experiment = client.get_run(parent_id).info.experiment_id
    runs = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent_id}'", max_results=1000)
    last: dict[str, Any] = {}
    for run in sorted(runs, key=lambda run: run.info.start_time):
        last[run.data.tags.get("chainrule.stage", "")] = run
    states = {run.info.status for run in last.values()}
    if of_many:
        states &= {"RUNNING"}
    state = next((state for state in ("RUNNING", "FAILED", "KILLED") if state in states), "FINISHED")
    failed = {stage: run for stage, run in last.items() if run.info.status == "FAILED"}
    errors = [f"{stage}: {run.data.tags.get('chainrule.error', '')}" for stage, run in failed.items()]
    if errors and not of_many:
        client.set_tag(parent_id, "chainrule.error", "; ".join(errors)[:5000])
    elif "chainrule.error" in client.get_run(parent_id).data.tags:
        client.delete_tag(parent_id, "chainrule.error")
    if state == "RUNNING":
        client.update_run(parent_id, state)
    else:
        client.set_terminated(parent_id, state, max(run.info.end_time or 0 for run in last.values()))


# ---- one journal


def send(client: "MlflowClient", root: Path, folder: Path, status: Status) -> None:
    """Send what is new in the journal, event by event; `status` says how far it came, even if this raises."""
    start, _ = read_start(folder)
    if "run_id" not in status:
        status["run_id"], status["parent_id"] = open_runs(client, root, status["uri"], folder.name, start)
        write_status(folder, status)
    while True:
        events, ends = read_events(folder, status["offset"], READ_BYTES)
        if not events:
            return
        position = 0
        while position < len(events):
            count = 1
            if events[position]["kind"] == "metrics":
                others = (i for i in range(position, len(events)) if events[i]["kind"] != "metrics")
                count = next(others, len(events)) - position
            group = events[position : position + count]
            try:
                send_event(client, folder, status, start, group)
            except Exception as error:
                if not is_final(error):
                    raise
                print(f"{folder.name}: refused {group}: {error!r}", file=sys.stderr)
                status["refused"] = status.get("refused", 0) + count
                status.setdefault("refusal", one_line(error))
                # Without its run on the server there is nothing left to complete.
                status["done"] = group[0]["kind"] == "end"
            position += count
            status["offset"] = ends[position - 1]
            write_status(folder, status)


def send_event(client: "MlflowClient", folder: Path, status: Status, start: Event, group: list[Event]) -> None:
    """Send one event, or a run of metric events together."""
    event, run_id, parent_id = group[0], status["run_id"], status["parent_id"]
    match event["kind"]:
        case "metrics":
            log_points(client, run_id, group)
            if start.get("trial") is None:  # curves of a search's trials stay with them
                log_points(client, parent_id, [_curves(start["stage"], event) for event in group])
        case "headline":
            measure = measures.of(start["params"].get("task"))
            names = [score.name for score in primary.shown(measure)[:FIRST]]
            first = {name: event["values"][f"test.{name}"] for name in names if f"test.{name}" in event["values"]}
            log_points(client, parent_id, [{**event, "values": first | event["values"]}])
        case "artifact":
            # What `evaluate` draws and writes is about the whole chain, and what `search` does about all its trials, …
            for run in (
                (run_id, parent_id) if start["stage"] in ("evaluate", "search", "crossvalidation") else (run_id,)
            ):
                log_artifact(client, run, folder / "files" / event["file"], event["folder"])
        case "dataset":
            log_dataset(client, [run_id, parent_id], event)
        case "model":
            log_model(client, start, folder.name, parent_id, folder, event)
        case "end":
            if status.get("refused"):
                client.set_tag(run_id, "chainrule.gap", f"{status['refused']} events refused: {status['refusal']}")
            close_runs(client, run_id, parent_id, event, of_many=start.get("trial") is not None)
            status["done"] = True


def _curves(stage: str, event: Event) -> Event:
    """The points of a stage's curves, as its chain has them: `finetune/validation_loss`."""
    return {**event, "values": {f"{stage}/{k}": value for k, value in event["values"].items() if CURVE.match(k)}}


def is_final(error: Exception) -> bool:
    """Will this event be refused for ever (rather than: not now)?"""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(error, MlflowException):
        return error.error_code in FINAL
    return isinstance(error, FileNotFoundError) or not isinstance(error, (OSError, SQLAlchemyError))


def one_line(error: Exception) -> str:
    """The heart of an error: connection errors come wrapped in several layers of other people's words."""
    text = " ".join(str(error).split()) or type(error).__name__
    found = re.findall(r"Connection refused|timed out|Name or service not known|Connection reset by peer", text)
    return found[-1] if found else text[:200]
