"""Rolling: in which order things are done, and what is left when a step fails. The engine here only keeps lists."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from deploy import bring, engine, roll, rotate, secret_files, up
from deploy.words import Problem


class World:
    """Replicas and an nginx in memory: every command is noted, `up` adds replicas, `stop` and `rm` take some away."""

    def __init__(self, running: int) -> None:
        self.done: list[str] = []
        self.replicas: dict[str, dict[str, Any]] = {}
        self.migrated = 0  # the migration's exit code
        self.health = "healthy"  # of what is started
        self.refused: set[str] = set()  # commands of nginx's replicas that fail
        self.images = {"zhupi:local": "sha256:old"}
        for _ in range(running):
            self._add()

    def _add(self) -> None:
        number = len(self.done) * 100 + len(self.replicas) + 1
        self.replicas[f"id{number}"] = {"health": self.health, "address": f"10.0.0.{number % 250}"}

    def containers(self, service: str) -> list[engine.Container]:
        """As engine.containers."""
        if service == "migrate":
            return [self._container("migrate", "", running=False, code=self.migrated)]
        return self.inspected(list(self.replicas)) if service == "app" else []

    def inspected(self, ids: list[str]) -> list[engine.Container]:
        """As engine.inspected."""
        return [self._container(one, self.replicas[one]["health"]) for one in ids if one in self.replicas]

    def _container(self, name: str, health: str, *, running: bool = True, code: int = 0) -> engine.Container:
        addresses = {"p_front": self.replicas.get(name, {}).get("address", ""), "p_back": "10.9.9.9"}
        return engine.Container(name, name, running, health, code, 0, "", "", addresses)

    def compose(self, *arguments: str, check: bool = True, **_: Any) -> engine.Done:
        """As engine.compose."""
        words = " ".join(arguments)
        self.done.append(words)
        if arguments[0] == "up":
            wanted = int(words.partition("app=")[2].split()[0])
            while not self.migrated and len(self.replicas) < wanted:
                self._add()
            return subprocess.CompletedProcess(arguments, int(self.migrated != 0), "", "service migrate")
        failed = arguments[-1] in self.refused or any(one in words for one in self.refused)
        if failed and check:
            raise Problem("nginx: {why}", why="refused")
        return subprocess.CompletedProcess(
            arguments, int(failed), "value" if "rotate" in words else "", "refused"
        )

    def docker(self, *arguments: str, **_: Any) -> engine.Done:
        """As engine.docker."""
        self.done.append(" ".join(arguments))
        if arguments[0] == "rm":
            for one in arguments[1:]:
                self.replicas.pop(one, None)
        if arguments[0] == "tag":
            self.images[arguments[2]] = self.images.get(arguments[1], arguments[1])
        return subprocess.CompletedProcess(arguments, 0, "", "")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(running=2)
    for name in ("containers", "inspected", "compose", "docker"):
        monkeypatch.setattr(engine, name, getattr(made, name))
    config = {"services": {"app": {"image": "zhupi:local", "deploy": {"replicas": 3}}}}
    monkeypatch.setattr(engine, "configuration", lambda: config)
    monkeypatch.setattr(engine, "image_id", lambda name: made.images.get(name, ""))
    monkeypatch.setattr(up, "prepare", lambda: None)
    monkeypatch.setattr(secret_files, "ensure", lambda: [])
    monkeypatch.setattr(roll, "LOOK_SECONDS", 0)
    return made


def test_the_old_ones_stop_only_when_nginx_is_at_the_new_ones(world: World) -> None:
    old = set(world.replicas)
    roll.restart()
    assert len(world.replicas) == 3 and not old & set(world.replicas)
    steps = [" ".join(step.split()[:5]) for step in world.done]
    pins = [step for step in world.done if "replicas" in step]
    assert pins[0].endswith("replicas pin") and pins[-1].endswith("unpin")
    new = sorted(one["address"] for one in world.replicas.values())
    assert sorted(pins[1].split()[-3:]) == new
    order = [world.done.index(pins[0]), next(i for i, one in enumerate(steps) if one.startswith("up "))]
    order += [world.done.index(pins[1]), next(i for i, one in enumerate(steps) if one.startswith("stop "))]
    order += [world.done.index(pins[-1])]
    assert order == sorted(order)
    started = next(step for step in world.done if step.startswith("up "))
    assert "--no-recreate" in started and "--scale app=5" in started and "--no-deps" not in started


@pytest.mark.parametrize("health", ["unhealthy", "starting"])
def test_new_ones_that_do_not_get_healthy_go_and_the_old_ones_stay(
    world: World, health: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll, "READY_SECONDS", 0.01)
    monkeypatch.setattr(up, "last_words", lambda one: "")
    old = set(world.replicas)
    world.health = health
    with pytest.raises(Problem, match="healthy"):
        roll.restart()
    assert set(world.replicas) == old
    assert world.done[-1].endswith("unpin")
    assert not [step for step in world.done if step.startswith("stop")]


def test_a_failed_migration_leaves_the_old_ones(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "last_words", lambda one: "")
    old = set(world.replicas)
    world.migrated = 2
    with pytest.raises(Problem, match="was not migrated"):
        roll.restart()
    assert set(world.replicas) == old and world.done[-1].endswith("unpin")


def test_an_nginx_that_does_not_take_the_new_ones_keeps_the_old(world: World) -> None:
    old = set(world.replicas)
    world.refused = {"replicas pin 10."}
    with pytest.raises(Problem, match="refused"):
        roll.restart()
    assert set(world.replicas) == old


def test_an_upgrade_that_fails_gives_the_name_back_to_the_old_image(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "last_words", lambda one: "")
    monkeypatch.setattr(up, "build", lambda: world.images.update({"zhupi:local": "sha256:new"}))
    world.health = "unhealthy"
    with pytest.raises(Problem):
        roll.upgrade()
    assert world.images == {"zhupi:local": "sha256:old", "zhupi:local-failed": "sha256:new"}


def test_an_upgrade_keeps_one_image_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = iter(["sha256:2", "sha256:3"])
    monkeypatch.setattr(up, "build", lambda: world.images.update({"zhupi:local": next(versions)}))
    roll.upgrade()
    assert world.images == {"zhupi:local": "sha256:2", "zhupi:local-previous": "sha256:old"}
    roll.upgrade()
    assert world.images == {"zhupi:local": "sha256:3", "zhupi:local-previous": "sha256:2"}
    assert "image rm sha256:old" in world.done


def test_nginx_takes_changed_files_when_all_else_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "build", lambda: None)
    monkeypatch.setattr(roll, "beside", lambda changed: world.done.append("beside"))
    roll.upgrade()
    assert world.done.index("beside") < world.done.index(f"exec -T nginx {roll.RELOAD}")
    world.refused = {roll.RELOAD}
    with pytest.raises(Problem, match="nginx"):
        roll.upgrade()
    assert world.done.count("beside") == 2 and len(world.replicas) == 3


def test_an_upgrade_of_what_stands_still_starts_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.replicas.clear()
    called: list[str] = []
    monkeypatch.setattr(up, "build", lambda: called.append("build"))
    monkeypatch.setattr(bring, "bring", lambda: called.append("up"))
    bring.upgrade()
    assert called == ["build", "up"]
    with pytest.raises(Problem, match="Nothing is running"):
        roll.restart()


RECREATE = " DRY-RUN MODE -  Container zhupi-app-2  Recreate"


@pytest.mark.parametrize(
    ("health", "said", "rolled"),
    [
        ("healthy", RECREATE, True),
        ("healthy", " DRY-RUN MODE -  Container zhupi-app-2  Running", False),
        # Another replica is no other setting; another service is none of these.
        ("healthy", " DRY-RUN MODE -  Container zhupi-app-3  Creating", False),
        ("healthy", " DRY-RUN MODE -  Container zhupi-db-1  Recreate", False),
        # None serves: there is nothing to keep serving, and nginx would have none to hold on to.
        ("unhealthy", RECREATE, False),
    ],
)
def test_replicas_that_serve_are_rolled_when_up_would_replace_them(
    world: World, monkeypatch: pytest.MonkeyPatch, health: str, said: str, rolled: bool
) -> None:
    for one in world.replicas.values():
        one["health"] = health
    steps: list[str] = []
    monkeypatch.setattr(
        engine, "compose", lambda *arguments, **_: subprocess.CompletedProcess(arguments, 0, "", said)
    )
    monkeypatch.setattr(up, "start", lambda config, *services: steps.append("start " + " ".join(services)))
    monkeypatch.setattr(roll, "replicas", lambda count: steps.append(f"roll {count}"))
    bring.apply(engine.configuration())
    beneath = ["start --no-deps db redis nginx", "roll 3"] if rolled else []
    assert steps == [*beneath, "start "]


def test_a_replica_without_an_address_is_told(world: World) -> None:
    world.replicas = {"id": {"health": "healthy", "address": ""}}
    with pytest.raises(Problem, match="no address"):
        roll.addresses(world.containers("app"))


def test_a_rotated_secret_is_in_its_file_before_the_replicas_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        secret_files, "change", lambda name, value: world.done.append(f"change {name} {value}")
    )
    rotate.rotate("redis_password")
    changed = world.done.index("change redis_password value")
    assert "zhupi rotate-secret redis_password --yes" in world.done[changed - 1]
    assert changed < next(i for i, step in enumerate(world.done) if step.startswith("up "))
    # The old password ends when nobody uses it any more.
    assert world.done[-1] == "exec -T redis sh /zhupi/set-password.sh"


def test_a_secret_that_was_not_rotated_is_not_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_files, "change", lambda *_: pytest.fail("the old value is the valid one"))
    world.refused = {"--yes"}
    with pytest.raises(Problem, match="was not rotated: refused"):
        rotate.rotate("db_password")
