"""A model that writes as a bundle: what its graphs write is what it writes, and what is read is what was written."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

import writers
from chainrule import cli
from chainrule.drift import features
from chainrule.exporting import triton, written
from chainrule.release import trial
from chainrule.serving import answered, bundle, offline, plain, runtime, store
from chainrule.serving.decoding import rows, words
from chainrule.serving.decoding.settings import Settings
from chainrule.serving.limits import Limits
from chainrule.system.errors import ChainruleError, DataError
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
        (lambda folder: written_anew(folder, lambda said: said.pop("decoding")), "needs `decoding` in its signature"),
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


def test_it_stands_its_trial(folders: dict[bool, Any], tmp_path: Path) -> None:
    """A real server process answers as its graphs do here."""
    place = tmp_path / "models" / "onnx" / "turns"
    place.parent.mkdir(parents=True)
    shutil.copytree(folders[True][0], place)
    content = bundle.read(place, "turns", store.UNPROMOTED)
    trial.check_graphs(content)
    assert trial.check_server(tmp_path, content) > 0


def test_another_variant_is_not_the_same_model(folders: dict[bool, Any], tmp_path: Path) -> None:
    folder = tmp_path / "turns"
    shutil.copytree(folders[True][0], folder)
    for name in ("model", "decoder"):
        shutil.copy(folder / f"{name}.onnx", folder / f"{name}.int8.onnx")
        (folder / "SHA256SUMS").write_text((folder / "SHA256SUMS").read_text() + f"{'0' * 64}  {name}.int8.onnx\n")
        writers.vouch(folder, f"{name}.int8.onnx")
    written_anew(folder, lambda said: said["variants"].update(int8={"file": "model.int8.onnx"}))
    content = bundle.read(folder, "turns", "1")
    assert set(content.variants) == {"fp32", "int8"}
    trial.check_graphs(content)
    writers.shake(folder)  # fp32's encoder alone
    with pytest.raises(ChainruleError, match="int8 is not the same model as fp32"):
        trial.check_graphs(bundle.read(folder, "turns", "1"))
    (folder / "decoder.int8.onnx").unlink()
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    (folder / "SHA256SUMS").write_text("".join(f"{line}\n" for line in sums if "decoder.int8" not in line))
    with pytest.raises(DataError, match=r"decoder\.int8\.onnx: is missing from the bundle"):
        bundle.read(folder, "turns", "1")


def test_drift_sees_what_was_read(folders: dict[bool, Any]) -> None:
    content = bundle.read(folders[True][0], "turns", "1")
    rows_of = [plain.prepare(content, {"source": line}, Limits()) for line in LINES]
    found = features.of_writer(content, rows_of)
    assert found.features.shape == (len(LINES), writers.WIDTH)
    assert found.penultimate
    assert len(found.answers[0]["text"]) == len(LINES)
    alone = features.of_writer(content, rows_of[:1])
    np.testing.assert_allclose(alone.features, found.features[:1], atol=1e-5)


def test_rows_of_a_file_are_answered(folders: dict[bool, Any], tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("source\n" + "".join(f"{line}\n" for line in LINES))
    out = tmp_path / "said.csv"
    assert cli.main(["predict", str(folders[True][0]), str(tmp_path / "rows.csv"), "--out", str(out)]) == 0
    content = bundle.read(folders[True][0], "turns", "1")
    run = answered.to_requests(content, answered.sessions(content, "fp32", 1), "turns")
    expected = [words.texts(run(plain.prepare(content, {"source": line}, Limits()))["text"])[0] for line in LINES]
    with open(out, newline="") as file:
        assert [row["predicted"] for row in csv.DictReader(file)] == expected
