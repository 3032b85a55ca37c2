"""The budget of cores and GPUs, and who goes first."""

import ast
import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.system.errors import ChainruleError
from pipelines import budget
from pipelines.budget import TRAINS, Budget, ClosedError, Share, cores_for, urgencies, visible_gpus


def test_the_stages_that_train_are_those_that_say_so(project: Path) -> None:
    found = set()
    for name in yaml.safe_load((project / "dvc.yaml").read_text())["stages"]:
        path = project / "src" / "chainrule" / "stages" / f"{name}.py"
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and any(
                word.arg == "trains" and getattr(word.value, "value", None) is True for word in node.keywords
            ):
                found.add(path.stem)
    assert found == TRAINS


@settings(max_examples=40)
@given(
    cores=st.integers(1, 5),
    gpus=st.integers(0, 3),
    stages=st.lists(st.sampled_from(["ingest", "finetune"]), min_size=1, max_size=12),
)
def test_never_more_is_lent_than_there_is_and_all_get_their_turn(cores: int, gpus: int, stages: list[str]) -> None:
    lender = Budget(cores, [str(number) for number in range(gpus)])
    looking = threading.Lock()
    lent: list[Share] = []
    most: list[int] = []
    doubled: list[str] = []

    def borrow(stage: str) -> None:
        with lender.lend(stage) as share:
            with looking:
                lent.append(share)
                most.append(sum(other.cores for other in lent))
                names = [other.gpu for other in lent if other.gpu is not None]
                doubled.extend(name for name in names if names.count(name) > 1)
            with looking:
                lent.remove(share)

    threads = [threading.Thread(target=borrow, args=(stage,)) for stage in stages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert len(most) == len(stages)
    assert max(most) <= cores
    assert doubled == []
    assert lender.free == cores and sorted(lender.idle) == [str(number) for number in range(gpus)]


def test_a_training_takes_every_core_and_with_two_gpus_half_of_them() -> None:
    with Budget(8).lend("finetune") as share:
        assert share.environment() == {"CHAINRULE_CORES": "8"}
    lender = Budget(8, ["0", "1"])
    with lender.lend("finetune") as one, lender.lend("pretrain") as other:
        assert one.environment() == {"CHAINRULE_CORES": "4", "CUDA_VISIBLE_DEVICES": "0"}
        assert other.environment() == {"CHAINRULE_CORES": "4", "CUDA_VISIBLE_DEVICES": "1"}
    with Budget(8).lend("clean") as share:
        assert share.environment()["OMP_NUM_THREADS"] == "1"


def test_the_one_with_the_most_behind_it_goes_first_and_a_small_one_may_pass() -> None:
    lender = Budget(2)
    order: list[str] = []

    def borrow(name: str, stage: str, urgency: int) -> None:
        with lender.lend(stage, urgency):
            order.append(name)

    with lender.lend("ingest"):
        waiting = []
        for name, stage, urgency in (("late", "finetune", 1), ("soon", "finetune", 5), ("small", "clean", 1)):
            thread = threading.Thread(target=borrow, args=(name, stage, urgency))
            thread.start()
            waiting.append(thread)
        waiting[2].join(20)
        assert order == ["small"]
    for thread in waiting:
        thread.join(20)
    assert order == ["small", "soon", "late"]


def test_a_closed_budget_sends_everybody_away() -> None:
    lender = Budget(1)
    with lender.lend("ingest"):
        lender.close()
        with pytest.raises(ClosedError), lender.lend("clean"):
            pass


def test_the_cores_are_those_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "available_cores", lambda: 4)
    assert cores_for(3) == 3 and cores_for(99) == 4
    with pytest.raises(ChainruleError, match="--cores 0: at least 1"):
        cores_for(0)


def test_gpus_are_those_that_are_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus() == []  # no driver
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: one (UUID: a)'\necho 'GPU 1: two (UUID: b)'\n")
    tool.chmod(0o755)
    assert visible_gpus() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert visible_gpus() == ["1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_gpus() == []


@given(st.lists(st.sets(st.integers(0, 11)), min_size=1, max_size=12))
def test_a_stage_is_more_urgent_than_all_that_wait_for_it(before: list[set[int]]) -> None:
    after = {str(n): [str(other) for other in sorted(others) if other < n] for n, others in enumerate(before)}
    found = urgencies(after)
    assert all(found[other] > found[stage] for stage, others in after.items() for other in others)
    assert max(found.values()) <= len(after)
