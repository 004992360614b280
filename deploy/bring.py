"""`make up`: whatever is there becomes what the checkout and .env say, and stays served where it was."""

from __future__ import annotations

import re
import time
from typing import Any

from deploy import engine, roll, secret_files, up
from deploy.words import say

# Stay while replicas are rolled; replaced first where their own settings changed.
BENEATH = ("db", "redis", "nginx")


def bring() -> None:
    """Build what is missing, start everything, wait until it is healthy, say where it is. Raises Problem."""
    began = time.monotonic()
    up.prepare()
    config = engine.configuration()
    image = config["services"]["app"]["image"]
    if engine.image_id(image):
        up.tell_age(image)
    else:
        up.build()
    made = secret_files.ensure()
    # Looked at before anything is run: compose makes the volumes of all services for the first one.
    other_password = "db_password" in made and up.volume(config, "db")
    up.certificate()
    up.check_settings()
    if other_password:
        up.same_password()
    apply(config, anew=bool(made))
    say("Healthy after {seconds} s.", seconds=round(time.monotonic() - began))
    up.report(config)


def apply(config: dict[str, Any], *, anew: bool = False) -> None:
    """Bring all services to the state of the compose files. Replicas that serve are rolled, not replaced at once.

    `anew` replaces all: after secrets were lost, containers that run have the lost files mounted still, and compose
    itself sees no change.
    """
    if anew:
        up.start(config, "--force-recreate")
        return
    if any(one.health == "healthy" for one in engine.containers("app")) and would_replace("app"):
        up.start(config, "--no-deps", *BENEATH)
        roll.replicas(roll.wanted(config))
    up.start(config)


def would_replace(service: str) -> bool:
    """Whether `compose up` would replace a container of a service: its image or its settings changed."""
    done = engine.compose("--dry-run", "up", "--detach", "--no-build", service, check=False)
    return bool(re.search(rf"-{re.escape(service)}-\d+\s+Recreate", done.stderr + done.stdout))


def upgrade() -> None:
    """Build this checkout's image and roll the replicas; start everything where none runs. Raises Problem."""
    up.prepare()
    if any(one.running for one in engine.containers("app")):
        roll.upgrade()
        return
    up.build()
    say("nothing is running: starting all of it")
    bring()
