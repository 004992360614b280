"""`make rotate-secret NAME=...`: a new value where it is checked, then in its file, then in the replicas."""

from __future__ import annotations

from deploy import engine, roll, secret_files, up
from deploy.words import Problem, say

ROTATED = ("secret_key", "db_password", "redis_password")


def rotate(name: str) -> None:
    """Rotate one secret while the system serves. Raises Problem; then the old value is still the valid one.

    The verb in the container makes the value and has the database or Redis accept it; the file is changed in place, so
    that the health checks of running containers read the new one; then the replicas are rolled.
    """
    if name not in ROTATED:
        raise Problem(
            "{name} is not rotated by itself; say NAME=secret_key, db_password or redis_password. "
            "Another key for the model: make secret NAME=llm_api_key",
            name=name or "NAME",
        )
    up.prepare()
    done = engine.compose("exec", "-T", "app", "zhupi", "rotate-secret", name, "--yes", check=False)
    value = done.stdout.strip()
    if done.returncode or not value:
        raise Problem("{name} was not rotated: {why}", name=name, why=engine.complaint(done.stderr))
    secret_files.change(name, value)
    say("secrets/{name} holds the new value", name=name)
    roll.restart()
    for service in roll.BESIDE:
        if any(one.running for one in engine.containers(service)):
            engine.compose("--profile", "*", "restart", service)
    if name == "redis_password":
        # The old one was valid until now, for the replicas that still had it.
        engine.compose("exec", "-T", "redis", "sh", "/zhupi/set-password.sh")
    say("{name} is rotated.", name=name)
