"""The dashboard, the alert rules and the example for Prometheus: whole, and about metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # tests need no stubs

from app import metrics
from app.upkeep.doctor.storage import LITTLE_FREE
from app.upkeep.doctor.work import ABANDONED_SECONDS, LONG_SECONDS
from app.upkeep.figures import Queue, Work
from app.upkeep.state import State
from app.web.metrics import facts

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "monitoring"
# Prometheus's own, about each target.
OWN = {"up"}
# Functions, aggregations and words of PromQL that are used here.
WORDS = {
    "abs", "absent", "and", "by", "count", "histogram_quantile", "increase", "max", "min", "on", "or", "rate", "sum",
    "time", "topk", "unless", "vector", "without", "offset", "ignoring",
}  # fmt: skip
# What a metric of a kind is told as.
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
BRACKETS = {"(": ")", "[": "]", "{": "}"}


def known() -> dict[str, set[str]]:
    """Every series that a server tells, by its name, with its labels."""
    work = Work([Queue("grade", 1, 0, 0, 0, 0.0)], {"running": 1}, [], 0)
    state = State(database=True, redis=True, storage=True, free_bytes=1, work=work, model="none")
    names: dict[str, set[str]] = {}
    for family in metrics.REGISTRY._collector_to_names:
        labels = set(getattr(family, "_labelnames", ()))
        name, kind = str(getattr(family, "_name", "")), str(getattr(family, "_type", ""))
        for suffix in SUFFIXES[kind]:
            names[name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    for metric in facts(state):
        for sample in metric.samples:
            names.setdefault(sample.name, set()).update(sample.labels)
    return names


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression with where it stands."""
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            yield f"panel {panel['title']}", target["expr"]


def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / "grafana" / "zhupi.json").read_text(encoding="utf-8"))
    return read


def metrics_in(expression: str) -> dict[str, set[str]]:
    """The metrics of an expression with the labels that it selects by."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\b(?:by|on|without|ignoring)\s*\([^)]*\)", "", bare)
    bare = re.sub(r"\[[^]]*\]", "", bare)  # how far back
    found: dict[str, set[str]] = {}
    # A name before an opening bracket is a function; a selector is taken with its metric, its labels are no names.
    for name, selector, bracket in re.findall(r"(?<![\w$])([a-z_]\w*)(\{[^}]*\})?(\s*\()?", bare):
        if not bracket and name not in WORDS:
            found.setdefault(name, set()).update(re.findall(r"(\w+)\s*[=!]", selector))
    return found


def balanced(expression: str) -> bool:
    """Whether brackets are closed in their order, strings left out."""
    open_: list[str] = []
    for character in re.sub(r'"[^"]*"', "", expression):
        if character in BRACKETS:
            open_.append(BRACKETS[character])
        elif character in BRACKETS.values() and (not open_ or open_.pop() != character):
            return False
    return not open_


@pytest.mark.parametrize(("place", "expression"), sorted(set(expressions())))
def test_expressions_are_about_metrics_that_exist(place: str, expression: str) -> None:
    assert balanced(expression), place
    names, used = known(), metrics_in(expression)
    assert used, place
    for name, labels in used.items():
        assert name in names or name in OWN, f"{place}: there is no metric {name}"
        assert labels <= names.get(name, set()) | {"job", "instance"}, (
            f"{place}: {name} has no label of {labels}"
        )
    grouped = set(re.findall(r"\bby \(([^)]*)\)", expression))
    said = {label.strip() for group in grouped for label in group.split(",")}
    assert said <= set().union(*(names.get(name, set()) for name in used)) | {"instance", "job"}, place


def test_rates_are_of_what_only_grows() -> None:
    counters = {name for name in known() if name.endswith(("_total", "_bucket", "_count", "_sum"))}
    for place, expression in expressions():
        for name in re.findall(r"\b(?:rate|increase)\(\s*([a-z_]+)", expression):
            assert name in counters, f"{place}: {name} goes up and down"


def test_every_metric_is_looked_at() -> None:
    used = {name for _, expression in expressions() for name in metrics_in(expression)}
    used |= {re.sub(r"_bucket$", suffix, name) for name in used for suffix in SUFFIXES["histogram"]}
    assert sorted(known().keys() - used) == []


def test_the_rules_are_whole() -> None:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))
    assert set(groups) == {"groups"}
    names = []
    for group in groups["groups"]:
        assert set(group) <= {"name", "interval", "rules"}
        for rule in group["rules"]:
            names.append(rule["alert"])
            assert (
                {"alert", "expr", "labels", "annotations"}
                <= set(rule)
                <= {"alert", "expr", "for", "labels", "annotations"}
            )
            assert re.fullmatch(r"Zhupi[A-Za-z]+", rule["alert"])
            assert re.fullmatch(r"\d+[smhd]", rule.get("for", "0s"))
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert {"summary", "description"} == set(rule["annotations"])
            for text in rule["annotations"].values():
                assert isinstance(text, str) and text.count("{{") == text.count("}}")
    assert len(names) == len(set(names)) > 10


def test_the_rules_and_the_doctor_have_the_same_thresholds() -> None:
    rules = dict(expressions())
    assert f"> {ABANDONED_SECONDS}\n" in rules["ZhupiNobodyGrades"]
    assert rules["ZhupiQueueLong"].endswith(f"> {LONG_SECONDS}")
    assert f"< {LITTLE_FREE // 2**30} * 1024 * 1024 * 1024" in rules["ZhupiDiskLow"]


def test_the_example_for_prometheus_is_whole() -> None:
    example = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    assert set(example) == {"global", "rule_files", "scrape_configs"}
    assert all((FOLDER / name).is_file() for name in example["rule_files"])
    jobs = {job["job_name"]: job for job in example["scrape_configs"]}
    assert set(jobs) == {"zhupi", "zhupi-worker"}
    assert jobs["zhupi"]["dns_sd_configs"][0] == {
        "names": ["app"],
        "type": "A",
        "port": 8080,
        "refresh_interval": "15s",
    }


def test_the_dashboard_is_whole() -> None:
    board = dashboard()
    assert board["uid"] == "zhupi" and board["schemaVersion"] >= 36
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        right = place["x"] + place["w"]
        assert place["x"] >= 0 and right <= 24, panel["title"]
        fields = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not fields & taken, f"{panel['title']} lies on another panel"
        taken |= fields
        assert panel["type"] in ("timeseries", "stat") and panel["title"] and panel["description"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(refs) == len(set(refs))
        for target in panel["targets"]:
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            names = metrics_in(target["expr"])
            assert shown <= set().union(*(known().get(name, set()) for name in names)) | {"instance"}, panel[
                "title"
            ]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (kind) (rate(a_total{x="b{c"}[5m])) > 3', {"a_total"}),
        ("a / b > 0.5 and sum(increase(c_total[1d])) > 5", {"a", "b", "c_total"}),
        ('absent(up{job="zhupi"} == 1)', {"up"}),
        ("time() - a", {"a"}),
        ("rate(a_total[$__rate_interval])", {"a_total"}),
    ],
)
def test_the_reader_of_expressions(expression: str, names: set[str]) -> None:
    assert set(metrics_in(expression)) == names


def test_the_reader_notices() -> None:
    assert not balanced("sum(rate(a[5m])") and not balanced("sum(a])")
    assert balanced('sum(rate(a{b="}"}[5m]))')
    assert "zhupi_http_requests" not in known() and "zhupi_http_requests_total" in known()


def test_prometheus_agrees() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    for words in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run([promtool, *words], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
