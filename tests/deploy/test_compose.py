"""What can be said of the compose file and the images without Docker."""

import re

import pytest
import yaml

from deploy.settings import PORTS, SECRETS


@pytest.fixture(scope="module")
def compose(project):
    return yaml.safe_load((project / "deploy" / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def example(project):
    lines = (project / "deploy" / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_service_that_stays_has_a_health_check(compose):
    staying = {name for name, service in compose["services"].items() if service["restart"] != "no"}
    assert staying == {"postgres", "s3", "mlflow", "prefect", "worker", "serve"}
    assert all("healthcheck" in compose["services"][name] for name in staying)


def test_ports_are_published_on_loopback_by_default(compose):
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(ports) == len(PORTS)
    for port in ports:
        assert re.fullmatch(r"\$\{TEAM_ADDRESS:-127\.0\.0\.1\}:\$\{TEAM_\w+_PORT:-\d+\}:\d+", port)
    defaults = dict(re.findall(r"\{(TEAM_\w+_PORT):-(\d+)\}", " ".join(ports)))
    assert {name: int(port) for name, port in defaults.items()} == PORTS


def test_secrets_come_from_the_environment_only(project, compose, example):
    text = (project / "deploy" / "compose.yaml").read_text()
    for name in SECRETS:
        assert example[name] == "", f"{name} has a value that could be used as it is"
        assert f"${{{name}:?" in text and f"${{{name}}}" not in text, f"{name} may be empty"
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            secret = re.search(r"PASSWORD|SECRET|TOKEN|AUTH_STRING|ACCESS_KEY", name)
            assert not secret or str(value).startswith("${"), f"{name} is written out"


def test_the_example_names_every_variable_of_the_compose_file(project, example):
    text = (project / "deploy" / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+)", text)) == set(example)


def test_nobody_is_root_and_tags_are_pinned(project, compose):
    for name, service in compose["services"].items():
        assert service["user"] == ("999:999" if name == "postgres" else "${TEAM_UID:-10001}"), name
        assert re.fullmatch(r"[\w-]+:\d+\.\d+[\w.-]*", service["image"]), name
        assert service["cap_drop"] == ["ALL"]
    stages = (project / "deploy" / "Dockerfile").read_text().split("\nFROM ")
    for last in (stage for stage in stages if re.match(r"python AS (project|serve)\n", stage)):
        assert "\nUSER chainrule\n" in last
    bases = [re.match(r"(?:.*\nFROM )?(\S+)", stage, re.DOTALL)[1] for stage in stages[1:]]
    assert all(re.search(r":\d+\.\d+\.\d+", base) for base in bases if "/" in base or ":" in base)


def test_volumes_are_named_and_used(compose):
    mounted = [volume for service in compose["services"].values() for volume in service.get("volumes", [])]
    named = {volume.split(":")[0] for volume in mounted if not volume.startswith((".", "$"))}
    assert named == set(compose["volumes"]) == {"postgres", "s3", "prefect", "served", "observed"}
