"""The bundles that the serving benchmarks serve, and inputs for them.

Nets of the project with random weights, exported as the stage `export` does it, fp32 alone: what is compared is
servers, not quantisation. The model's temperature is set so that logits vary by about one between inputs, for
untrained nets answer almost the same to everything and a wrong answer would look right.

As a program: `serving_models.py KIND SEED FOLDER ...` writes a bundle per three words. It imports torch, which a
process that measures should not have loaded.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import common
import numpy as np

Arrays = dict[str, np.ndarray]

# The images of conv are float32, as most exported nets take them and as ../README.md's peers were first measured.
KINDS: dict[str, dict[str, Any]] = {
    # 0.6M parameters at 3×32×32.
    "conv": {
        "task": "image_classification",
        "net": {"name": "resnet9", "width": 20, "dropout": 0.0},
        "facts": {"channels": 3, "height": 32, "width": 32, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
        "floats": True,
        "classes": 10,
    },
    # BERT-mini, asked for 32 tokens.
    "bert_mini": {
        "task": "text_classification",
        "net": {
            "name": "encoder", "arch": "bert", "layers": 4, "width": 256, "heads": 4, "feed_forward": 1024,
            "max_length": 96, "dropout": 0.0,
        },
        "vocabulary": 8000,
        "classes": 2,
    },
    # A net so small that a request is almost all overhead: the digits' shape.
    "small": {
        "task": "image_classification",
        "net": {"name": "cnn", "width": 8, "depth": 2, "dropout": 0.0},
        "facts": {"channels": 1, "height": 8, "width": 8, "mean": [0.3], "std": [0.4]},
        "classes": 10,
    },
    "small_floats": {
        "task": "image_classification",
        "net": {"name": "cnn", "width": 8, "depth": 2, "dropout": 0.0},
        "facts": {"channels": 3, "height": 16, "width": 16, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
        "floats": True,
        "classes": 10,
    },
    "small_text": {
        "task": "text_classification",
        "net": {
            "name": "encoder", "arch": "bert", "layers": 1, "width": 32, "heads": 2, "feed_forward": 64,
            "max_length": 64, "dropout": 0.0,
        },
        "vocabulary": 500,
        "classes": 2,
    },
}  # fmt: skip
TOKENS = 32
TOLERANCE = 1e-3


def make(*wanted: tuple[str, int, Path]) -> None:
    """Write bundles, each given by kind, seed of the weights and folder, in a process of their own."""
    words = [str(word) for each in wanted for word in each]
    ended = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        common.stop(f"the bundles could not be made:\n{ended.stderr[-2000:]}")


def examples(kind: str, count: int, seed: int = 7) -> list[Arrays]:
    """Return `count` different requests of one item each for a kind."""
    generator = np.random.default_rng(seed)
    about = KINDS[kind]
    if about["task"] == "text_classification":
        return [
            {
                # Of any vocabulary of these kinds, the special tokens left out.
                "input_ids": generator.integers(5, 300, (1, TOKENS), dtype=np.int64),
                "attention_mask": np.ones((1, TOKENS), np.int64),
            }
            for _ in range(count)
        ]
    facts = about["facts"]
    shape = (1, facts["channels"], facts["height"], facts["width"])
    pixels = [generator.integers(0, 256, shape, dtype=np.uint8) for _ in range(count)]
    if about.get("floats"):
        # Noise that says a number in JSON in as many digits as a real one takes.
        return [{"image": (each + generator.random(shape).round(3)).astype(np.float32)} for each in pixels]
    return [{"image": each} for each in pixels]


def expected(folder: Path, inputs: list[Arrays]) -> list[np.ndarray]:
    """Return the logits [1, classes] that a bundle has for each of these inputs, by ONNX Runtime alone."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    return [session.run(None, each)[0] for each in inputs]


def write(kind: str, seed: int, folder: Path) -> None:
    """Write the bundle of a kind into `folder`, which must not exist."""
    import torch

    from chainrule.exporting import bundle, graph
    from chainrule.system import plugins
    from chainrule.training import weights

    about = KINDS[kind]
    modality = "text" if about["task"].startswith("text") else "image"
    facts = text_facts(about) if modality == "text" else about["facts"]
    task = plugins.load(f"tasks.{about['task']}", "model")
    net = weights.build_net({"modality": modality, "net": about["net"]}, facts, seed)
    target = {"classes": [str(label) for label in range(about["classes"])]}
    model = task.build(net, facts, target).eval()
    many = task.example(facts, 64, torch.Generator().manual_seed(seed))
    if about.get("floats"):
        many = {name: each.float() for name, each in many.items()}
    with torch.no_grad():
        model.temperature.fill_(model(**many)["logits"].std(dim=0).mean())
    # The batch of the trace is small; its first row of text is padded.
    traced = graph.to_onnx(model, {name: each[:2] for name, each in many.items()}, task.dynamic_shapes(facts))
    folder.parent.mkdir(parents=True, exist_ok=True)
    described = describe(kind, about, facts, traced, task, modality)
    content = traced.SerializeToString(deterministic=True)
    bundle.write(folder, content, described, f"# {kind}\n\nRandom weights.\n", facts.get("tokenizer"))
    parameters = sum(each.numel() for each in model.parameters())
    print(f"{kind}: {parameters:,} parameters, {len(content):,} bytes")


def text_facts(about: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a tokenizer trained on words made of random syllables."""
    from chainrule.training.inputs import text

    generator = np.random.default_rng(0)
    syllables = np.array([consonant + vowel for consonant in "bcdfghjklmnprstvz" for vowel in "aeiou"])
    words = ["".join(generator.choice(syllables, size)) for size in generator.integers(1, 5, 3 * about["vocabulary"])]
    texts = [" ".join(words[at : at + 12]) for at in range(0, len(words), 12)]
    return text.fit_facts([texts], {"vocabulary": about["vocabulary"], "max_length": about["net"]["max_length"]})


def describe(
    kind: str, about: dict[str, Any], facts: dict[str, Any], traced: Any, task: Any, modality: str
) -> dict[str, Any]:
    """Return signature.json as the stage `export` writes it, without scores."""
    import onnx
    import torch

    from chainrule.exporting import signature
    from chainrule.system import plugins

    normalise: dict[str, Any] = {"lowercase": True, "strip_html": False, "min_characters": 1, "max_characters": 2000}
    if modality == "image":
        normalise = {"mode": "L" if facts["channels"] == 1 else "RGB", "size": None, "max_pixels": 10_000_000}
    prepared = plugins.load("training.inputs", modality).preprocessing(facts, normalise)
    return {
        "version": signature.VERSION,
        "recipe": kind,
        "task": about["task"],
        "modality": modality,
        "net": about["net"],
        "fields": signature.fields(plugins.load(f"tasks.{about['task']}", "fields").fields(modality)),
        "inputs": signature.tensors(traced.graph.input),
        "outputs": signature.tensors(traced.graph.output),
        "target": {"kind": "label", "classes": [str(label) for label in range(about["classes"])]},
        "padding": task.padding(facts),
        "preprocessing": {modality: prepared},
        "scores": {},
        "versions": {
            "opset": max(entry.version for entry in traced.opset_import if entry.domain in ("", "ai.onnx")),
            "onnx": onnx.__version__,
            "torch": torch.__version__,
        },
    }


if __name__ == "__main__":
    given = iter(sys.argv[1:])
    for kind, seed, folder in zip(given, given, given, strict=True):
        write(kind, int(seed), Path(folder))
