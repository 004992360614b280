"""nginx's scripts as they run, with stand-ins for nginx, Docker's DNS and curl: settings, replicas, certificates."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.nginx_config import read

ROOT = Path(__file__).parents[2] / "nginx"

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("flock", "openssl", "awk"))), reason="needs flock, openssl and awk"
)

# What the stand-ins do. nginx -t refuses while `refusing` lies there; the "master" takes the list over at SIGHUP,
# unless `deaf`; the DNS answers what the file `dns` holds.
FAKES = {
    "nginx": """
        case "$*" in
          *"daemon off"*) echo "$*" >"$STATE/started"; exit 0 ;;
        esac
        grep -qs keepalive_min_timeout "$ZHUPI_RUN/conf/extras.conf" && [ -e "$STATE/old" ] && exit 1
        [ ! -e "$STATE/refusing" ]
    """,
    "getent": """
        [ -s "$STATE/dns" ] || exit 2
        for one in $(cat "$STATE/dns"); do printf '%s STREAM app\\n%s DGRAM\\n' "$one" "$one"; done
    """,
    "curl": 'cat "$STATE/served" 2>/dev/null',
    "envsubst": """
        exec "$PYTHON" -c '
        import os, re, sys
        names = set(re.findall(r"[$]{(\\w+)}", sys.argv[1]))
        text = sys.stdin.read()
        sys.stdout.write(re.sub(
            r"[$]{(\\w+)}", lambda m: os.environ.get(m[1], "") if m[1] in names else m[0], text))
        ' "$1"
    """,
    "chown": 'echo "$@" >>"$STATE/chown"',
}
MASTER = """
    take() {
        [ ! -e "$ZHUPI_RUN/closing" ] || echo asked >>"$STATE/asked"
        [ -e "$STATE/deaf" ] ||
            sed -n 's/^  default "\\(.*\\)";$/\\1/p' "$ZHUPI_RUN/conf/replicas.conf" >"$STATE/served"
    }
    trap take HUP
    take
    echo $$ >"$ZHUPI_RUN/nginx.pid"
    while :; do sleep 0.05; done
"""


class Box:
    """A container's folders in a temporary one, and the scripts run in them."""

    def __init__(self, folder: Path) -> None:
        self.state, self.run_folder, home = folder / "state", folder / "run", folder / "zhupi"
        bin_folder = folder / "bin"
        for made in (self.state, self.run_folder, bin_folder):
            made.mkdir()
        shutil.copytree(ROOT, home, ignore=shutil.ignore_patterns("*.pem"))
        self.certs = home / "certs"
        for name, text in FAKES.items():
            if name == "envsubst" and shutil.which(name):
                continue  # the real one is quicker
            script = bin_folder / name
            script.write_text("#!/bin/sh\n" + textwrap.dedent(text))
            script.chmod(0o755)
        self.scripts = home / "scripts"
        self.environment = {
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "STATE": str(self.state),
            "PYTHON": sys.executable,
            "ZHUPI_HOME": str(home),
            "ZHUPI_RUN": str(self.run_folder),
            "ZHUPI_CERTS": str(self.certs),
            "ZHUPI_SETTLE": "0",
            "ZHUPI_CLOSING": "0",
            "ZHUPI_TRIES": "10",
            "ZHUPI_LOG": str(self.state / "log"),
        }
        self.master: subprocess.Popen[bytes] | None = None

    def run(self, script: str, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """A script of ours to its end."""
        return subprocess.run(
            ["sh", str(self.scripts / script), *words],
            env={**self.environment, **settings},
            capture_output=True,
            text=True,
            timeout=30,
        )

    def dns(self, *addresses: str) -> None:
        """What the DNS answers from now on."""
        (self.state / "dns").write_text(" ".join(addresses))

    def start(self) -> None:
        """The list written for a start, and a master that takes lists over."""
        (self.run_folder / "conf").mkdir()
        assert self.run("replicas", "once").returncode == 0
        environment = {**os.environ, **self.environment}
        # A shell cannot trap what was ignored when it began, as SIGHUP is below nohup.
        self.master = subprocess.Popen(
            ["sh", "-c", MASTER],
            env=environment,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )
        wait(lambda: (self.run_folder / "nginx.pid").exists() and (self.state / "served").exists())

    def served(self) -> str:
        """The list that nginx has taken."""
        return (self.state / "served").read_text().strip()

    def conf(self, name: str) -> str:
        """A rendered file."""
        return (self.run_folder / "conf" / name).read_text("utf-8")


def wait(condition: object, seconds: float = 10) -> None:
    assert callable(condition)
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    yield made
    if made.master is not None:
        made.master.kill()
        made.master.wait()


# -- the start: settings


@pytest.fixture
def certified(box: Box) -> Box:
    assert box.run("make-certificate", "self", "localhost").returncode == 0
    return box


def start(box: Box, **settings: str) -> subprocess.CompletedProcess[str]:
    """scripts/start, whose nginx ends at once; without the loop beside it, which would wait for nginx for ever."""
    script = box.scripts / "start"
    script.write_text(re.sub(r"^while :; do\n.*?^done &\n", "", script.read_text(), flags=re.M | re.S))
    return box.run("start", **settings)


def pools(box: Box) -> dict[str, tuple[list[str], list[str], bool]]:
    """The written upstreams: their servers, those for when all of them are out, whether connections are kept."""
    found = {}
    for one in read(box.conf("replicas.conf"), {}).all("upstream"):
        servers = [(server.words[0], server.words[1:]) for server in one.all("server")]
        first = [name for name, words in servers if "backup" not in words]
        last = [name for name, words in servers if words == ["max_fails=0", "backup"]]
        assert len(first) + len(last) == len(servers)
        found[one.words[0]] = (first, last, bool(one.one("keepalive")))
    return found


def test_a_start_renders_everything(certified: Box) -> None:
    certified.dns("10.0.0.2", "10.0.0.3")
    done = start(
        certified, ALLOWED_HOSTS="marks.school.example,*.school.example,::1,[fd00::7]", HTTPS_PORT="8443"
    )
    assert done.returncode == 0, done.stderr
    servers = certified.conf("servers.conf")
    assert "server_name marks.school.example *.school.example [::1] [fd00::7];" in servers
    assert "https://$host:8443$request_uri" in servers, "nginx's own variables stay"
    assert f"client_max_body_size {100 * 100 * 2**20 + 5 * 2**20};" in servers
    assert f"client_max_body_size {105 * 2**20};" in servers
    assert "${" not in re.sub(r"(?m)^\s*#.*$", "", servers)
    both = ["10.0.0.2:8080", "10.0.0.3:8080"]
    # Twice: who has failed too often is asked again only when all have.
    assert pools(certified) == {
        "replicas": (both, both, False),
        "replicas_kept": (both, both, True),
    }
    assert "worker_processes 2;" in (certified.state / "started").read_text()


def test_pages_are_rendered_in_both_languages_and_say_the_limits(certified: Box) -> None:
    assert start(certified, MAX_FILE_SIZE="3145728", MAX_FILES="4").returncode == 0
    html = certified.run_folder / "html"
    for language, tag in (("en", "en"), ("zh", "zh-CN")):
        for text in (ROOT / "html" / language).glob("*.txt"):
            page = (html / language / f"{text.stem}.html").read_text("utf-8")
            assert f'<html lang="{tag}">' in page and "${" not in page
            assert ('http-equiv="refresh"' in page) == (text.stem == "away")
        large = (html / language / "too-large.html").read_text("utf-8")
        assert "3 MB" in large and "12 MB" in large


@pytest.mark.parametrize(
    ("given", "shown"),
    [("1024", "1 kB"), ("1572864", "1.5 MB"), ("1073741824", "1 GB"), ("20971520", "20 MB")],
)
def test_sizes_are_said_for_people(certified: Box, given: str, shown: str) -> None:
    assert start(certified, MAX_FILE_SIZE=given).returncode == 0
    assert shown in (certified.run_folder / "html" / "en" / "too-large.html").read_text("utf-8")


def test_without_a_replica_nginx_starts_all_the_same(certified: Box) -> None:
    assert start(certified).returncode == 0
    assert pools(certified) == {
        "replicas": (["127.0.0.1:1"], [], False),
        "replicas_kept": (["127.0.0.1:1"], [], True),
    }
    assert certified.conf("replicas.conf").count("server 127.0.0.1:1 down;") == 2


def test_hsts_and_a_proxy_in_front_are_off_unless_asked_for(certified: Box) -> None:
    assert start(certified).returncode == 0
    servers = certified.conf("servers.conf")
    assert 'map "" $hsts {\n  default "";' in servers and "real_ip" not in servers
    assert certified.run("start", HSTS_SECONDS="300", REAL_IP_FROM="10.0.0.0/8, fd00::/8").returncode == 0
    servers = certified.conf("servers.conf")
    assert 'default "max-age=300";' in servers
    assert (
        "set_real_ip_from 10.0.0.0/8;\nset_real_ip_from fd00::/8;\nreal_ip_header X-Forwarded-For;" in servers
    )


def test_what_only_newer_versions_know_is_left_out_by_old_ones(certified: Box) -> None:
    assert start(certified).returncode == 0
    assert certified.conf("extras.conf") == "keepalive_min_timeout 1s;\n"
    (certified.state / "old").touch()
    assert certified.run("start").returncode == 0
    assert certified.conf("extras.conf") == ""


@pytest.mark.parametrize(
    "bad",
    [
        {"MAX_FILE_SIZE": "20MB"},
        {"MAX_FILE_SIZE": "12"},
        {"MAX_FILE_SIZE": "99999999999999999999"},
        {"MAX_FILES": "0"},
        {"MAX_FILES": "-1"},
        {"HTTPS_PORT": "70000"},
        {"HTTPS_PORT": "443; }"},
        {"HSTS_SECONDS": "yes"},
        {"NGINX_WORKERS": "auto"},
        {"ALLOWED_HOSTS": "school example;"},
        {"ALLOWED_HOSTS": "localhost:8443"},
        {"ALLOWED_HOSTS": "mark*.example"},
        {"ALLOWED_HOSTS": "*example"},
        {"ALLOWED_HOSTS": "a,${HOME}"},
        {"ALLOWED_HOSTS": ","},
        {"REAL_IP_FROM": "proxy.example; deny all"},
    ],
    ids=lambda bad: "=".join(*bad.items()),
)
def test_a_bad_setting_stops_the_start_with_its_name(certified: Box, bad: dict[str, str]) -> None:
    done = start(certified, **bad)
    assert done.returncode == 2
    assert next(iter(bad)) in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (certified.state / "started").exists()


def test_the_check_tells_all_bad_settings_and_needs_nothing_else(box: Box) -> None:
    assert box.run("check").returncode == 0  # without a certificate, without a running nginx
    bad = {"HSTS_SECONDS": "a year", "NGINX_WORKERS": "0", "ALLOWED_HOSTS": "a$b", "REAL_IP_FROM": "me"}
    done = box.run("check", HTTPS_PORT="8443", **bad)
    assert (done.returncode, done.stdout) == (2, "")
    assert sorted(line.split("=")[0].split(":")[0] for line in done.stderr.splitlines()) == sorted(bad)
    assert not list(box.run_folder.iterdir())


def test_the_check_knows_every_setting() -> None:
    names = set(re.findall(r"\$\{([A-Z_]+):-", (ROOT / "scripts" / "render.sh").read_text("utf-8")))
    checked = re.findall(r"^all='(.*)'$", (ROOT / "scripts" / "check").read_text("utf-8"), re.MULTILINE)
    assert names - {"LANGUAGE"} == set(checked[0].split())


def test_a_configuration_that_nginx_refuses_stops_the_start(certified: Box) -> None:
    (certified.state / "refusing").touch()
    done = start(certified)
    assert done.returncode == 2 and "does not take the configuration" in done.stderr


# -- certificates


def key_pair(folder: Path, name: str, days: str = "30") -> tuple[Path, Path]:
    chain, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", f"/CN={name}", "-days", days, "-keyout", str(key), "-out", str(chain)]
    subprocess.run(command, check=True, capture_output=True)
    return chain, key


def test_a_certificate_is_made_once_for_the_names(box: Box) -> None:
    done = box.run(
        "make-certificate", "self", "marks.school.example", "*.school.example", "10.0.0.7", "::1", "*"
    )
    assert done.returncode == 0, done.stderr
    for text in (
        "DNS:marks.school.example",
        "DNS:*.school.example",
        "IP Address:10.0.0.7",
        "IP Address:0:0:0:0:0:0:0:1",
    ):
        assert text in done.stdout
    key = box.certs / "privkey.pem"
    assert key.stat().st_mode & 0o777 == 0o400
    assert "10001:10001" in (box.state / "chown").read_text()
    before = key.read_text()
    done = box.run(
        "make-certificate", "self", "other.example", "10.0.0.7", "10.0.0.8", "::1", "x.school.example"
    )
    assert done.returncode == 0
    assert key.read_text() == before, "made once"
    assert [line.split()[6] for line in done.stdout.splitlines()] == ["other.example.", "10.0.0.8."]
    assert box.run("make-certificate", "again", "other.example").returncode == 0
    assert key.read_text() != before


def test_an_own_pair_is_taken_over_once_it_was_looked_at(box: Box, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    chain, key = key_pair(tmp_path, "own")
    shutil.copy(chain, new / "fullchain.pem")
    shutil.copy(key, new / "privkey.pem")
    assert box.run("make-certificate", "take", ZHUPI_NEW=str(new)).returncode == 0
    assert (box.certs / "fullchain.pem").read_text() == chain.read_text()
    assert (box.certs / "privkey.pem").read_text() == key.read_text()


@pytest.mark.parametrize(
    ("what", "said"),
    [("other key", "does not belong"), ("no certificate", "no certificate"), ("no key", "no private key")],
)
def test_a_bad_pair_is_not_taken_over(box: Box, tmp_path: Path, what: str, said: str) -> None:
    assert box.run("make-certificate", "self", "localhost").returncode == 0
    before = (box.certs / "fullchain.pem").read_text()
    new = tmp_path / "new"
    new.mkdir()
    chain, key = key_pair(tmp_path, "one")
    _, other = key_pair(tmp_path, "two")
    shutil.copy(key if what == "no certificate" else chain, new / "fullchain.pem")
    shutil.copy({"other key": other, "no key": chain}.get(what, key), new / "privkey.pem")
    done = box.run("make-certificate", "take", ZHUPI_NEW=str(new))
    assert done.returncode == 2 and said in done.stderr
    assert (box.certs / "fullchain.pem").read_text() == before


def test_a_start_without_a_usable_certificate_says_what_to_do(box: Box, tmp_path: Path) -> None:
    done = start(box)
    assert done.returncode == 2 and "make certificate" in done.stderr
    chain, _ = key_pair(tmp_path, "one")
    _, other = key_pair(tmp_path, "two")
    shutil.copy(chain, box.certs / "fullchain.pem")
    shutil.copy(other, box.certs / "privkey.pem")
    done = box.run("start")
    assert done.returncode == 2 and "does not belong" in done.stderr


@pytest.mark.parametrize("name", ["a b", "x;y", "$(id)", "käse.example"])
def test_no_certificate_is_made_for_what_is_no_name(box: Box, name: str) -> None:
    done = box.run("make-certificate", "self", name)
    assert done.returncode == 2 and "is not the name of a host" in done.stderr
    assert not (box.certs / "fullchain.pem").exists()


# -- replicas


def test_the_loop_follows_the_dns_and_reloads_only_on_a_change(box: Box) -> None:
    box.dns("10.0.0.3", "10.0.0.2")
    box.start()
    loop = subprocess.Popen(
        ["sh", str(box.scripts / "replicas"), "follow"],
        env={**os.environ, **box.environment},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        time.sleep(1.5)
        written = (box.run_folder / "conf" / "replicas.conf").stat().st_mtime_ns
        box.dns("10.0.0.2", "10.0.0.3")
        time.sleep(1.5)
        assert (box.run_folder / "conf" / "replicas.conf").stat().st_mtime_ns == written, (
            "another order is no change"
        )
        box.dns("10.0.0.2", "10.0.0.3", "10.0.0.4")
        wait(lambda: box.served() == "10.0.0.2 10.0.0.3 10.0.0.4", 4)
        box.dns()
        time.sleep(1.5)
        assert box.served() == "10.0.0.2 10.0.0.3 10.0.0.4", "the last good list stays"
        box.dns("10.0.0.9")
        wait(lambda: box.served() == "10.0.0.9", 4)
        assert time.time() - (box.run_folder / "looked").stat().st_mtime < 3
    finally:
        os.killpg(loop.pid, 9)
        loop.wait()


def test_a_pin_holds_against_the_dns_until_it_is_taken_off(box: Box) -> None:
    box.dns("10.0.0.2", "10.0.0.3")
    box.start()
    done = box.run("replicas", "pin", "10.0.0.3", "10.0.0.3")
    assert done.returncode == 0, done.stderr
    assert box.served() == "10.0.0.3"
    assert "pinned: 10.0.0.3" in done.stdout
    assert json.loads((box.state / "log").read_text())["text"] == "10.0.0.3"
    box.dns("10.0.0.2", "10.0.0.3", "10.0.0.4")
    assert box.run("replicas", "pin", "10.0.0.4", "10.0.0.3").returncode == 0
    assert box.served() == "10.0.0.3 10.0.0.4"
    assert box.run("replicas", "unpin").returncode == 0
    assert box.served() == "10.0.0.2 10.0.0.3 10.0.0.4"


def test_a_pin_without_addresses_holds_those_that_are_there(box: Box) -> None:
    box.dns("10.0.0.2", "10.0.0.3")
    box.start()
    assert box.run("replicas", "pin").returncode == 0
    assert (box.run_folder / "pinned").read_text() == "10.0.0.2 10.0.0.3"


@pytest.mark.parametrize("address", ["10.0.0.9", "0.0.0", "app", "10.0.0.2;", ""])
def test_what_is_no_replica_cannot_be_pinned(box: Box, address: str) -> None:
    box.dns("10.0.0.2", "10.0.0.3")
    box.start()
    done = box.run("replicas", "pin", "10.0.0.2", address)
    assert done.returncode == 2 and "is no replica" in done.stderr
    assert not (box.run_folder / "pinned").exists()
    assert box.served() == "10.0.0.2 10.0.0.3"


def test_nothing_can_be_pinned_when_nothing_is_there(box: Box) -> None:
    box.start()
    done = box.run("replicas", "pin")
    assert done.returncode == 2 and "no replica to pin" in done.stderr


def test_a_list_that_nginx_refuses_is_not_taken(box: Box) -> None:
    box.dns("10.0.0.2", "10.0.0.3")
    box.start()
    (box.state / "refusing").touch()
    done = box.run("replicas", "pin", "10.0.0.2")
    assert done.returncode == 2 and "has not taken the list" in done.stderr
    assert box.served() == "10.0.0.2 10.0.0.3"
    assert 'default "10.0.0.2 10.0.0.3";' in box.conf("replicas.conf"), "the next reload gets the good one"
    assert (box.run_folder / "pinned").read_text() == ""


@pytest.mark.parametrize("extras", ["", "keepalive_min_timeout 1s;"])
def test_an_old_nginx_asks_clients_to_close_before_it_reloads(box: Box, extras: str) -> None:
    box.dns("10.0.0.2", "10.0.0.3")
    box.start()
    (box.run_folder / "conf" / "extras.conf").write_text(extras)
    assert box.run("replicas", "pin", "10.0.0.2").returncode == 0
    assert (box.state / "asked").exists() == (not extras)
    assert not (box.run_folder / "closing").exists()


def test_a_pin_that_nginx_does_not_take_in_time_fails(box: Box) -> None:
    box.dns("10.0.0.2", "10.0.0.3")
    box.start()
    (box.state / "deaf").touch()
    done = box.run("replicas", "pin", "10.0.0.2")
    assert done.returncode == 2
    assert (box.run_folder / "pinned").read_text() == ""


def test_a_pin_without_living_replicas_is_dropped(box: Box) -> None:
    box.dns("10.0.0.2", "10.0.0.3")
    box.start()
    assert box.run("replicas", "pin", "10.0.0.2").returncode == 0
    box.dns("10.0.0.7")
    loop = subprocess.Popen(
        ["sh", str(box.scripts / "replicas"), "follow"],
        env={**os.environ, **box.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        time.sleep(1.5)
        assert box.served() == "10.0.0.2", "not at once: a pinned replica may be restarting"
        wait(lambda: box.served() == "10.0.0.7", 12)
    finally:
        os.killpg(loop.pid, 9)
        loop.wait()


def test_an_unknown_verb_shows_the_help(box: Box) -> None:
    done = box.run("replicas", "upgrade")
    assert done.returncode == 2 and "replicas pin ADDRESS..." in done.stderr


# -- the host's side


def test_the_hosts_script_needs_docker_and_two_files(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout / "nginx", ignore=shutil.ignore_patterns("*.pem"))
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    docker.chmod(0o755)

    def run(*words: str, path: str = f"{docker.parent}:/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
        command = ["/bin/sh", "nginx/certificate", *words]
        return subprocess.run(command, cwd=checkout, env={"PATH": path}, capture_output=True, text=True)

    (checkout / ".env").write_text("HTTP_PORT=80\nALLOWED_HOSTS='marks.school.example,[::1]'\n")
    words = run().stdout.split()
    assert words[-5:] == ["nginx:1.28", "/scripts/make-certificate", "self", "marks.school.example", "::1"]
    assert "none" in words and "ALL" in words
    assert run("only-one.pem").returncode == 2
    chain, key = key_pair(tmp_path, "own")
    for pair in (("no.pem", str(key)), (str(chain), "no.pem")):
        missing = run(*pair)
        assert missing.returncode == 2 and "no.pem is not there" in missing.stderr and not missing.stdout
    (tmp_path / "live.pem").symlink_to(chain)
    words = run(str(tmp_path / "live.pem"), str(key)).stdout.split()
    assert f"{chain}:/new/fullchain.pem:ro" in words, "an ACME client's links are followed"
    assert words[-1] == "take"
    assert run("--help").returncode == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], []),
        (["AGAIN=1"], ["--again"]),
        (["CERT=/etc/a b/chain.pem", "KEY=/etc/k.pem"], ["/etc/a b/chain.pem", "/etc/k.pem"]),
        (["CERT=chain.pem"], ["chain.pem", ""]),
        (["KEY=key.pem"], ["", "key.pem"]),
    ],
)
def test_the_verb_hands_on_what_is_wanted(given: list[str], words: list[str]) -> None:
    command = ["make", "--no-print-directory", "-n", "certificate", *given]
    said = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True, check=True).stdout
    assert shlex.split(said) == ["nginx/certificate", *words], "half a pair is refused by the script"
