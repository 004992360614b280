"""nginx's files keep their rules: one test a rule, and every address of the app finds the location that it needs."""

from __future__ import annotations

import inspect
import re
import stat
import subprocess
import sys

import pytest

from app.serve import KEEPALIVE_SECONDS
from tests.unit.nginx_config import ROOT, Directive, location, read, whole
from tools.route_docs import Row, routes

VALUES = {
    "PAGE_LANGUAGE": "en",
    "HSTS": "max-age=31536000",
    "REAL_IP": "",
    "PORT_SUFFIX": ":8443",
    "SERVER_NAMES": "localhost",
    "BATCH_BYTES": "2102394880",
    "FILE_BYTES": "26214400",
    "RENDERED": "1",
}
MAIN = whole(VALUES)
HTTP = MAIN.all("http")[0]


def server(port: str, *, default: bool) -> Directive:
    """The only server on a port that is, or is not, its default one."""
    found = [
        one
        for one in HTTP.all("server")
        for listen in one.all("listen")
        if listen.words[0] == port and ("default_server" in listen.words) == default
    ]
    assert len(found) == 1
    return found[0]


INSIDE, PLAIN = server("127.0.0.1:8081", default=False), server("8080", default=True)
FOREIGN, ZHUPI = server("8443", default=True), server("8443", default=False)


# -- the process


def test_nothing_needs_rights_or_a_place_to_write() -> None:
    assert not MAIN.all("user"), "the container's user is no root"
    assert MAIN.one("pid") == "/run/zhupi/nginx.pid"
    for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        assert HTTP.one(f"{name}_temp_path") == f"/tmp/{name}"
    assert HTTP.one("proxy_max_temp_file_size") == "0"
    listens = [listen.words[0] for one in HTTP.all("server") for listen in one.all("listen")]
    assert all(int(words.rpartition(":")[2]) >= 1024 for words in listens)


def test_a_stream_outlives_a_reload_and_no_worker_stays_for_ever() -> None:
    from app.web.events import LIFE_SECONDS

    seconds = int(MAIN.one("worker_shutdown_timeout").removesuffix("s"))
    assert LIFE_SECONDS < seconds <= LIFE_SECONDS + 120


# -- TLS


def test_tls_is_mozillas_intermediate() -> None:
    assert HTTP.one("ssl_protocols") == "TLSv1.2 TLSv1.3"
    ciphers = HTTP.one("ssl_ciphers").split(":")
    assert ciphers
    assert all(
        re.fullmatch(r"ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA\d+|CHACHA20-POLY1305)", c) for c in ciphers
    )
    assert HTTP.one("ssl_prefer_server_ciphers") == "off"
    assert HTTP.one("ssl_session_tickets") == "off"
    assert HTTP.one("http2") == "on"
    assert HTTP.one("server_tokens") == "off"


def test_plain_http_only_leads_to_https_and_answers_acme() -> None:
    assert location(PLAIN, "/").one("return") == "308 https://$host:8443$request_uri"
    challenge = location(PLAIN, "/.well-known/acme-challenge/x")
    assert challenge.one("root") == "/zhupi/acme"
    assert not [one for one in PLAIN.deep() if one.name == "proxy_pass"]


def test_hsts_is_on_every_https_answer_and_can_be_off() -> None:
    assert read('map "" $hsts { default "${HSTS}"; }', {"HSTS": ""}).block[0].block[0].words == [""]
    said = [one for one in ZHUPI.all("add_header") if one.words[0] == "Strict-Transport-Security"]
    assert [one.words[1:] for one in said] == [["$hsts", "always"]]
    for one in ZHUPI.all("location"):
        headers = [header.words[0] for header in one.all("add_header")]
        assert not headers or "Strict-Transport-Security" in headers, f"{one.words} loses the header"


# -- to the replicas


def test_forwarded_headers_are_overwritten_and_at_one_place() -> None:
    sent = {one.words[0]: one.words[1] for one in HTTP.all("proxy_set_header")}
    assert sent["X-Forwarded-For"] == sent["X-Real-IP"] == "$remote_addr"
    assert sent["X-Forwarded-Proto"] == "$scheme"
    assert sent["Host"] == "$http_host"
    assert sent["X-Request-ID"] == "$request_id"
    assert all(sent[name] == "" for name in ("Forwarded", "X-Forwarded-Host", "X-Forwarded-Port"))
    everywhere = [one for one in MAIN.deep() if one.name == "proxy_set_header"]
    assert len(everywhere) == len(sent), "a location that sets one header loses all others"
    assert "$proxy_add_x_forwarded_for" not in str(MAIN)


def test_a_sent_post_is_never_repeated() -> None:
    everywhere = [one.words for one in MAIN.deep() if one.name == "proxy_next_upstream"]
    assert everywhere == [["error", "timeout"]]
    assert int(HTTP.one("proxy_connect_timeout").removesuffix("s")) <= 2
    assert int(HTTP.one("proxy_next_upstream_timeout").removesuffix("s")) < 60


def mapped(variable: str, value: str) -> str:
    """What a map makes of a value: the first pattern that takes it, an equal word before that, else the default."""
    found = next(one for one in HTTP.all("map") if one.words[1] == variable)
    rules = [(one.name, one.words[0]) for one in found.block]
    words = {rule: result for rule, result in rules if not rule.startswith("~")}
    taking = (result for rule, result in rules if rule.startswith("~") and re.search(rule[1:], value))
    return words[value] if value in words else next(taking, words["default"])


def hop(method: str, path: str) -> tuple[str, str]:
    """The list of replicas that a request is sent to, and the header that goes with it."""
    pool = mapped("$pool", f"{method} {path}")
    target = location(ZHUPI, path).one("proxy_pass")
    assert target in ("http://$pool", "http://replicas")
    assert target == "http://$pool" or pool == "replicas", "the header would say that the connection is kept"
    return pool, mapped("$hop", pool)


def test_the_address_of_a_stream_ends_in_events() -> None:
    """nginx tells streams by it: no buffering, no time limit, no second try."""
    rows = [row for row in routes() if row.method == "GET"]
    by_address = {row.handler.__module__ for row in rows if path_of(row).endswith("/events")}
    opening = re.compile(r"text/event-stream|import .*\bopened\b")
    modules = {row.handler.__module__ for row in rows}
    assert by_address == {one for one in modules if opening.search(inspect.getsource(sys.modules[one]))}


def test_only_what_may_be_sent_again_goes_over_kept_connections() -> None:
    assert next(one for one in HTTP.all("map") if one.words[1] == "$pool").words[0] == "$request_method $uri"
    for row in routes():
        path = path_of(row)
        stream = path.endswith("/events")
        if path.startswith("/metrics") or path == "/health":
            continue
        kept = row.method == "GET" and not stream
        assert hop(row.method, path) == (("replicas_kept", "") if kept else ("replicas", "close")), path
        assert hop("HEAD", path)[0] == ("replicas" if path.endswith("/events") else "replicas_kept")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "GETS", "BREW", ""])
@pytest.mark.parametrize("path", ["/", "/classes", "/sign-in", "/health/ready", "/GET /", "/x\nGET /"])
def test_other_methods_get_a_connection_of_their_own(method: str, path: str) -> None:
    assert hop(method, path) == ("replicas", "close")


def test_both_lists_have_the_same_replicas_and_only_one_keeps_connections() -> None:
    script = (ROOT / "scripts" / "replicas").read_text("utf-8")
    assert re.findall(r"pool (\w+) \"\$1\"(.*)", script) == [
        ("replicas", ""),
        ("replicas_kept", ' "keepalive $KEPT;"'),
    ]
    assert "max_fails=" in script and "fail_timeout=" in script and "zone %s " in script
    sent = {one.words[0]: one.words[1] for one in HTTP.all("proxy_set_header")}
    assert sent["Connection"] == "$hop"
    assert HTTP.one("proxy_http_version") == "1.1"


def test_a_replica_keeps_its_connections_longer_than_nginx() -> None:
    # nginx's `keepalive_timeout` of an upstream is 60 s unless it is said.
    assert "keepalive_timeout" not in (ROOT / "scripts" / "replicas").read_text("utf-8")
    assert KEEPALIVE_SECONDS > 60


def test_no_server_of_an_upstream_is_asked_by_name() -> None:
    # 1.26 knows no `resolve`, and a name that cannot be resolved keeps nginx from starting.
    asked = {one.words[0] for one in MAIN.deep() if one.name == "proxy_pass"}
    assert asked == {"http://$pool", "http://replicas"}
    pools = next(one for one in HTTP.all("map") if one.words[1] == "$pool").block
    assert {one.words[0] for one in pools} == {"replicas", "replicas_kept"}
    assert HTTP.one("proxy_redirect") == "off"


def test_connections_are_given_up_before_a_reload_but_never_in_http_2() -> None:
    assert [one.words for one in ZHUPI.all("set")] == [["$closing", ""]]
    asked = ZHUPI.all("if")[0]
    assert (asked.words, asked.block[0].words) == (["(-f", "/run/zhupi/closing)"], ["$closing", "close"])
    assert ["Connection", "$close_connection", "always"] in [one.words for one in ZHUPI.all("add_header")]
    rule = next(one for one in HTTP.all("map") if one.words[1] == "$close_connection")
    assert {one.name: one.words for one in rule.block} == {"default": [""], "HTTP/1.1": ["$closing"]}


# -- every address of the app


def path_of(row: Row) -> str:
    return re.sub(r"\{[^}]+\}", "17", row.path)


ROUTES = routes()
BY_NAME = {row.name: row for row in ROUTES}


def source(row: Row) -> str:
    module = inspect.getmodule(row.handler)
    return inspect.getsource(module) if module else ""


def test_every_stream_passes_unbuffered() -> None:
    makes_one = re.compile(r"text/event-stream|from app\.web\.sse import .*\bopened\b")
    modules = [(row, inspect.getmodule(row.handler)) for row in ROUTES if row.method == "GET"]
    streams = [row for row, module in modules if module and makes_one.search(inspect.getsource(module))]
    assert {"events", "kiosk_events", "board_events"} <= {row.name for row in streams}
    for row in streams:
        found = location(ZHUPI, path_of(row))
        assert found.one("proxy_buffering") == "off", row.path
        assert found.one("gzip") == "off"
        assert found.one("proxy_read_timeout").endswith("h")
    assert "text/event-stream" not in HTTP.one("gzip_types")


def test_every_form_with_files_is_taken_whole_and_streamed() -> None:
    # Who reads parts of a form by hand, or through scheme_upload.receive, takes files of MAX_FILE_SIZE.
    takers = [
        row
        for row in ROUTES
        if row.method == "POST"
        and re.search(
            r"\.multipart\(\)|await _?receive\(|_take_all\(|receive\(request", inspect.getsource(row.handler)
        )
    ]
    assert {"papers_upload", "assignment_create", "scheme_text_save"} <= {row.name for row in takers}
    for row in takers:
        found = location(ZHUPI, path_of(row))
        assert found.one("client_max_body_size") in (VALUES["BATCH_BYTES"], VALUES["FILE_BYTES"]), row.path
        assert found.one("proxy_request_buffering") == "off", row.path
        assert found.one("limit_req").startswith("zone=upload ")
    assert (
        location(ZHUPI, path_of(BY_NAME["papers_upload"])).one("client_max_body_size")
        == VALUES["BATCH_BYTES"]
    )


def test_other_forms_are_as_large_as_the_app_takes_and_not_larger() -> None:
    from app.main import MAX_FORM_BYTES

    most = int(ZHUPI.one("client_max_body_size").removesuffix("m")) * 2**20
    assert MAX_FORM_BYTES < most <= 2 * MAX_FORM_BYTES


@pytest.mark.parametrize(("name", "zone"), [("signin-submit", "sign_in"), ("set-up-submit", "set_up")])
def test_doors_are_limited(name: str, zone: str) -> None:
    found = location(ZHUPI, path_of(BY_NAME[name])).one("limit_req")
    assert found.startswith(f"zone={zone} ") and found.endswith("nodelay")


def test_a_school_behind_one_address_signs_in_at_once() -> None:
    burst = re.search(r"burst=(\d+)", location(ZHUPI, "/sign-in").one("limit_req"))
    assert burst and int(burst[1]) >= 100
    keys = {one.words[1].split(":")[0]: one.words[0] for one in HTTP.all("limit_req_zone")}
    assert keys["zone=sign_in"] == "$posting", "looking at the page counts as well"
    assert HTTP.one("limit_req_status") == "429"


@pytest.mark.parametrize("path", ["/metrics", "/metrics/x", "/health", "/health/x", "/healthz"])
@pytest.mark.parametrize("where", [ZHUPI, FOREIGN], ids=["zhupi", "foreign"])
def test_figures_are_for_inside(where: Directive, path: str) -> None:
    assert location(where, path).one("return") == "404"


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
@pytest.mark.parametrize("where", [ZHUPI, FOREIGN], ids=["zhupi", "foreign"])
def test_monitors_may_ask_for_life_and_readiness(where: Directive, path: str) -> None:
    found = location(where, path)
    assert found.one("proxy_pass") and found.one("limit_req")


def test_every_other_address_goes_to_the_app() -> None:
    for row in ROUTES:
        path = path_of(row)
        if path.startswith(("/health", "/metrics")):
            continue
        assert location(ZHUPI, path).one("proxy_pass"), path


def test_foreign_names_are_refused() -> None:
    assert location(FOREIGN, "/anything").one("return") == "421"


# -- pages of nginx's own


def test_own_pages_replace_only_what_nginx_itself_says() -> None:
    assert HTTP.one("proxy_intercept_errors") == "off"
    assert not [one for one in MAIN.deep() if one.name == "proxy_intercept_errors" and one.words != ["off"]]
    for where in (ZHUPI, FOREIGN):
        said = {status: one.words[-1] for one in where.all("error_page") for status in one.words[:-1]}
        for status in ("413", "421", "429", "502", "503", "504"):
            name = said[status].removeprefix("/zhupi-page/")
            for page in ("away", "unsure") if name == "$away_page" else (name,):
                for language in ("en", "zh"):
                    assert (ROOT / "html" / language / f"{page}.txt").is_file()


def test_every_text_has_both_languages_and_three_lines() -> None:
    english = {file.name for file in (ROOT / "html" / "en").glob("*.txt")}
    assert english == {file.name for file in (ROOT / "html" / "zh").glob("*.txt")}
    for file in (ROOT / "html").glob("*/*.txt"):
        lines = file.read_text("utf-8").splitlines()
        assert len(lines) == 3 and all(lines), file
        assert bool(re.search("[一-鿿]", lines[0])) == (file.parent.name == "zh"), file


def test_the_page_stands_alone_and_htmx_finds_its_sentence() -> None:
    page = (ROOT / "html" / "page.html.template").read_text("utf-8")
    assert not re.search(r"\b(src|href|@import|url)\b", page)
    assert 'class="notice bad"' in page
    shown = location(ZHUPI, "/zhupi-page/away")
    assert any(one.name == "internal" for one in shown.block)
    assert shown.one("client_max_body_size") == "0", "the page of a 413 would be refused as well, over HTTP/2"
    headers = {one.words[0]: one.words[1:] for one in shown.all("add_header")}
    assert headers["HX-Reselect"] == ["$hx_select", "always"]
    assert headers["Cache-Control"] == ["no-store", "always"]


@pytest.mark.parametrize(
    ("wish", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("fr,zh;q=0.8,en;q=0.5", "zh"),
        ("de,en;q=0.7", "en"),
        ("ZH-tw", "zh"),
        ("", None),
        ("de", None),
        ("eno,zhx", None),
    ],
)
def test_the_pages_language_is_the_browsers_first_wish(wish: str, language: str | None) -> None:
    maps = {one.words[1]: one for one in HTTP.all("map")}
    rules = [(one.name, one.words[0]) for one in maps["$accepted_page_language"].block]
    found = next((value for rule, value in rules if rule != "default" and matches(rule, wish)), None)
    assert found == language


def matches(rule: str, value: str) -> bool:
    """Whether a map's pattern takes a value."""
    return bool(re.search(re.sub(r"\(\?<", "(?P<", rule.removeprefix("~*")), value, re.IGNORECASE))


# -- the log


@pytest.mark.parametrize(
    ("asked", "logged"),
    [
        ("/", "/"),
        ("/classes/3?name=Zhang", "/classes/3"),
        ("/set-up/kjsdfhKJHG-_98sdfkjh98sdfkj?x", "/set-up/…"),
        ("//set-up/x", "/set-up/…"),
        ("/set-up", "/set-up/…"),
        ("/classes/3/import/0123456789abcdef0123456789abcdef", "/classes/3/import/…"),
        ("/boards/0123456789abcdef0123456789abcdef/events?a=b", "/boards/…/events"),
        ("/%73et-up/kjsdfhKJHG98sdfkjh98sdfkj", "/%73et-up/…"),
        ("/assignments/12/events?view=run", "/assignments/12/events"),
    ],
)
def test_paths_are_logged_without_queries_and_tokens(asked: str, logged: str) -> None:
    rules = next(one for one in HTTP.all("map") if one.words[1] == "$asked_path").block
    for rule in rules:
        if rule.name == "default":
            continue
        pattern = re.sub(r"\(\?<", "(?P<", rule.name.removeprefix("~"))
        if match := re.search(pattern, asked):
            value = rule.words[0]
            for name, text in match.groupdict().items():
                value = value.replace(f"${name}", text or "")
            assert value == logged
            return
    raise AssertionError("no rule takes it")


def test_the_log_has_nothing_that_a_name_or_a_secret_could_be_in() -> None:
    words = " ".join(HTTP.all("log_format")[0].words)
    assert words.startswith("json escape=json ")
    used = set(re.findall(r"\$\w+", words))
    assert not used & {
        "$request",
        "$request_uri",
        "$uri",
        "$args",
        "$query_string",
        "$http_referer",
        "$http_cookie",
        "$remote_user",
    }
    assert {"$request_id", "$status", "$upstream_addr", "$asked_path"} <= used
    # Errors repeat the whole request.
    assert MAIN.one("error_log") == "stderr crit"


def test_lines_are_written_together_but_soon_and_whole() -> None:
    # Linux writes up to PIPE_BUF (4096 bytes) to a pipe in one piece.
    assert HTTP.one("access_log") == "/dev/stdout json buffer=4k flush=1s"


# -- the files themselves


@pytest.mark.parametrize("name", ["start", "check", "replicas", "reload", "health", "make-certificate"])
def test_scripts_are_executable_and_plain_sh(name: str) -> None:
    file = ROOT / "scripts" / name
    assert file.stat().st_mode & stat.S_IXUSR
    text = file.read_text("utf-8")
    assert text.startswith("#!/bin/sh\n") and "\nset -eu\n" in text
    assert not re.search(r"\[\[|\bfunction \w|<<<|\blocal \w|\bsource ", text), "not for every sh"
    subprocess.run(["sh", "-n", str(file)], check=True)


def test_no_certificate_is_in_the_repository() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "nginx/certs", "nginx/acme"], cwd=ROOT.parent, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("no checkout")
    assert sorted(listed.stdout.split()) == ["nginx/acme/.gitignore", "nginx/certs/.gitignore"]


def test_the_readme_names_every_setting_that_the_scripts_read() -> None:
    text = (ROOT / "scripts" / "render.sh").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    names = set(re.findall(r"\$\{([A-Z_]+):-", text))
    assert {"ALLOWED_HOSTS", "MAX_FILE_SIZE", "HSTS_SECONDS"} <= names
    assert [name for name in sorted(names) if f"`{name}`" not in readme] == []
