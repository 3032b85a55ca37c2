import pytest

from chainrule.system.errors import ChainruleError
from deploy import postgres, s3, servers, settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in (*settings.SECRETS, *settings.PORTS):
        monkeypatch.delenv(name, raising=False)


def test_secrets_are_made_once_and_are_ours_alone(tmp_path):
    first = settings.read(tmp_path, tmp_path / "team")
    assert settings.read(tmp_path, tmp_path / "team") == first
    assert settings.read(tmp_path, tmp_path / "other").secrets != first.secrets
    assert (tmp_path / "team" / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert all(len(secret) >= 32 for secret in first.secrets.values())


def test_the_environment_comes_first_and_is_not_written_down(tmp_path, monkeypatch):
    monkeypatch.setenv("TEAM_POSTGRES_PASSWORD", "frommyvault")
    monkeypatch.setenv("TEAM_S3_PORT", "9001")
    team = settings.read(tmp_path, tmp_path)
    assert team.secrets["TEAM_POSTGRES_PASSWORD"] == "frommyvault"
    assert team.s3 == "http://127.0.0.1:9001"
    assert "frommyvault" not in (tmp_path / "secrets.env").read_text()


def test_a_secret_that_a_database_was_made_with_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("TEAM_POSTGRES_PASSWORD", "frommyvault")
    settings.read(tmp_path, tmp_path)
    (tmp_path / "postgres").mkdir()
    settings.read(tmp_path, tmp_path)
    monkeypatch.delenv("TEAM_POSTGRES_PASSWORD")
    with pytest.raises(ChainruleError, match="TEAM_POSTGRES_PASSWORD: set when the team"):
        settings.read(tmp_path, tmp_path)


def test_a_file_of_secrets_that_others_can_read_is_refused(tmp_path):
    settings.read(tmp_path, tmp_path)
    (tmp_path / "secrets.env").chmod(0o644)
    with pytest.raises(ChainruleError, match="chmod 600"):
        settings.read(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("TEAM_S3_PORT", "70000", "port from 1 to 65535"),
        ("TEAM_S3_PORT", "5000", "same port"),
        ("TEAM_POSTGRES_PASSWORD", "a/b@c", "letters, digits"),
    ],
)
def test_what_cannot_be_is_said(tmp_path, monkeypatch, name, text, said):
    monkeypatch.setenv(name, text)
    with pytest.raises(ChainruleError, match=said):
        settings.read(tmp_path, tmp_path)


def test_no_secret_is_on_a_command_line(tmp_path):
    team = settings.read(tmp_path, tmp_path)
    made = [servers.mlflow(team), servers.prefect(team), *servers.workers(team), servers.serve(team), s3.s3(team)]
    words = " ".join(word for piece in made for word in piece.command)
    assert not [name for name, secret in team.secrets.items() if secret in words]


def test_a_missing_program_is_named_with_what_to_install(tmp_path, monkeypatch):
    team = settings.read(tmp_path, tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setattr("pathlib.Path.glob", lambda self, pattern: iter(()))
    with pytest.raises(ChainruleError, match="apt-get install postgresql"):
        postgres.postgres(team)
    with pytest.raises(ChainruleError, match="uv sync --extra team"):
        s3.s3(team)


def test_a_database_of_another_version_is_not_touched(tmp_path):
    team = settings.read(tmp_path, tmp_path)
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("8\n")
    with pytest.raises(ChainruleError, match=r"written by PostgreSQL 8|not installed"):
        postgres.postgres(team)
