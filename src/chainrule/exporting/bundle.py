"""The bundle: one directory with all that a server needs, nothing of it executable."""

import hashlib
from pathlib import Path
from typing import Any

from chainrule.files import write_json

GRAPH, SIGNATURE, CARD, SUMS = "model.onnx", "signature.json", "MODEL_CARD.md", "SHA256SUMS"


def write(folder: Path, graph: bytes, signature: dict[str, Any], card: str, tokenizer: str | None) -> None:
    """Write a bundle: model.onnx, signature.json, MODEL_CARD.md, tokenizer.json for text, and SHA256SUMS over them."""
    folder.mkdir()
    (folder / GRAPH).write_bytes(graph)
    write_json(folder / SIGNATURE, signature)
    (folder / CARD).write_text(card, encoding="utf-8")
    if tokenizer is not None:
        (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / SUMS).write_text("".join(sums), encoding="ascii")


def model_card(recipe: str, signature: dict[str, Any], source: dict[str, Any], report: dict[str, Any]) -> str:
    """Return a model card (Mitchell et al. 2019, arXiv:1810.03993) in Markdown.

    source: what ingest knows of the data; report: content of reports/<recipe>/metrics.json.
    """
    test = report["test"]
    named = {"this model": test, **{f"{name} (floor)": scores for name, scores in report["floor"].items()}}
    table = "\n".join(
        " | ".join([f"| {name}", *(_interval(scores[score]) for score in ("accuracy", "macro_f1", "log_loss"))]) + " |"
        for name, scores in named.items()
    )
    labels = ", ".join(signature["labels"])
    about = "".join(f"- {key}: {' '.join(str(value).split())}\n" for key, value in source.items())
    return f"""# {recipe}

Task: {signature["task"]}. Net: {signature["net"]["name"]}. Labels: {labels}.

## Data

{about}
## Scores

On {test["rows"]:,} test rows in {test["groups"]:,} groups, with 95% intervals from a bootstrap over groups.
The floors are simple models trained on the same training rows.

| model | accuracy | macro F1 | log-loss |
|---|---|---|---|
{table}

## Limits

The scores hold for rows like those of the test split. Probabilities are calibrated on the validation split by one
temperature. Nothing is known of inputs of another kind.
"""


def _interval(score: dict[str, float]) -> str:
    return f"{score['value']:.4f} ({score['low']:.4f} to {score['high']:.4f})"
