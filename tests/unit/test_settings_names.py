"""Slips stop the start; the rest of the world's variables do not."""

from __future__ import annotations

import pytest

from app.settings import Settings
from app.settings_names import COMMON, LONG, SHORTEST, slips, unknown

NAMES = [name.upper() for name in Settings.model_fields]


def said(**environment: str) -> list[str]:
    return [text.render("en") for text in unknown(environment, NAMES)]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("REDIS_UR", "REDIS_URL"),
        ("REDIS_URI", "REDIS_URL"),
        ("REDIS_RUL", "REDIS_URL"),
        ("REDISURL", "REDIS_URL"),
        ("redis_url", "REDIS_URL"),
        ("Redis_Url", "REDIS_URL"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("DATABSE_ULR", "DATABASE_URL"),
        ("MAX_FILESIZE", "MAX_FILE_SIZE"),
        ("MAXFILESIZE", "MAX_FILE_SIZE"),
        ("LLM_APIKEY", "LLM_API_KEY"),
        ("LLM_APIKEY_FILE", "LLM_API_KEY_FILE"),
        ("LLM_API_KEY_FIEL", "LLM_API_KEY_FILE"),
        ("SECRET_KEYFILE", "SECRET_KEY_FILE"),
        ("SECRETKEY", "SECRET_KEY"),
        ("ALLOWED_HOST", "ALLOWED_HOSTS"),
        ("ALOWED_HOSTS", "ALLOWED_HOSTS"),
        ("ENVIROMENT", "ENVIRONMENT"),
        ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
        ("CSRF_TRUSTED_ORIGIN", "CSRF_TRUSTED_ORIGINS"),
        ("UPLOADS_DIR", "UPLOAD_DIR"),
        ("POSTGRES_CHECKPOINTS_URL", "POSTGRES_CHECKPOINT_URL"),
        ("LOG_LEVLE", "LOG_LEVEL"),
        ("ZHUPI_PORT", "PORT"),
        ("ZHUPI_DATABASE_URL", "DATABASE_URL"),
        ("ZHUPI_DATABASE_ULR", "DATABASE_URL"),
        ("zhupi_redis_url", "REDIS_URL"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(name: str, meant: str) -> None:
    assert said(**{name: "x"}) == [f"{name} is not a setting. Did you mean {meant}?"]


def test_our_prefix_is_never_ignored() -> None:
    assert said(ZHUPI_COLOUR="red") == ["ZHUPI_COLOUR is not a setting; docs/settings.md lists them all."]


@pytest.mark.parametrize("name", NAMES)
def test_settings_and_their_files_are_known(name: str) -> None:
    assert said(**{name: "x"}) == said(**{name + "_FILE": "x"}) == []


def test_an_empty_variable_is_not_given() -> None:
    assert said(REDIS_UR="", ZHUPI_PORT=" ") == []


def test_beside_the_setting_itself_a_name_like_it_is_somebody_elses() -> None:
    assert said(REDIS_URI="redis://other", REDIS_URL="redis://ours") == []
    assert said(DATABASE_URI="x", DATABASE_URL_FILE="/run/secrets/url") == []
    assert said(ZHUPI_REDIS_URL="x", REDIS_URL="redis://ours") != []


SHELL = """
HOME PATH PWD OLDPWD SHELL SHLVL TERM TERM_PROGRAM TERM_PROGRAM_VERSION COLORTERM USER USERNAME LOGNAME MAIL HOSTNAME
HOST HOSTTYPE MACHTYPE OSTYPE LANG LANGUAGE LC_ALL LC_CTYPE LC_MESSAGES LC_TIME LC_NUMERIC LC_MONETARY LC_PAPER LC_NAME
LC_ADDRESS LC_TELEPHONE LC_MEASUREMENT LC_IDENTIFICATION TZ EDITOR VISUAL PAGER LESS LESSOPEN LESSCLOSE LS_COLORS
MANPATH INFOPATH HISTFILE HISTSIZE HISTCONTROL PS1 PS2 IFS ENV BASH_ENV TMPDIR TEMP TMP COLUMNS LINES SSH_AUTH_SOCK
SSH_AGENT_PID SSH_CLIENT SSH_CONNECTION SSH_TTY GPG_AGENT_INFO SUDO_USER SUDO_UID SUDO_GID SUDO_COMMAND DISPLAY
XAUTHORITY XDG_SESSION_ID XDG_SESSION_TYPE XDG_SESSION_CLASS XDG_SESSION_DESKTOP XDG_RUNTIME_DIR XDG_CONFIG_HOME
XDG_CONFIG_DIRS XDG_DATA_HOME XDG_DATA_DIRS XDG_CACHE_HOME XDG_STATE_HOME XDG_CURRENT_DESKTOP XDG_MENU_PREFIX XDG_VTNR
XDG_SEAT DESKTOP_SESSION SESSION_MANAGER GDMSESSION GNOME_DESKTOP_SESSION_ID GTK_MODULES GTK_IM_MODULE QT_IM_MODULE
QT_ACCESSIBILITY XMODIFIERS WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS DBUS_STARTER_ADDRESS JOURNAL_STREAM INVOCATION_ID
MANAGERPID SYSTEMD_EXEC_PID LISTEN_FDS LISTEN_PID LISTEN_FDNAMES NOTIFY_SOCKET WATCHDOG_USEC CREDENTIALS_DIRECTORY
RUNTIME_DIRECTORY STATE_DIRECTORY CACHE_DIRECTORY LOGS_DIRECTORY CONFIGURATION_DIRECTORY VIRTUAL_ENV CONDA_PREFIX
PYTHONPATH PYTHONHOME PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PYTHON_VERSION PYTHON_SHA256 PYTHON_PIP_VERSION
GPG_KEY PIP_NO_CACHE_DIR PIP_INDEX_URL UV_CACHE_DIR NODE_ENV NPM_CONFIG_CACHE GOPATH JAVA_HOME CARGO_HOME
http_proxy https_proxy no_proxy all_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY SSL_CERT_FILE SSL_CERT_DIR
REQUESTS_CA_BUNDLE CURL_CA_BUNDLE host port debug user _ __CF_USER_TEXT_ENCODING
"""
CONTAINER = """
container DOCKER_HOST DOCKER_CERT_PATH DOCKER_TLS_VERIFY DOCKER_CONFIG DOCKER_BUILDKIT COMPOSE_PROJECT_NAME COMPOSE_FILE
COMPOSE_PROFILES COMPOSE_PATH_SEPARATOR COMPOSE_HTTP_TIMEOUT BUILDKIT_PROGRESS BUILD_NETWORK APP_REPLICAS HTTP_PORT
HTTPS_PORT POSTGRES_USER POSTGRES_PASSWORD POSTGRES_PASSWORD_FILE POSTGRES_DB POSTGRES_INITDB_ARGS POSTGRES_HOST
POSTGRES_PORT POSTGRES_URL PGHOST PGPORT PGUSER PGPASSWORD PGPASSFILE PGDATABASE PGDATA PG_MAJOR PG_VERSION
REDIS_VERSION REDIS_HOST REDIS_PORT REDIS_DB REDISCLI_AUTH DB_HOST DB_PORT DB_NAME DB_USER DB_PASS DB_PASSWORD DB_URL
NGINX_VERSION NGINX_ENVSUBST_TEMPLATE_DIR NJS_VERSION PKG_RELEASE ENTRYPOINT_WORKER_PROCESSES_AUTOTUNE
KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_SERVICE_PORT_HTTPS KUBERNETES_PORT POD_NAME POD_IP
POD_NAMESPACE NODE_NAME MY_POD_IP SERVICE_ACCOUNT NOMAD_ALLOC_ID NOMAD_PORT_http DYNO PORT0 FLY_APP_NAME RENDER
RAILWAY_ENVIRONMENT GITHUB_ACTIONS GITHUB_TOKEN GITHUB_REF CI CI_COMMIT_SHA RUNNER_OS BUILD_ID BUILD_NUMBER JOB_NAME
OPENAI_API_KEY OPENAI_BASE_URL OPENROUTER_API_KEY GEMINI_API_KEY DEEPSEEK_API_KEY DASHSCOPE_API_KEY OLLAMA_HOST HF_HOME
LANGCHAIN_TRACING_V2 LANGSMITH_API_KEY OTEL_EXPORTER_OTLP_ENDPOINT SENTRY_DSN SENTRY_ENVIRONMENT
AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION AWS_DEFAULT_REGION AWS_ENDPOINT_URL AWS_PROFILE
GUNICORN_CMD_ARGS UVICORN_PORT DJANGO_SETTINGS_MODULE FLASK_DEBUG FLASK_ENV RAILS_ENV RACK_ENV APP_ENV
LOGFILE LOGLEVEL LOG_DIR LOG_FORMAT LOG_PATH DEBUG_LEVEL CACHE_URL CACHE_DIR SECRET SECRETS DATA_DIR MAX_WORKERS
DATABASE_HOST DATABASE_PORT DATABASE_NAME DATABASE_USER DATABASE DATABASE_SSL SESSION_SECRET SESSION_COOKIE
UPLOAD_FOLDER MAX_UPLOAD_SIZE MAX_CONTENT_LENGTH BASE_URL BACKUPS SERVER_PORT SERVER_NAME LISTEN WORKERS WEB_PORT
"""


@pytest.mark.parametrize("name", (SHELL + CONTAINER).split())
def test_other_peoples_variables_pass(name: str) -> None:
    assert said(**{name: "x"}) == []


@pytest.mark.parametrize("service", ["ZHUPI", "ZHUPI_APP", "REDIS", "DATABASE", "LOG", "LLM"])
def test_what_kubernetes_says_of_services_passes(service: str) -> None:
    links = {
        "SERVICE_HOST": "10.43.0.7",
        "SERVICE_PORT": "8080",
        "SERVICE_PORT_HTTP": "8080",
        "PORT": "tcp://10.43.0.7:8080",
        "PORT_8080_TCP": "tcp://10.43.0.7:8080",
        "PORT_8080_TCP_PROTO": "tcp",
        "PORT_8080_TCP_PORT": "8080",
        "PORT_8080_TCP_ADDR": "10.43.0.7",
        "PORT_53_UDP_ADDR": "10.43.0.7",
    }
    assert said(**{f"{service}_{name}": value for name, value in links.items()}) == []


def test_no_setting_is_hidden_by_the_list_of_common_names() -> None:
    assert not COMMON & {name + ending for name in NAMES for ending in ("", "_FILE")}
    for name in COMMON:  # each is there because it would be taken for a slip
        near = [
            each
            for each in NAMES
            if len(each) >= SHORTEST and slips(name, each) <= (2 if len(each) >= LONG else 1)
        ]
        assert near, name


def test_settings_are_no_slips_of_each_other() -> None:
    """A name that is meant must be the only one near enough, or the sentence would mislead."""
    long = [name for name in NAMES if len(name) >= LONG]
    assert [(one, other) for one in long for other in long if one < other and slips(one, other) < 2] == []


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("", "", 0),
        ("abc", "abc", 0),
        ("abc", "acb", 1),
        ("abc", "ab", 1),
        ("abc", "abcd", 1),
        ("abc", "axc", 1),
        ("abc", "xyz", 3),
        ("ca", "abc", 3),
        ("abcdef", "badcfe", 3),
        ("ab", "abcdef", 4),
    ],
)
def test_slips_are_counted(one: str, other: str, distance: int) -> None:
    assert slips(one, other) == slips(other, one) == distance
