"""The compose file: what every service must have, what none may have, and that every setting reaches the app."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # tests need no stubs

from app.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("app", "migrate", "worker", "backup")
SCRIPTS = sorted([*(ROOT / "deploy").rglob("*.sh")])
# The few rights that a container needs beyond none, each tried: without it the container does not start.
RIGHTS = {
    "db": {"CHOWN", "DAC_READ_SEARCH", "FOWNER", "KILL", "SETGID", "SETUID"},
    "redis": {"CHOWN", "DAC_READ_SEARCH", "SETGID", "SETUID"},
}
SECRET = re.compile(r"(?i)(password|secret|key|token)")

services = pytest.mark.parametrize("name", SERVICES)


def test_the_parts_are_those_of_the_decision() -> None:
    assert set(SERVICES) == {"nginx", "app", "migrate", "worker", "backup", "db", "redis"}
    assert set(COMPOSE["networks"]) == {"edge", "front", "back", "outside"}
    assert set(COMPOSE["volumes"]) == {"data", "db", "redis", "backups"}


@services
def test_a_service_starts_without_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert set(service.get("cap_add", ())) == RIGHTS.get(name, set())
    assert not {"privileged", "network_mode", "pid", "ipc", "devices", "userns_mode"} & set(service)
    # Those that begin as root are those that hand on a secret and then go on as a user of their own.
    assert service.get("user") == (None if name in RIGHTS else "10001:10001")


@services
def test_a_service_has_limits_and_reservations(name: str) -> None:
    resources = SERVICES[name]["deploy"]["resources"]
    assert {"cpus", "memory", "pids"} == set(resources["limits"])
    assert {"cpus", "memory"} == set(resources["reservations"])
    assert SERVICES[name]["ulimits"]["nofile"]["soft"] >= 16384
    assert re.fullmatch(r"\d+s", SERVICES[name]["stop_grace_period"])


@services
def test_a_service_is_looked_at_restarted_and_does_not_fill_the_disk(name: str) -> None:
    service = SERVICES[name]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    if name == "migrate":
        assert service["restart"] == "no" and service["healthcheck"] == {"disable": True}
        return
    assert service["restart"] == "unless-stopped"
    check = service["healthcheck"]
    assert check["test"][0] == "CMD", "no shell between the engine and the check"
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)
    # Docker Engine below 25 refuses it.
    assert "start_interval" not in check


def test_the_health_checks_ask_what_the_service_is_for() -> None:
    database = (ROOT / "deploy/db/healthy.sh").read_text()
    assert "psql -h 127.0.0.1 -U zhupi" in database and "/run/secrets/db_password" in database
    redis = (ROOT / "deploy/redis/healthy.sh").read_text()
    assert "REDISCLI_AUTH" in redis and "PONG" in redis
    assert b"GET /health/ready " in (ROOT / "deploy/container/ready.py").read_bytes()


def test_only_nginx_is_published_and_the_stores_have_no_way_out() -> None:
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["nginx"]
    assert COMPOSE["networks"]["back"] == COMPOSE["networks"]["front"] == {"internal": True}
    assert SERVICES["db"]["networks"] == SERVICES["redis"]["networks"] == ["back"]
    assert SERVICES["nginx"]["networks"] == ["edge", "front"]
    assert "edge" not in {network for name in OURS for network in SERVICES[name]["networks"]}


def test_what_must_last_lies_on_volumes() -> None:
    assert "db:/var/lib/postgresql/data" in SERVICES["db"]["volumes"]
    assert SERVICES["db"]["environment"]["PGDATA"].startswith("/var/lib/postgresql/data/")
    assert "--data-checksums" in SERVICES["db"]["environment"]["POSTGRES_INITDB_ARGS"]
    assert "redis:/data" in SERVICES["redis"]["volumes"]
    assert "appendonly yes" in (ROOT / "deploy/redis/entry.sh").read_text()
    for name in ("app", "worker", "backup"):
        assert "data:/data" in SERVICES[name]["volumes"]
    for service in SERVICES.values():
        mounted = {place.partition(":")[0] for place in service.get("tmpfs", ())}
        assert not mounted & {"/data", "/backups", "/var/lib/postgresql/data"}


@services
def test_a_service_has_no_password_in_its_settings(name: str) -> None:
    for key, value in (SERVICES[name].get("environment") or {}).items():
        if SECRET.search(key):
            assert key.endswith("_FILE") and str(value).startswith("/run/secrets/"), key
        assert not re.search(r"://[^/@:]+:[^/@]+@", str(value)), f"{key} has a password in its address"
    # A default in ${NAME:-default} would be one that everybody knows.
    assert not re.search(r"\$\{\w*(?:PASSWORD|SECRET_KEY|API_KEY)\w*:?-[^}]", str(SERVICES[name]))


def test_the_secrets_are_files_that_make_secrets_makes() -> None:
    from deploy import secret_files

    assert set(COMPOSE["secrets"]) == set(secret_files.NEW)
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}
    assert used == set(COMPOSE["secrets"])
    assert SERVICES["db"]["secrets"] == ["db_password"]
    assert SERVICES["redis"]["secrets"] == ["redis_password"]
    assert not SERVICES["nginx"].get("secrets")
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/secrets/", "/.env", "/docker-compose.override.yml"} <= set(ignored)
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*", (
        "the build sees nothing but what is listed"
    )


@pytest.mark.parametrize("name", OURS)
def test_every_setting_can_be_given(name: str) -> None:
    service = SERVICES[name]
    # .env goes in whole: every setting that the compose file does not fix can stand there.
    assert service["env_file"] == [{"path": ".env", "required": False}]
    fixed = {key for key, value in service["environment"].items() if "${" not in str(value)}
    names = {field.upper() for field in Settings.model_fields}
    assert fixed <= names | {f"{one}_FILE" for one in names} | {"TRUSTED_PROXIES"}
    assert {key.removesuffix("_FILE") for key in fixed} & names <= {
        "ENVIRONMENT",
        "HOST",
        "PORT",
        "VAR_DIR",
        "BACKUP_DIR",
        "SECRET_KEY",
        "DATABASE_PASSWORD",
        "REDIS_PASSWORD",
        "LLM_API_KEY",
    }


def test_a_variable_of_compose_is_no_slip_of_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """.env is read by both: its names for compose must not stop the app, which refuses near misses."""
    from app.settings import load_settings

    text = (ROOT / "docker-compose.yml").read_text() + (ROOT / ".env.example").read_text()
    mine = set(re.findall(r"\$\{([A-Z_]+)", text)) | set(re.findall(r"^#([A-Z_]+)=", text, re.MULTILINE))
    settings = {field.upper() for field in Settings.model_fields}
    assert {"HTTP_PORT", "APP_REPLICAS", "DB_MEMORY"} <= mine - settings
    monkeypatch.setenv("SECRET_KEY", "s" * 40)
    for name in mine - settings:
        monkeypatch.setenv(name, "1")
    load_settings()


def test_what_env_example_offers_exists() -> None:
    offered = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    known = {field.upper() for field in Settings.model_fields}
    known |= set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    known |= {"COMPOSE_PROFILES"}  # compose's own
    assert offered and sorted(offered - known) == []


def test_the_app_waits_for_what_it_needs() -> None:
    for name in ("app", "worker"):
        assert SERVICES[name]["depends_on"] == {
            "db": {"condition": "service_healthy"},
            "redis": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }
    # nginx shows its calm page while nothing else is there.
    assert "depends_on" not in SERVICES["nginx"]
    assert {name for name in SERVICES if SERVICES[name].get("profiles")} == {"worker", "backup"}


def test_a_replica_is_given_the_time_that_its_requests_have() -> None:
    from app.serve import GRACE_SECONDS
    from deploy.roll import STOP_SECONDS

    grace = int(SERVICES["app"]["stop_grace_period"].rstrip("s"))
    assert grace == STOP_SECONDS > GRACE_SECONDS + 10


def test_the_image_is_of_the_hashed_lock_and_ends_without_rights() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes" in text and "-r locks/prod.txt" in text
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", text, re.MULTILINE)
    assert {"wheels", "assets", "runtime", "development"} <= {stage for _, stage in stages}
    assert stages[-1] == ("runtime", "production")
    runtime = text.partition(" AS runtime")[2].partition("\nFROM ")[0]
    assert "USER 10001:10001" in runtime and 'ENTRYPOINT ["zhupi"]' in runtime and "HEALTHCHECK" in runtime
    assert not re.search(r"\b(gcc|curl|npm|node)\b", runtime)
    assert all("start-interval" not in line for line in text.splitlines())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_script_is_plain_sh_that_stops_at_an_error(script: Path) -> None:
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/bin/sh" and "set -eu" in lines
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    if shutil.which("shellcheck"):
        assert subprocess.run(["shellcheck", script], check=False).returncode == 0
    assert script.stat().st_mode & stat.S_IROTH or not (ROOT / ".git").exists()


def test_no_verb_of_the_makefile_is_taken_for_a_file() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    phony = set(re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split())
    assert set(re.findall(r"^([a-z][a-z-]*):.*## ", text, re.MULTILINE)) == phony


def test_the_example_hands_the_keys_of_a_bucket_over_as_files() -> None:
    text = (ROOT / "docker-compose.override.example.yml").read_text(encoding="utf-8")

    def block(first: str) -> str:
        """The commented lines from one on, up to an empty line, as they are when the comment is taken away."""
        lines = text[text.index(first) :].partition("\n\n")[0].splitlines()
        return "\n".join(re.sub(r"^( *)# ", r"\1", line) for line in lines)

    example = yaml.safe_load("services:\n  " + block("# app: &s3") + "\n" + block("# secrets:"))
    for name in ("app", "worker", "backup"):
        service = example["services"][name]
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            assert service["environment"][f"{variable}_FILE"] == f"/run/secrets/{variable.lower()}"
            assert variable.lower() in service["secrets"]
            assert example["secrets"][variable.lower()] == {"file": f"./secrets/{variable.lower()}"}
        networks = {*SERVICES[name]["networks"], *service.get("networks", ())}
        assert "outside" in networks, "a bucket is not on the networks inside"
