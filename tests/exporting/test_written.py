"""A model that writes as a bundle: what its graphs write is what it writes, and what is read is what was written."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

import writers
from chainrule.exporting import triton, written
from chainrule.serving import answered, bundle, offline, runtime
from chainrule.serving.decoding import rows, words
from chainrule.serving.decoding.settings import Settings
from chainrule.serving.limits import Limits
from chainrule.system.errors import DataError
from chainrule.training.inputs import text

WHICH = pytest.mark.parametrize("encoder", [False, True], ids=["causal", "encoder"])
LINES = ["a bee.", "the cat sat.", "é", "so it goes. so it", "zebra", "a bee. a bee. a bee."]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Any]:
    found = {}
    for encoder in (False, True):
        folder = tmp_path_factory.mktemp("bundle") / "writer"
        found[encoder] = (folder, writers.write(folder, encoder))
    return found


def lines() -> text.Inputs:
    facts = {"tokenizer": writers.tokenizer(), "pad_id": writers.PAD_ID, "unknown_id": 1, "max_length": 96}
    return text.Inputs(text.encode([LINES], facts)[0], None, facts)


def feed() -> dict[str, np.ndarray]:
    batch = lines().take(torch.arange(len(LINES)), None)
    return {name: array.numpy() for name, array in batch.items()}


@WHICH
def test_graphs_write_what_the_model_writes(folders: dict[bool, Any], encoder: bool) -> None:
    folder, parts = folders[encoder]
    content = bundle.read(folder, "writer", "1")
    assert set(content.graphs) == ({"model", "decoder"} if encoder else {"model"})
    session = runtime.open_session(content, None, "cpu", 1, Limits())
    assert max(each["max_difference"] for each in written.at_shapes(parts, session.graphs)) < 1e-4
    ours, theirs = writers.writer(encoder, parts), answered.writer(content, session.graphs, folder)
    for settings in (None, Settings(20, beams=3), Settings(20, temperature=0.9, seed=4)):
        one, other = (rows.generated(each, settings)(feed()) for each in (ours, theirs))
        np.testing.assert_array_equal(one["tokens"], other["tokens"])
        np.testing.assert_allclose(one["logprobs"], other["logprobs"], atol=1e-4)
        assert words.texts(one["text"]) == words.texts(other["text"])
    assert len({*words.texts(one["text"])}) > 2
    assert written.texts(ours, theirs, lines(), ["input_ids", "attention_mask"]) == {"rows": 6, "agreement": 1.0}


@WHICH
def test_a_row_is_answered_by_itself(folders: dict[bool, Any], encoder: bool) -> None:
    folder, _ = folders[encoder]
    content = bundle.read(folder, "writer", "1")
    run = answered.of_rows(content, answered.sessions(content, "fp32", 1), folder)
    each = [{name: array[row : row + 1] for name, array in feed().items()} for row in range(len(LINES))]
    bare = [{name: array[:, : int(row["attention_mask"].sum())] for name, array in row.items()} for row in each]
    together = offline.answers(run, bare, content.padding)
    for row, one in enumerate(bare):
        alone = run(one)
        for name, array in alone.items():
            found = together[name][row]
            np.testing.assert_allclose(found[: array.shape[1]] if found.ndim else found, array[0], atol=1e-4)


def test_a_causal_model_tells_whole_texts_by_the_graph_that_makes_steps(folders: dict[bool, Any]) -> None:
    folder, parts = folders[False]
    content = bundle.read(folder, "writer", "1")
    run = answered.of_rows(content, answered.sessions(content, "fp32", 1), folder)
    found = run(feed())
    assert set(found) == {"nats"}
    made = rows.generated(writers.writer(False, parts))(feed())
    beginning = feed()["input_ids"][0][feed()["attention_mask"][0].astype(bool)][:-1]
    ids = np.concatenate([beginning, made["tokens"][0, : made["length"][0]]])[None]
    nats = run({"input_ids": ids, "attention_mask": np.ones_like(ids)})["nats"][0, len(beginning) :]
    np.testing.assert_allclose(-nats, made["logprobs"][0, : made["length"][0]], atol=1e-4)


@WHICH
def test_variants_of_every_graph(folders: dict[bool, Any], encoder: bool) -> None:
    folder, parts = folders[encoder]
    protos = {name: onnx.load(folder / f"{name}.onnx") for name in parts}
    about = writers.about(protos, encoder)

    def at_work(sessions: Any) -> rows.Writer:
        return written.writer(about, sessions, writers.tokenizer())

    whole = at_work(written.opened({name: proto.SerializeToString() for name, proto in protos.items()}, 1))
    expected = rows.generated(whole)(feed())
    for variant in ("int8", "fp16"):
        made = written.smaller(variant, protos, at_work, [feed()])
        assert set(made) == set(protos)
        found = rows.generated(at_work(written.opened(made, 1)))(feed())
        assert np.abs(found["logprobs"][:, 0] - expected["logprobs"][:, 0]).max() < 1
        assert (found["logprobs"][:, 0] != expected["logprobs"][:, 0]).any()


@pytest.mark.parametrize(
    ("change", "words_of_it"),
    [
        (lambda folder: (folder / "decoder.onnx").unlink(), "named in SHA256SUMS but missing"),
        (lambda folder: written_anew(folder, lambda said: said.pop("graphs")), "graphs must be decoder and model"),
        (lambda folder: written_anew(folder, lambda said: said["decoding"].update(end=["x"])), "decoding is not as"),
        (
            lambda folder: written_anew(folder, lambda said: said["decoding"].update(graph="model")),
            "graphs must be model",
        ),
        (lambda folder: written_anew(folder, lambda said: said.pop("decoding")), "one graph too many"),
        (
            lambda folder: written_anew(folder, lambda said: said["decoding"]["defaults"].update(top_p=0.0)),
            "top_p must be",
        ),
    ],
)
def test_what_is_not_whole_is_refused(folders: dict[bool, Any], tmp_path: Path, change: Any, words_of_it: str) -> None:
    folder = tmp_path / "writer"
    shutil.copytree(folders[True][0], folder)
    change(folder)
    with pytest.raises(DataError, match=words_of_it):
        bundle.read(folder, "writer", "1")


def written_anew(folder: Path, change: Any) -> None:
    """Change the signature of a bundle, and its hash."""
    path = folder / "signature.json"
    said = json.loads(path.read_text())
    change(said)
    path.write_text(json.dumps(said))
    writers.vouch(folder, path.name)


def test_triton_gets_no_bundle_that_writes(folders: dict[bool, Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="writes token by token, and a model repository of one graph would not"):
        triton.export(folders[True][0], tmp_path / "repository")
