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
STOP_SECONDS = 60  # as stop_grace_period of the compose file
LOOK_SECONDS = 0.5
REPLICAS = "/zhupi/scripts/replicas"
RELOAD = "/zhupi/scripts/reload"
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
        replicas(wanted(config))
    _keep_one_back(image, before)
    changed = changes()
    beside(changed)
    # Its files are mounted from this checkout, and may be other ones now. Last: what it refuses stops nothing else.
    nginx(RELOAD)
    say("Upgraded in {seconds} s.", seconds=round(time.monotonic() - began))
    if changed:
        say(
            "The settings of {names} changed as well: make up applies them, with an interruption of seconds.",
            names=", ".join(changed),
        )


def beside(changed: Sequence[str]) -> None:
    """Recreate the worker and the backup with the new image, where they run. `changed`: see `changes`."""
    # With what they depend on, so that a later `up` finds them as it wants them, unless that restarts the database.
    alone = ["--no-deps"] if {"db", "redis"} & set(changed) else []
    for service in BESIDE:
        if any(one.running for one in engine.containers(service)):
            engine.compose("--profile", "*", "up", "--detach", *alone, "--no-build", service)


def restart() -> None:
    """Roll the replicas with the image and settings that are there. Raises Problem; the old ones then still serve."""
    began = time.monotonic()
    up.prepare()
    if not any(one.running for one in engine.containers("app")):
        raise Problem("Nothing is running; make up starts it.")
    replicas(wanted(engine.configuration()))
    say("Restarted in {seconds} s.", seconds=round(time.monotonic() - began))


def wanted(config: dict[str, object]) -> int:
    """How many replicas the compose files ask for."""
    services = config["services"]
    assert isinstance(services, dict)
    app = services["app"]
    return int(app.get("scale") or app.get("deploy", {}).get("replicas") or 1)


def replicas(count: int) -> None:
    """Replace all replicas of the app by `count` new ones, after the image's migrations.

    Raises Problem when the new ones do not get healthy; then the old ones serve, and no new one is left.
    """
    # Those that have ended; and the migration's last run, which has the old image.
    engine.compose("rm", "--force", "app", "migrate", check=False)
    old = engine.containers("app")
    known = {one.id for one in old}
    nginx(REPLICAS, "pin")
    with _Undo(lambda: _withdraw(known)):
        say("starting {count} new replicas beside {old}", count=count, old=len(old))
        nginx(REPLICAS, "pin", *addresses(ready(_started(count, known))))
    say("stopping the old ones")
    engine.docker("stop", "--time", str(STOP_SECONDS), *known)
    engine.docker("rm", *known)
    nginx(REPLICAS, "unpin")


def _started(count: int, known: set[str]) -> list[str]:
    """Start new replicas, and before them what they wait for: the migration. Returns their ids. Raises Problem."""
    # With its dependencies, though they are there: without, compose would mark the new containers as having other
    # settings than those of `up`, which would then replace them all at once.
    scale = f"app={len(known) + count}"
    command = ["up", "--detach", "--no-recreate", "--no-build", "--scale", scale, "app"]
    done = engine.compose(*command, check=False)
    if done.returncode:
        for one in engine.containers("migrate"):
            if one.exit_code:
                say("{service}: {words}", service=one.name, words=up.last_words(one))
                raise Problem("The database was not migrated; the old version goes on.")
        raise Problem("docker compose up failed: {why}", why=engine.complaint(done.stderr))
    return [one.id for one in engine.containers("app") if one.id not in known]


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


def nginx(*command: str) -> None:
    """A script of ours in nginx's container. Raises Problem with what it said."""
    done = engine.compose("exec", "-T", "nginx", *command, check=False)
    if done.returncode:
        raise Problem("nginx: {why}", why=engine.complaint(done.stderr))


def _withdraw(known: set[str]) -> None:
    """Remove the new replicas and let nginx follow those that are there."""
    new = [one.id for one in engine.containers("app") if one.id not in known]
    if new:
        engine.docker("rm", "--force", *new, check=False)
    nginx(REPLICAS, "unpin")


def _restore(image: str, before: str) -> None:
    """Give the image's name back to what it named before; the new one stays, as NAME-failed."""
    if before and engine.image_id(image) != before:
        engine.docker("tag", image, f"{image}-failed", check=False)
        engine.docker("tag", before, image, check=False)


def _keep_one_back(image: str, before: str) -> None:
    """Name the image that served until now NAME-previous; the one that had this name before goes."""
    previous = f"{image}-previous"
    older = engine.image_id(previous)
    if not before or before == engine.image_id(image):
        return
    engine.docker("tag", before, previous, check=False)
    if older and older != before:
        engine.docker("image", "rm", older, check=False)


def changes() -> list[str]:
    """The services that stay while replicas are rolled, and whose containers are not as the compose files want them."""
    lines = engine.compose("config", "--hash", "*", check=False).stdout.splitlines()
    hashes = dict(line.split() for line in lines if len(line.split()) == 2)
    return [
        service
        for service, wanted_hash in hashes.items()
        if service not in ("app", "migrate", *BESIDE)
        and any(one.config_hash != wanted_hash for one in engine.containers(service) if one.running)
    ]


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
