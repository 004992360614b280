"""What a process counts about itself, in Prometheus's words.

Every metric is declared here once; the parts of the server call the functions below. No label takes a value that
people, papers or models can make up: routes are patterns, everything else is a short list.

A process alone keeps its figures in memory. Processes of one server (WEB_CONCURRENCY) write theirs into files of one
folder, and whichever of them is asked adds them up (`app.metrics_folder`; prometheus_client's multiprocess mode).
Whether they do is settled when prometheus_client is imported, by the environment variable that names the folder.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    start_http_server,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from app.i18n import ProblemError
from app.metrics_folder import FOLDER

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CLIENT_GONE = 499
"""Status for a request whose client left before its answer; nginx's own number for it."""

# Seconds. A page takes milliseconds, an upload of many files minutes.
PAGE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
MODEL_BUCKETS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 240.0)
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

# When each series began is of no use here and doubles their number.
disable_created_metrics()

REGISTRY = CollectorRegistry()

REQUESTS = Counter(
    "zhupi_http_requests_total",
    "Requests answered, by route pattern.",
    ["method", "route", "status"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "zhupi_http_request_duration_seconds",
    "Time to answer a request; streams and requests whose client left are not in it.",
    ["method", "route"],
    buckets=PAGE_BUCKETS,
    registry=REGISTRY,
)
OPEN_STREAMS = Gauge(
    "zhupi_open_streams", "Pages that listen to a stream.", multiprocess_mode="livesum", registry=REGISTRY
)
SCREENS = Gauge(
    "zhupi_screens",
    "Classroom screens and previews that are connected.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
LOOP_LAG = Histogram(
    "zhupi_event_loop_lag_seconds",
    "How late the event loop wakes: the longest work without a pause.",
    buckets=LAG_BUCKETS,
    registry=REGISTRY,
)
GRADED = Counter(
    "zhupi_graded_questions_total",
    "Proposals made, by the question's kind; one told again after a kill counts again.",
    ["kind", "outcome"],
    registry=REGISTRY,
)
MODEL_CALLS = Counter(
    "zhupi_model_calls_total", "Calls of the language model, retries within.", ["outcome"], registry=REGISTRY
)
MODEL_SECONDS = Histogram(
    "zhupi_model_call_duration_seconds",
    "Time of a model's call, waiting for its turn and retries within.",
    buckets=MODEL_BUCKETS,
    registry=REGISTRY,
)
MODEL_TOKENS = Counter(
    "zhupi_model_tokens_total", "Tokens billed by the model.", ["direction"], registry=REGISTRY
)
MODEL_COST = Counter(
    "zhupi_model_cost_dollars_total",
    "US dollars billed by the model, where the endpoint says so.",
    registry=REGISTRY,
)
UPLOADS = Counter(
    "zhupi_uploads_total", "Files of uploads, by what became of them.", ["outcome"], registry=REGISTRY
)
UPLOAD_BYTES = Counter("zhupi_upload_bytes_total", "Bytes of files that were stored.", registry=REGISTRY)
INTAKE_FAILURES = Counter(
    "zhupi_intake_failures_total", "Papers that could not be read, by reason.", ["reason"], registry=REGISTRY
)
POOL_IN_USE = Gauge(
    "zhupi_database_pool_in_use",
    "Database connections that are at work.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
POOL_LIMIT = Gauge(
    "zhupi_database_pool_limit",
    "Database connections that may be open.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
PROCESSES = Gauge(
    "zhupi_processes", "Processes of this server.", multiprocess_mode="livesum", registry=REGISTRY
)
CPU_SECONDS = Counter(
    "process_cpu_seconds_total", "Processor time of the server's processes.", registry=REGISTRY
)
RESIDENT = Gauge(
    "process_resident_memory_bytes",
    "Memory of the server's processes; pages that they share count in each.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
OPEN_FILES = Gauge(
    "process_open_fds", "Open file descriptors.", multiprocess_mode="livesum", registry=REGISTRY
)
STARTED = Gauge(
    "process_start_time_seconds",
    "When the youngest process began, in seconds since 1970.",
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
BUILD = Gauge(
    "zhupi_build_info",
    "Always 1; the label says the version.",
    ["version"],
    multiprocess_mode="livemax",
    registry=REGISTRY,
)

_PAGE = resource.getpagesize()
KINDS = ("choice", "blank", "number", "maths", "text", "essay")
OUTCOMES = ("graded", "needs_teacher")
CALLS = (
    "answered",
    "unusable",
    "limited",
    "timeout",
    "unreachable",
    "fault",
    "refused",
    "failed",
    "broken off",
)
FILES = ("stored", "known", "refused", "failed")
REASONS = (
    "empty",
    "type",
    "encrypted",
    "broken",
    "needs_ocr",
    "too_many_pages",
    "too_long",
    "too_big",
    "gone",
    "fault",
)


def _begin() -> None:
    """Tell every series from the start, at nothing: Prometheus takes no notice of a first failure otherwise.

    A series that is seen for the first time has not grown: https://prometheus.io/docs/practices/instrumentation/
    """
    for kind in KINDS:
        for outcome in OUTCOMES:
            GRADED.labels(kind, outcome)
    for outcome in CALLS:
        MODEL_CALLS.labels(outcome)
    for direction in ("in", "out"):
        MODEL_TOKENS.labels(direction)
    for outcome in FILES:
        UPLOADS.labels(outcome)
    for reason in REASONS:
        INTAKE_FAILURES.labels(reason)


_begin()

# This process's number, its processor seconds counted so far, and when it was first looked at: a fork begins anew.
_self: tuple[int, float, float] = (0, 0.0, 0.0)


@cache
def release() -> str:
    """The version of this program; "unknown" where it is not installed as a package."""
    try:
        return version("zhupi")
    except PackageNotFoundError:
        return "unknown"


def request(method: str, route: str, status: int, seconds: float | None) -> None:
    """Count one request; `route` is a pattern. `seconds` None leaves its duration out."""
    method = method if method in METHODS else "other"
    REQUESTS.labels(method, route, str(status)).inc()
    if seconds is not None:
        REQUEST_SECONDS.labels(method, route).observe(seconds)


def graded(kind: str, outcome: str) -> None:
    """Count one proposal: the question's kind, and `graded` or `needs_teacher`."""
    GRADED.labels(kind, outcome).inc()


def model_call(
    outcome: str, seconds: float, tokens_in: int = 0, tokens_out: int = 0, cost: float = 0.0
) -> None:
    """Count one call of a model that was really made; `cost` in US dollars."""
    MODEL_CALLS.labels(outcome).inc()
    MODEL_SECONDS.observe(seconds)
    # An endpoint that reports less than nothing must not take the counter down: it raises ValueError.
    MODEL_TOKENS.labels("in").inc(max(0, tokens_in))
    MODEL_TOKENS.labels("out").inc(max(0, tokens_out))
    MODEL_COST.inc(max(0.0, cost))


def upload(outcome: str, size: int = 0) -> None:
    """Count one uploaded file: `stored`, `known`, `refused`, `failed` (our fault); `size` in bytes if stored."""
    UPLOADS.labels(outcome).inc()
    UPLOAD_BYTES.inc(size)


def unreadable(reason: str) -> None:
    """Count a paper that could not be read; `reason` is a kind of `intake.errors`, `gone` or `fault`."""
    INTAKE_FAILURES.labels(reason).inc()


def sample_process() -> None:
    """Take this process's figures now. Where there is no /proc, only its processor time."""
    global _self
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds, pid = used.ru_utime + used.ru_stime, os.getpid()
    counted, began = (_self[1], _self[2]) if _self[0] == pid else (0.0, time.time())
    CPU_SECONDS.inc(max(0.0, seconds - counted))
    _self = (pid, seconds, began)
    PROCESSES.set(1)
    STARTED.set(began)
    BUILD.labels(release()).set(1)
    try:
        RESIDENT.set(int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE)
        OPEN_FILES.set(sum(1 for _ in Path("/proc/self/fd").iterdir()))
    except OSError:
        return


class _Given(Collector):
    """Metrics that were made already, as a registry takes them."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def render(facts: Iterable[Metric] = ()) -> bytes:
    """All figures of this server's processes and `facts`, in Prometheus's text format.

    Reads files when there are several processes: call it in a thread.
    """
    everything = CollectorRegistry()
    folder = os.environ.get(FOLDER)
    if folder:
        MultiProcessCollector(everything, path=folder)
    else:
        everything.register(_Given(list(REGISTRY.collect())))
    everything.register(_Given(list(facts)))
    return generate_latest(everything)


def forget(pid: int) -> None:
    """A process has ended: what it counted stays, what it had open is gone."""
    folder = os.environ.get(FOLDER)
    if folder:
        mark_process_dead(pid, path=folder)


def serve(port: int) -> None:
    """Answer Prometheus on a port of its own, in a thread: for a process without pages (`zhupi worker`).

    Raises ProblemError when the port cannot be had.
    """

    class _Now(Collector):
        def collect(self) -> Iterable[Metric]:
            sample_process()
            return REGISTRY.collect()

    sample_process()
    registry = CollectorRegistry()
    registry.register(_Now())
    try:
        start_http_server(port, registry=registry)
    except OSError as error:
        raise ProblemError(
            "Port {port} for Prometheus cannot be used: {why}", port=port, why=error.strerror or ""
        ) from None
