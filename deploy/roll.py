"""New replicas beside the old ones, then the old ones go: an upgrade or a restart without a failed request.

nginx is held to the old replicas while the new ones start, then to the new ones alone, and then the old ones are
stopped: a request never meets a replica that is not ready, or one that is about to end. Migrations must fit the old
version too (docs/admin-guide.md, "Upgrade"): both serve for these seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from deploy import engine, up
from deploy.words import Problem, say

READY_SECONDS = 120.0  # for a new replica to be healthy; 10 s are usual
STOP_SECONDS = 30  # as stop_grace_period of the compose file
LOOK_SECONDS = 0.5
REPLICAS = "/zhupi/scripts/replicas"
BESIDE = ("worker", "backup")  # one at a time is enough; they are recreated where they run


def upgrade() -> None:
    """Build this checkout's image, migrate, roll the replicas. Raises Problem; the old ones then still serve."""
    began = time.monotonic()
    up.prepare()
    up.secrets_there()
    config = engine.configuration()
    image = config["services"]["app"]["image"]
    before = engine.image_id(image)
    up.build()
    with _Undo(lambda: _restore(image, before)):
        say("migrating the database")
        migrate()
        replicas(wanted(config))
    for service in BESIDE:
        if any(one.running for one in engine.containers(service)):
            engine.compose("--profile", "*", "up", "--detach", "--no-deps", "--no-build", service)
    say("Upgraded in {seconds} s.", seconds=round(time.monotonic() - began))
    _tell_changes()


def restart() -> None:
    """Roll the replicas with the image and settings that are there. Raises Problem; the old ones then still serve."""
    began = time.monotonic()
    up.prepare()
    replicas(wanted(engine.configuration()))
    say("Restarted in {seconds} s.", seconds=round(time.monotonic() - began))


def wanted(config: dict[str, object]) -> int:
    """How many replicas the compose files ask for."""
    services = config["services"]
    assert isinstance(services, dict)
    app = services["app"]
    return int(app.get("scale") or app.get("deploy", {}).get("replicas") or 1)


def migrate() -> None:
    """Run the new image's migrations once. Raises Problem with their last words."""
    done = engine.compose("run", "--rm", "--no-deps", "-T", "migrate", check=False)
    if done.returncode:
        raise Problem("The database was not migrated: {why}", why=engine.complaint(done.stderr + done.stdout))


def replicas(count: int) -> None:
    """Replace all replicas of the app by `count` new ones.

    Raises Problem when the new ones do not get healthy; then the old ones serve, and no new one is left.
    """
    engine.compose("rm", "--force", "app", check=False)  # those that have ended
    old = engine.containers("app")
    if not old:
        engine.compose("up", "--detach", "--no-build", "--no-deps", "--wait", "app")
        return
    known = {one.id for one in old}
    nginx("pin")
    with _Undo(lambda: _withdraw(known)):
        scale = f"app={len(old) + count}"
        say("starting {count} new replicas beside {old}", count=count, old=len(old))
        engine.compose("up", "--detach", "--no-deps", "--no-recreate", "--no-build", "--scale", scale, "app")
        new = ready([one.id for one in engine.containers("app") if one.id not in known])
        nginx("pin", *addresses(new))
    say("stopping the old ones")
    engine.docker("stop", "--time", str(STOP_SECONDS), *known)
    engine.docker("rm", *known)
    nginx("unpin")


def ready(ids: Sequence[str]) -> list[engine.Container]:
    """Wait until containers are healthy. Raises Problem as soon as one has ended or was started again."""
    limit = time.monotonic() + READY_SECONDS
    while True:
        found = engine.inspected(ids)
        for one in found:
            if one.restarts or not one.running or one.health == "unhealthy":
                say("{service}: {words}", service=one.name, words=up.last_words(one))
                raise Problem(
                    "The new replica {name} does not get healthy; the old ones go on.", name=one.name
                )
        if found and all(one.health == "healthy" for one in found):
            return found
        if time.monotonic() > limit:
            raise Problem("The new replicas are not healthy after {seconds} s.", seconds=int(READY_SECONDS))
        time.sleep(LOOK_SECONDS)


def addresses(found: Sequence[engine.Container]) -> list[str]:
    """Containers' addresses on the network that they share with nginx. Raises Problem for one that has none."""
    made = [
        next((address for name, address in one.addresses.items() if name.endswith("_front")), "")
        for one in found
    ]
    if not all(made):
        raise Problem("A replica has no address on the network front.")
    return made


def nginx(*arguments: str) -> None:
    """`replicas ...` in nginx's container. Raises Problem with what it said."""
    done = engine.compose("exec", "-T", "nginx", REPLICAS, *arguments, check=False)
    if done.returncode:
        raise Problem("nginx: {why}", why=engine.complaint(done.stderr))


def _withdraw(known: set[str]) -> None:
    """Remove the new replicas and let nginx follow those that are there."""
    new = [one.id for one in engine.containers("app") if one.id not in known]
    if new:
        engine.docker("rm", "--force", *new, check=False)
    nginx("unpin")


def _restore(image: str, before: str) -> None:
    """Give the image's name back to what it named before; the new one stays, as NAME-failed."""
    if before and engine.image_id(image) != before:
        engine.docker("tag", image, f"{image}-failed", check=False)
        engine.docker("tag", before, image, check=False)


def _tell_changes() -> None:
    """Name the services whose containers are not as the compose files want them now."""
    lines = engine.compose("config", "--hash", "*", check=False).stdout.splitlines()
    hashes = dict(line.split() for line in lines if len(line.split()) == 2)
    changed = [
        service
        for service, hash_ in hashes.items()
        if service not in ("app", "migrate")
        and any(one.config_hash != hash_ for one in engine.containers(service) if one.running)
    ]
    if changed:
        say(
            "The settings of {names} changed as well: make up applies them, with an interruption of seconds.",
            names=", ".join(changed),
        )


class _Undo:
    """Calls what undoes a step when the step fails, and lets the failure pass."""

    def __init__(self, undo: Callable[[], None]) -> None:
        self._undo = undo

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            return
        try:
            self._undo()
        except Problem as problem:  # the first failure is the one to tell
            say("{problem}", problem=problem)
