"""The files for Kubernetes: names that are referred to exist, and a pod has no more rights than in compose.

The fields themselves are checked against Kubernetes' schemas where the package kubernetes-validate is installed; it is
too large (108 MB) for the lock.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml  # type: ignore[import-untyped]  # tests need no stubs
from aiohttp import web

from app.cli import cli
from app.settings import Settings, load_settings
from app.web import routes

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
FILES = [path.name for path in sorted(FOLDER.glob("*.yaml")) if path.name != "kustomization.yaml"]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
PART, COMPONENT = "app.kubernetes.io/part-of", "app.kubernetes.io/component"
# Made by an administrator: the passwords, and the keys of S3 where it is used.
SECRETS = {"zhupi", "s3"}

Document = dict[str, Any]


def documents(*names: str) -> list[Document]:
    return [
        found
        for name in names or FILES
        for found in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))
    ]


ALL = documents()


def of_kind(kind: str) -> dict[str, Document]:
    return {each["metadata"]["name"]: each for each in ALL if each["kind"] == kind}


def pods() -> Iterator[tuple[str, Document]]:
    """Every pod template with the name of what makes it."""
    for each in ALL:
        spec = each.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            yield each["metadata"]["name"], template


PODS = dict(pods())
every_pod = pytest.mark.parametrize("name", PODS)


def container(name: str) -> Document:
    containers: list[Document] = PODS[name]["spec"]["containers"]
    assert len(containers) == 1
    return containers[0]


def settings_given() -> dict[str, str]:
    data: dict[str, str] = of_kind("ConfigMap")["settings"]["data"]
    return data


def fits(selector: Document, labels: Document) -> bool:
    """Whether a label selector takes an object with these labels."""
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", ())
    )


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_the_parts_are_those_of_compose_without_its_stores() -> None:
    assert set(PODS) == {"app", "migrate", "worker", "backup"}
    kinds = {each["metadata"]["name"]: each["kind"] for each in ALL if each["metadata"]["name"] in PODS}
    assert {name: kinds[name] for name in ("worker", "migrate", "backup")} == {
        "worker": "Deployment",
        "migrate": "Job",
        "backup": "CronJob",
    }
    assert "app" in of_kind("Deployment")


def test_everything_is_applied_but_the_examples() -> None:
    listed = set(KUSTOMIZATION["resources"])
    assert listed == {name for name in FILES if ".example." not in name}
    assert {name for name in FILES if ".example." in name} == {"secret.example.yaml", "ingress.example.yaml"}


def test_no_name_is_there_twice() -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in ALL]
    assert len(names) == len(set(names))


def test_all_is_in_one_namespace_that_refuses_rights() -> None:
    (space,) = of_kind("Namespace").values()
    assert KUSTOMIZATION["namespace"] == space["metadata"]["name"]
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for each in documents("secret.example.yaml", "ingress.example.yaml"):  # applied by hand
        assert each["metadata"]["namespace"] == space["metadata"]["name"]


@every_pod
def test_a_pod_has_no_more_rights_than_in_compose(name: str) -> None:
    service, spec = COMPOSE["services"][name], PODS[name]["spec"]
    user, group = (int(part) for part in service["user"].split(":"))
    security = spec["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (user, group, group)
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    own = container(name)["securityContext"]
    assert own == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": service["read_only"],
        "capabilities": {"drop": service["cap_drop"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec)
    assert not any("hostPath" in volume for volume in spec["volumes"])


@every_pod
def test_a_pod_runs_the_one_image_with_a_verb_that_exists(name: str) -> None:
    assert container(name)["image"] == KUSTOMIZATION["images"][0]["name"]
    assert KUSTOMIZATION["images"][0]["newTag"] not in ("", "latest")
    verb, *arguments = container(name)["args"]
    verbs = getattr(typer.main.get_command(cli), "commands", {})
    verbs[verb].make_context(verb, arguments)
    assert verb == COMPOSE["services"][name]["command"][0]


@every_pod
def test_a_pods_limits_are_those_of_compose(name: str) -> None:
    def plain(value: str) -> str:
        default = re.fullmatch(r"\$\{\w+:-([^}]+)\}", value)
        return (default[1] if default else value).lower().removesuffix(".0")

    limits = COMPOSE["services"][name]["deploy"]["resources"]["limits"]
    given = container(name)["resources"]
    assert given["limits"]["cpu"] == plain(limits["cpus"])
    assert given["limits"]["memory"].removesuffix("i").lower() == plain(limits["memory"])
    assert {"cpu", "memory"} <= set(given["requests"])


@every_pod
def test_what_is_mounted_is_there(name: str) -> None:
    spec = PODS[name]["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container(name)["volumeMounts"]}
    assert set(volumes) == set(mounts)
    for volume in volumes.values():
        if "persistentVolumeClaim" in volume:
            assert volume["persistentVolumeClaim"]["claimName"] in of_kind("PersistentVolumeClaim")
        elif "secret" in volume:
            assert volume["secret"]["secretName"] in SECRETS
            assert volume["secret"]["defaultMode"] & 0o007 == 0, (
                "the files of secrets are for our group alone"
            )
        else:
            assert volume["emptyDir"]["sizeLimit"], "what is without a limit fills the node's disk"
    # The root is read-only: everything that is written needs a place.
    assert {mounts["data"], mounts["tmp"]} == {"/data", "/tmp"}
    if name in ("app", "worker", "backup"):
        claim = of_kind("PersistentVolumeClaim")[volumes["uploads"]["persistentVolumeClaim"]["claimName"]]
        assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
        assert mounts["uploads"] == str(Path(settings_given()["VAR_DIR"]) / "uploads")


def test_backups_lie_where_the_setting_says_on_a_claim_of_their_own() -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in container("backup")["volumeMounts"]}
    assert mounts["backups"] == settings_given()["BACKUP_DIR"]
    assert of_kind("CronJob")["backup"]["spec"]["concurrencyPolicy"] == "Forbid"


@every_pod
def test_its_settings_come_from_what_exists(name: str) -> None:
    sources = container(name)["envFrom"]
    assert [each["configMapRef"]["name"] for each in sources if "configMapRef" in each] == ["settings"]
    for each in sources:
        if "secretRef" in each:
            assert each["secretRef"] == {"name": "s3", "optional": True}
    assert "env" not in container(name)


def test_every_setting_exists() -> None:
    known = {field.upper() for field in Settings.model_fields}
    assert {name for name in settings_given() if name.removesuffix("_FILE") not in known} == set()
    assert all(isinstance(value, str) for value in settings_given().values()), "a number must be quoted"


def test_no_secret_is_in_a_file() -> None:
    (template,) = documents("secret.example.yaml")
    assert set(template["stringData"].values()) == {""}
    for name, value in settings_given().items():
        assert not re.search(r"://[^/@:]*:[^/@]+@", value), f"{name} has a password in its address"
        assert not re.search(r"PASSWORD$|SECRET_KEY$|API_KEY$", name)


def test_the_secrets_keys_are_the_files_that_the_settings_name() -> None:
    (template,) = documents("secret.example.yaml")
    named = {Path(value) for name, value in settings_given().items() if name.endswith("_FILE")}
    assert {path.name for path in named} == set(template["stringData"]) == set(COMPOSE["secrets"])
    for name in PODS:
        places = {m["name"]: m["mountPath"] for m in container(name)["volumeMounts"]}
        assert {str(path.parent) for path in named} == {places["secrets"]}
        (volume,) = (v for v in PODS[name]["spec"]["volumes"] if v["name"] == "secrets")
        assert volume["secret"]["secretName"] == template["metadata"]["name"]


def test_the_server_takes_these_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        monkeypatch.delenv(name)
    # What Kubernetes puts into every container.
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_PORT", "tcp://10.0.0.1:443")
    for name, value in settings_given().items():
        if name.endswith("_FILE"):
            file = tmp_path / Path(value).name
            file.write_text("" if name == "LLM_API_KEY_FILE" else f"a-long-secret-of-a-test/{name}")
            value = str(file)
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.production
    assert "a-long-secret-of-a-test%2FDATABASE_PASSWORD_FILE@" in settings.postgres_url
    assert not settings.asks_model
    monkeypatch.setenv("UPLOAD_DIR", "s3://bucket/prefix")
    assert load_settings().uploads == "s3://bucket/prefix"


def probes(name: str) -> dict[str, Document]:
    return {key: value for key, value in container(name).items() if key.endswith("Probe")}


def test_probes_ask_what_exists() -> None:
    app = web.Application()
    routes.add(app)
    paths = {route.resource.canonical for route in app.router.routes() if route.resource}
    ports = {port["name"]: port["containerPort"] for port in container("app")["ports"]}
    assert ports["http"] == int(settings_given()["PORT"])
    asked = {key: probe["httpGet"] for key, probe in probes("app").items()}
    assert set(asked) == {"livenessProbe", "readinessProbe", "startupProbe"}
    assert {each["path"] for each in asked.values()} <= paths
    assert {each["port"] for each in asked.values()} <= set(ports)
    # A database that is away must take a pod out of the service, not kill it.
    assert (asked["livenessProbe"]["path"], asked["readinessProbe"]["path"]) == (
        "/health/live",
        "/health/ready",
    )
    for probe in probes("worker").values():
        assert probe["exec"]["command"] == COMPOSE["services"]["worker"]["healthcheck"]["test"][1:]


@pytest.mark.parametrize("name", ["app", "worker"])
def test_who_scrapes_finds_the_metrics(name: str) -> None:
    notes = PODS[name]["metadata"]["annotations"]
    assert int(notes["prometheus.io/port"]) in {port["containerPort"] for port in container(name)["ports"]}
    assert notes["prometheus.io/path"] == "/metrics"
    if name == "worker":
        assert notes["prometheus.io/port"] in container(name)["args"]


def test_no_replica_goes_before_another_one_is_ready() -> None:
    app = of_kind("Deployment")["app"]["spec"]
    assert app["replicas"] >= 2
    assert app["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert of_kind("PodDisruptionBudget")["app"]["spec"]["maxUnavailable"] < app["replicas"]
    pause = int(container("app")["lifecycle"]["preStop"]["exec"]["command"][1])
    grace = PODS["app"]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= pause + seconds(COMPOSE["services"]["app"]["stop_grace_period"])
    worker = PODS["worker"]["spec"]["terminationGracePeriodSeconds"]
    assert worker >= seconds(COMPOSE["services"]["worker"]["stop_grace_period"])


@pytest.mark.parametrize("kind", ["Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"])
def test_selectors_find_their_pods(kind: str) -> None:
    for name, each in of_kind(kind).items():
        spec = each["spec"]
        selector = spec.get("selector", spec.get("podSelector", {}))
        if kind == "Service":
            selector = {"matchLabels": selector}
        found = {pod for pod, template in PODS.items() if fits(selector, template["metadata"]["labels"])}
        if kind in ("Deployment", "Service", "PodDisruptionBudget"):
            assert found == {name}
        else:
            assert found, name


def test_services_and_ingress_lead_to_a_port() -> None:
    ports = {port["name"] for port in container("app")["ports"]}
    (service,) = of_kind("Service").values()
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    (ingress,) = of_kind("Ingress").values()
    for rule in ingress["spec"]["rules"]:
        for path in rule["http"]["paths"]:
            backend = path["backend"]["service"]
            assert backend["name"] == service["metadata"]["name"]
            assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
    hosts = {rule["host"] for rule in ingress["spec"]["rules"]}
    assert hosts == set(settings_given()["ALLOWED_HOSTS"].split(","))
    assert {host for tls in ingress["spec"]["tls"] for host in tls["hosts"]} == hosts


def test_the_way_in_lets_streams_and_papers_through() -> None:
    notes = of_kind("Ingress")["app"]["metadata"]["annotations"]
    short = {name.rpartition("/")[2]: value for name, value in notes.items()}
    assert short["proxy-buffering"] == "off"
    assert int(short["proxy-read-timeout"]) >= 3600
    assert "non_idempotent" not in short["proxy-next-upstream"]
    largest = Settings.model_fields["max_file_size"].default * 100
    assert int(short["proxy-body-size"].removesuffix("m")) * 2**20 >= largest
    assert all(isinstance(value, str) for value in notes.values())


def allowed(direction: str, name: str) -> set[int]:
    """The ports that the policies open for a pod, to it or from it."""
    found = set()
    for policy in of_kind("NetworkPolicy").values():
        spec = policy["spec"]
        if direction in spec["policyTypes"] and fits(spec["podSelector"], PODS[name]["metadata"]["labels"]):
            for rule in spec.get(direction.lower(), ()):
                found |= {port["port"] for port in rule["ports"]}
    return found


def test_the_policies_open_what_is_needed_and_no_more() -> None:
    nobody = of_kind("NetworkPolicy")["nobody"]["spec"]
    assert nobody == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert allowed("Ingress", "app") == {8080}
    assert allowed("Ingress", "worker") == {9100}
    assert allowed("Ingress", "backup") == allowed("Ingress", "migrate") == set()
    stores = {53, 5432, 6379}
    assert allowed("Egress", "migrate") == stores
    assert (
        allowed("Egress", "app")
        == allowed("Egress", "worker")
        == allowed("Egress", "backup")
        == stores | {443}
    )
    for policy in of_kind("NetworkPolicy").values():
        for rule in policy["spec"].get("ingress", ()):
            assert rule["from"], "without a source everybody may come"


def test_the_fields_are_those_of_kubernetes() -> None:
    schemas = pytest.importorskip("kubernetes_validate")
    for each in ALL:
        schemas.validate(each, "1.28", strict=True)
        schemas.validate(each, "1.33", strict=True)
