"""Flow runs that nobody would ever close, on a real Prefect server."""

from collections.abc import Iterator

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas import SetStateStatus
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists
from prefect.states import Pending, Running

from pipelines import flow_runs


@flow
def nothing() -> None:
    """Stand for a flow whose process is gone."""


@pytest.fixture
def client(as_user: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        for kind in ("process", "docker"):
            try:
                client.create_work_pool(WorkPoolCreate(name=f"{kind}-pool", type=kind))
            except ObjectAlreadyExists:
                continue
        yield client


OURS = ["chainrule"]


@pytest.mark.parametrize(
    ("state", "patience", "tags", "pool", "closed"),
    [
        (Running, 0.0, OURS, None, True),
        (Running, 60.0, OURS, None, False),
        (Running, 0.0, [], None, False),
        (Running, 0.0, [*OURS, "process:another-machine:1:2"], None, False),
        (Running, 0.0, [*OURS, flow_runs.mark()], None, False),
        (Pending, 0.0, OURS, "process-pool", True),
        (Pending, 60.0, OURS, "process-pool", False),
        (Pending, 0.0, OURS, "docker-pool", False),
    ],
)
def test_runs_that_no_process_made_its_own_are_closed(client, monkeypatch, state, patience, tags, pool, closed):
    monkeypatch.setattr(flow_runs, "UNMARKED_SECONDS", patience)
    made = client.create_flow_run(nothing, tags=tags, state=state(), work_pool_name=pool)
    assert (made.name in flow_runs.close_dead(client)) == closed
    found = client.read_flow_run(made.id).state
    assert found.is_crashed() == closed
    if not closed:
        client.delete_flow_run(made.id)


def test_a_run_that_only_began_slowly_goes_on_when_it_was_closed(client, monkeypatch):
    monkeypatch.setattr(flow_runs, "UNMARKED_SECONDS", 0.0)
    made = client.create_flow_run(nothing, tags=OURS, state=Pending(), work_pool_name="process-pool")
    assert made.name in flow_runs.close_dead(client)
    assert client.set_flow_run_state(made.id, Running()).status == SetStateStatus.ACCEPT
    client.delete_flow_run(made.id)
