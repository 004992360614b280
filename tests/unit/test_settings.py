"""Settings: where values come from, and what is said about bad ones."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import settings_checks
from app.grading import endpoint
from app.i18n import LANGUAGES, ProblemError
from app.settings import Settings, SettingsError, load_settings, shown, sources

ROOT = Path(__file__).parents[2]
KEY = "k" * 32


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No setting of this machine, and a VAR_DIR of the test's own."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name.upper() + "_FILE", raising=False)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    yield


def problems(**given: str) -> list[str]:
    """The sentences that these variables cause."""
    os.environ.update(given)
    try:
        with pytest.raises(SettingsError) as error:
            load_settings()
    finally:
        for name in given:
            del os.environ[name]
    return [text.render("en") for text in error.value.problems]


def test_nothing_needs_to_be_set() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.postgres_url) == ("127.0.0.1", 8080, "")
    assert not settings.asks_model


def test_the_made_key_is_kept_private_and_the_same_next_time(tmp_path: Path) -> None:
    first = load_settings().secret_key.get_secret_value()
    path = tmp_path / "var" / "secret_key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_settings().secret_key.get_secret_value() == first
    assert len(first) >= 43
    assert [child.name for child in path.parent.iterdir()] == ["secret_key"]


def test_starts_at_once_agree_on_one_key() -> None:
    code = "from app.settings import load_settings; print(load_settings().secret_key.get_secret_value())"
    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in started}) == 1


def test_a_cut_off_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "secret_key").write_text("short\n")
    with pytest.raises(ProblemError, match="secret_key does not hold a usable key"):
        load_settings()


def test_production_needs_a_key(tmp_path: Path) -> None:
    (said,) = problems(ENVIRONMENT="production")
    assert said.startswith("SECRET_KEY is required in production")
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("environment", ["development", "production"])
def test_a_short_key_is_refused_everywhere(environment: str) -> None:
    (said,) = problems(ENVIRONMENT=environment, SECRET_KEY="k" * 31)
    assert "too short" in said
    assert "kkk" not in said


def test_a_file_gives_a_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    assert load_settings().secret_key.get_secret_value() == KEY
    assert sources()["SECRET_KEY"] == "SECRET_KEY_FILE"


def test_a_value_and_a_file_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("81")
    assert problems(PORT="80", PORT_FILE=str(tmp_path / "port")) == [
        "PORT and PORT_FILE are both set; keep one of them."
    ]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    (said,) = problems(LLM_MODEL_FILE=str(path))
    assert said.startswith(f"LLM_MODEL_FILE={path} cannot be read: ")


def test_empty_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "PORT", "LOG_FILE", "ALLOWED_HOSTS", "PORT_FILE"):
        monkeypatch.setenv(name, "")
    settings = load_settings()
    assert (settings.port, settings.log_file) == (8080, None)
    assert "localhost" in settings.allowed_hosts


@pytest.mark.parametrize("name", ["mysql", "sqlite", "json", "MariaDB"])
def test_other_databases_stop_the_start_and_say_what_serves(name: str) -> None:
    (said,) = problems(DATABASE_TYPE=name)
    assert said.startswith(f"DATABASE_TYPE={name} is not served")
    assert "postgresql://" in said


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("postgresql://u:p@h:5/d", "postgresql://u:p@h:5/d"),
        ("postgres://u:p@h/d", "postgresql://u:p@h/d"),
        ("postgresql+asyncpg://h/d", "postgresql://h/d"),
        (" postgres://u@/d?host=/run/x&port=5432 ", "postgresql://u@/d?host=/run/x&port=5432"),
    ],
)
def test_spellings_of_a_database_url(monkeypatch: pytest.MonkeyPatch, given: str, plain: str) -> None:
    monkeypatch.setenv("DATABASE_URL", given)
    settings = load_settings()
    assert settings.postgres_url == settings.checkpoint_url == plain
    assert settings.sqlalchemy_url == plain.replace("postgresql:", "postgresql+asyncpg:")


@pytest.mark.parametrize(
    "given",
    ["mysql://u:hidden@h/d", "hidden", "postgresql:hidden", "postgres://h:hidden/d", "sqlite:///hidden"],
)
@pytest.mark.parametrize("name", ["DATABASE_URL", "POSTGRES_CHECKPOINT_URL"])
def test_bad_database_urls_are_named_but_not_shown(name: str, given: str) -> None:
    (said,) = problems(**{name: given})
    assert said.startswith(f"{name} must be")
    assert "hidden" not in said


@pytest.mark.parametrize("given", ["unix:///run/valkey.sock?db=0", "rediss://:p@h:6380/1", "redis://h"])
def test_redis_urls(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("REDIS_URL", given)
    assert load_settings().redis_url.get_secret_value() == given


@pytest.mark.parametrize("given", ["http://h", "h:6379", "redis://h:port"])
def test_bad_redis_urls(given: str) -> None:
    (said,) = problems(REDIS_URL=given)
    assert said.startswith("REDIS_URL must be")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "web", "PORT=web is not a whole number."),
        ("PORT", "70000", "PORT=70000 is too large: the most is 65535."),
        ("PORT", "0", "PORT=0 is too small: the least is 1."),
        ("MAX_FILE_SIZE", "10.5", "MAX_FILE_SIZE=10.5 is not a whole number."),
        ("LLM_TIMEOUT", "soon", "LLM_TIMEOUT=soon is not a number."),
        ("LLM_TIMEOUT", "0", "LLM_TIMEOUT=0 is too small: it must be more than 0.0."),
        ("DEBUG", "*", "DEBUG=* is neither true nor false."),
        ("ENVIRONMENT", "prod", "ENVIRONMENT=prod is none of development, production."),
        ("LOG_LEVEL", "loud", "LOG_LEVEL=loud is none of DEBUG, INFO, WARNING, ERROR."),
        (
            "LLM_BASE_URL",
            "ftp://h",
            "LLM_BASE_URL=ftp://h must be an address that starts with http:// or https://.",
        ),
        ("LLM_PROVIDER", "custom", "LLM_PROVIDER=custom needs LLM_BASE_URL: the address of the endpoint."),
        ("VISION_BELOW", "85", "VISION_BELOW=85 is too large: the most is 1.0."),
        ("VISION_BELOW", "nan", "VISION_BELOW=nan is too large: the most is 1.0."),
        (
            "VISION_MODEL",
            "a model\nthat sees",
            "VISION_MODEL=a model\\nthat sees is not the name of a model, such as qwen/qwen3-vl-8b-instruct.",
        ),
    ],
)
def test_bad_values_are_named_with_what_would_do(name: str, value: str, said: str) -> None:
    assert problems(**{name: value}) == [said]


def test_all_bad_values_are_reported_at_once() -> None:
    said = problems(
        PORT="x", DEBUG="maybe", DATABASE_TYPE="json", LLM_PROVIDER="z", SECRET_KEY_FILE="/no/such/file"
    )
    assert {sentence.replace(" ", "=").split("=")[0] for sentence in said} == {
        "SECRET_KEY_FILE",
        "PORT",
        "DEBUG",
        "DATABASE_TYPE",
        "LLM_PROVIDER",
    }


def test_what_does_not_fit_together_is_told_beside_bad_values() -> None:
    said = problems(
        PORT="x", SECRET_KEY="short", LLM_PROVIDER="custom", DATABASE_PASSWORD="p", DATABASE_URL="h"
    )
    assert [sentence.split(" ")[0] for sentence in said] == [
        "PORT=x",
        "DATABASE_URL",  # what is bad by itself is not told again for its password
        "LLM_PROVIDER=custom",
        "SECRET_KEY",
    ]


def test_a_key_that_cannot_be_read_is_not_also_missing() -> None:
    (said,) = problems(ENVIRONMENT="production", SECRET_KEY_FILE="/no/such/file")
    assert said.startswith("SECRET_KEY_FILE=/no/such/file cannot be read")


# --- Passwords beside addresses ---------------------------------------------------------------------------------------


def test_passwords_are_filled_into_the_addresses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "database").write_text("p@s/s w:rd%\n")
    monkeypatch.setenv("DATABASE_URL", "postgresql://zhupi@db:5432/zhupi")
    monkeypatch.setenv("POSTGRES_CHECKPOINT_URL", "postgresql://zhupi@other/checkpoints?sslmode=require")
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", str(tmp_path / "database"))
    monkeypatch.setenv("REDIS_URL", "redis://redis:6379/0")
    monkeypatch.setenv("REDIS_PASSWORD", "geheim")
    settings = load_settings()
    assert settings.postgres_url == "postgresql://zhupi:p%40s%2Fs%20w%3Ard%25@db:5432/zhupi"
    assert settings.checkpoint_url == (
        "postgresql://zhupi:p%40s%2Fs%20w%3Ard%25@other/checkpoints?sslmode=require"
    )
    assert settings.redis_url.get_secret_value() == "redis://:geheim@redis:6379/0"
    printed = " ".join(shown(settings, name) for name in Settings.model_fields)
    assert "geheim" not in printed
    assert "p%40s" not in printed
    assert "zhupi:********@db:5432/zhupi" in printed


def test_a_checkpoint_database_keeps_its_own_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@db/d")
    monkeypatch.setenv("POSTGRES_CHECKPOINT_URL", "postgresql://u:own@other/c")
    monkeypatch.setenv("DATABASE_PASSWORD", "p")
    settings = load_settings()
    assert (settings.postgres_url, settings.checkpoint_url) == (
        "postgresql://u:p@db/d",
        "postgresql://u:own@other/c",
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"DATABASE_PASSWORD": "p"}, "DATABASE_PASSWORD needs DATABASE_URL: the address that it is for."),
        ({"REDIS_PASSWORD": "p"}, "REDIS_PASSWORD needs REDIS_URL: the address that it is for."),
        (
            {"DATABASE_PASSWORD": "hidden", "DATABASE_URL": "postgresql://u:hidden@h/d"},
            "DATABASE_PASSWORD and a password in DATABASE_URL are both set; keep one of them.",
        ),
        (
            {"DATABASE_PASSWORD": "hidden", "DATABASE_URL": "postgresql://u@h/d?password=hidden"},
            "DATABASE_PASSWORD and a password in DATABASE_URL are both set; keep one of them.",
        ),
        (
            {"REDIS_PASSWORD": "hidden", "REDIS_URL": "redis://:hidden@h"},
            "REDIS_PASSWORD and a password in REDIS_URL are both set; keep one of them.",
        ),
        (
            {"DATABASE_PASSWORD": "hidden", "DATABASE_URL": "postgresql://h/d"},
            "DATABASE_PASSWORD needs a user in DATABASE_URL, as in postgresql://user@host/database.",
        ),
    ],
)
def test_passwords_that_do_not_fit(given: dict[str, str], said: str) -> None:
    assert problems(**given) == [said]


# --- Other values -----------------------------------------------------------------------------------------------------


def test_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.5, 172.20.1.1/16,::1,[fd00::]/8")
    with pytest.raises(SettingsError):
        load_settings()
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.5, 172.20.1.1/16,::1,[fd00::2]")
    assert load_settings().trusted_proxies == ("10.0.0.5/32", "172.20.0.0/16", "::1/128", "fd00::2/128")


@pytest.mark.parametrize("value", ["nginx", "*", "10.0.0.0/33", "10.0.0", "1.2.3.4-1.2.3.9"])
def test_proxies_that_are_none(value: str) -> None:
    assert problems(TRUSTED_PROXIES=f"10.0.0.5,{value}") == [
        f"TRUSTED_PROXIES: {value} is not an address or network such as 10.0.0.5 or 172.16.0.0/12."
    ]


def test_a_log_that_would_be_put_aside_all_the_time() -> None:
    (said,) = problems(LOG_FILE_MAX_SIZE="100")
    assert said == "LOG_FILE_MAX_SIZE=100 is too small: the least is 65536, or 0 to leave it to others."
    assert problems(LOG_FILE_MAX_SIZE="-1", LOG_FILE_KEPT="0") == [
        "LOG_FILE_MAX_SIZE=-1 is too small: the least is 0.",
        "LOG_FILE_KEPT=0 is too small: the least is 1.",
    ]


@pytest.mark.parametrize("value", ["gs://bucket", "s3://", "s3:///prefix", "https://bucket/x", "s3://b c"])
def test_uploads_that_lie_nowhere(value: str) -> None:
    assert problems(UPLOAD_DIR=value) == [
        f"UPLOAD_DIR={value} must be a folder or an address such as s3://bucket/prefix."
    ]


def test_backups_lie_in_var_unless_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load_settings().backups == tmp_path / "var" / "backups"
    monkeypatch.setenv("BACKUP_DIR", "backups")
    assert load_settings().backups == Path("backups").absolute()


def test_a_variable_that_looks_like_a_setting_stops_the_start() -> None:
    assert problems(REDIS_UR="redis://h", ZHUPI_COLOUR="red", PORT="x") == [
        "PORT=x is not a whole number.",
        "REDIS_UR is not a setting. Did you mean REDIS_URL?",
        "ZHUPI_COLOUR is not a setting; docs/settings.md lists them all.",
    ]


def test_small_letters_are_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("port", "81")
    monkeypatch.setenv("debug", "true")
    assert (load_settings().port, load_settings().debug) == (8080, False)


@pytest.mark.parametrize(
    ("given", "language"),
    [
        ("zh", "zh"),
        ("zh_CN.UTF-8", "zh"),
        ("de:zh_TW:en", "zh"),
        ("en_US:en", "en"),
        ("fr_FR", "en"),
        ("C", "en"),
    ],
)
def test_a_desktops_language_list(monkeypatch: pytest.MonkeyPatch, given: str, language: str) -> None:
    monkeypatch.setenv("LANGUAGE", given)
    assert load_settings().language == language


def test_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "*.Example.com, localhost,,[::1]")
    monkeypatch.setenv("ALLOWED_EXTENSIONS", "pdf,.TXT")
    monkeypatch.setenv("CSRF_TRUSTED_ORIGINS", "https://*.example.com")
    settings = load_settings()
    assert settings.allowed_hosts == ("*.example.com", "localhost", "::1")
    assert settings.allowed_extensions == (".pdf", ".txt")
    assert settings.csrf_trusted_origins == ("https://*.example.com",)


@pytest.mark.parametrize("value", ["https://a.b/path", "a.b", "https://a.b/"])
def test_origins_have_a_scheme_and_no_path(value: str) -> None:
    (said,) = problems(CSRF_TRUSTED_ORIGINS=value)
    assert value in said


@pytest.mark.parametrize("value", ["http://a.b", "a b", "a.*.b", "a.b/c"])
def test_hosts_are_names(value: str) -> None:
    (said,) = problems(ALLOWED_HOSTS=value)
    assert said.startswith("ALLOWED_HOSTS: ")


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hidden@h/d?x=://hidden")
    monkeypatch.setenv("LLM_API_KEY", "hidden")
    monkeypatch.setenv("SECRET_KEY", "hidden" * 8)
    settings = load_settings()
    assert "hidden" not in repr(settings)
    assert "hidden" not in str(settings.model_dump())
    assert [shown(settings, name) for name in ("database_url", "llm_api_key", "redis_url", "port")] == [
        "postgresql://u:********@h/d?********",
        "********",
        "",
        "8080",
    ]


def test_uploads(tmp_path: Path) -> None:
    assert Settings(var_dir=Path("v")).uploads == str(Path("v/uploads").absolute())
    assert Settings(upload_dir=str(tmp_path)).uploads == str(tmp_path)
    assert Settings(upload_dir="s3://bucket/a").uploads == "s3://bucket/a"


def test_services_fill_the_addresses() -> None:
    settings = Settings().with_services("postgresql://h/d", "unix:///x")
    assert (settings.postgres_url, settings.redis_url.get_secret_value()) == ("postgresql://h/d", "unix:///x")


def test_a_var_dir_that_cannot_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "file" / "var"))
    with pytest.raises(ProblemError, match="VAR_DIR="):
        load_settings()


def test_the_engine_knows_the_same_providers() -> None:
    assert set(settings_checks.PROVIDERS) == set(endpoint.PROVIDERS)
    assert set(settings_checks.OWN_PROVIDERS) == endpoint.WITHOUT_KEY
    assert set(settings_checks.ADDRESS_NEEDED) == {
        name for name, url in endpoint.PROVIDERS.items() if not url
    }


def test_every_language_is_a_setting() -> None:
    for language in LANGUAGES:
        assert Settings.model_validate({"language": language}).language == language


def test_the_documentation_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "tools/settings_docs.py", "--check"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, "run python tools/settings_docs.py"


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_says_what_it_means(name: str) -> None:
    assert len(Settings.model_fields[name].description or "") > 20


def test_pictures_leave_only_with_a_model_named_for_them_that_can_be_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LLM_API_KEY", "sk-1")
    assert not load_settings().shows_pages
    monkeypatch.setenv("VISION_MODEL", " sees/pages ")
    settings = load_settings()
    assert settings.shows_pages
    assert settings.vision_model == "sees/pages"
    monkeypatch.delenv("LLM_API_KEY")
    assert not load_settings().shows_pages
