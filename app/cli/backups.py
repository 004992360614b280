"""`zhupi backup` and `zhupi restore`."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.command import cli
from app.cli.common import bar, confirm, current_settings, say, services
from app.i18n import N_, ProblemError, Text, gettext

if TYPE_CHECKING:
    from app.upkeep.backups.making import Made
    from app.upkeep.backups.restoring import Restored
    from app.upkeep.backups.sealing import Keys, Seal
    from app.upkeep.backups.verifying import Checked

TERMINATED = 128 + signal.SIGTERM
MEBIBYTE = 2**20

AsJson = Annotated[bool, typer.Option("--json", help=N_("Print one JSON object instead of sentences."))]
PassphraseFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help=N_("The file that holds the passphrase of the backup."))
]


@cli.command(help=N_("Save the database and the uploads as one archive, while the server works."))
def backup(
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|FILE", help=N_("Where to: a folder or a new file; BACKUP_DIR if not given.")
        ),
    ] = None,
    encrypt_to: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help=N_("Encrypt for a public key of age or SSH; may be repeated.")),
    ] = None,
    passphrase_file: PassphraseFile = None,
    every: Annotated[
        str | None, typer.Option(metavar="TIME", help=N_("Go on for ever: one backup every 24h, 7d, 90m ..."))
    ] = None,
    keep: Annotated[
        int, typer.Option(min=0, help=N_("Keep so many archives in the folder, the oldest go; 0 keeps all."))
    ] = 0,
    as_json: AsJson = False,
) -> None:
    from app.upkeep.backups import rotation

    if every is None:
        _on_sigterm(TERMINATED)
        made = _make(out, _seal(encrypt_to, passphrase_file))
        if out is None or out.is_dir():
            rotation.prune(made.path.parent, keep)
        _tell_made(made, as_json)
        return
    _repeat(out, _seal(encrypt_to, passphrase_file), every, keep, as_json)


@cli.command(help=N_("Bring back what a backup holds; it is read and verified to its end first."))
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=N_("The archive."))],
    verify: Annotated[
        bool, typer.Option("--verify", "--dry-run", help=N_("Only verify the archive; change nothing."))
    ] = False,
    into_live: Annotated[
        bool,
        typer.Option("--into-live", help=N_("Replace the data of a database that has some, or is in use.")),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help=N_("Do not ask."))] = False,
    identity_file: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help=N_("A private key of age or SSH; may be repeated.")),
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    from app.upkeep.backups import restoring

    _on_sigterm(TERMINATED)
    keys = _keys(identity_file, passphrase_file)
    if verify:
        _tell_checked(file, _checked(file, keys, current_settings().var_dir / "spool"), as_json)
        return
    with services() as settings:
        found = restoring.in_the_way(settings.postgres_url)
        if found and not into_live:
            raise restoring.refused(found)
        checked = _checked(file, keys, settings.var_dir / "spool")
        if found:
            confirm(
                Text("Replace all data of this system by the backup of {taken}?", {"taken": checked.taken}),
                yes,
            )
        with bar(gettext("Restoring")) as progress:
            done = restoring.restore(settings, file, keys, checked, into_live=into_live, progress=progress)
        _tell_restored(done, as_json)


def _seal(encrypt_to: list[str] | None, passphrase_file: Path | None) -> Seal | None:
    """How to encrypt: as the command says, else for the keys of BACKUP_ENCRYPT_TO, else not at all."""
    from app.upkeep.backups import sealing

    if encrypt_to and passphrase_file:
        raise ProblemError("Encrypt for keys or by a passphrase, not both.")
    if passphrase_file:
        return sealing.for_passphrase(sealing.read_passphrase(passphrase_file))
    keys = encrypt_to or current_settings().backup_encrypt_to
    return sealing.for_recipients(keys) if keys else None


def _keys(identity_files: list[Path] | None, passphrase_file: Path | None) -> Keys:
    """What opens the archive; without a file the passphrase is asked for, where there is somebody to ask."""
    from app.upkeep.backups import sealing

    def ask() -> str:
        return str(typer.prompt(gettext("Passphrase of the backup"), hide_input=True, err=True))

    identities = tuple(key for path in identity_files or () for key in sealing.read_identities(path))
    if passphrase_file is not None:
        passphrase = sealing.read_passphrase(passphrase_file)
        return sealing.Keys(identities, lambda: passphrase)
    return sealing.Keys(identities, ask if sys.stdin.isatty() else None)


def _make(out: Path | None, seal: Seal | None) -> Made:
    from app.upkeep.backups import making

    with services() as settings, bar(gettext("Saving")) as progress:
        final = making.target(out, settings, encrypted=seal is not None)
        return making.make(settings, final, seal, progress)


def _repeat(out: Path | None, seal: Seal | None, every: str, keep: int, as_json: bool) -> None:
    from app import logs
    from app.upkeep.backups import making, rotation
    from app.upkeep.backups.schedule import Schedule

    _on_sigterm(0)
    settings = current_settings()
    logs.configure(settings)
    period = rotation.duration(every)
    if out is not None and not out.is_dir():
        raise ProblemError("--every needs a folder, and {path} is none.", path=str(out))
    folder = making.target(out, settings, encrypted=False).parent
    rotation.clear_partials(folder)

    def once() -> Made:
        made = _make(folder, seal)
        if as_json:
            print(json.dumps(made.to_json(), ensure_ascii=False), flush=True)
        return made

    Schedule(folder, period, keep).run(once)


def _checked(file: Path, keys: Keys, scratch: Path) -> Checked:
    from app.upkeep.backups import restoring

    with bar(gettext("Verifying")) as progress:
        return restoring.check(file, keys, scratch, progress)


def _on_sigterm(code: int) -> None:
    """End at once, by an exception that lets every `finally` remove what is half made."""

    def end(*_: object) -> None:
        raise SystemExit(code)

    signal.signal(signal.SIGTERM, end)


def _tell_made(made: Made, as_json: bool) -> None:
    if as_json:
        print(json.dumps(made.to_json(), ensure_ascii=False, indent=2))
        return
    facts = {
        "path": str(made.path),
        "size": round(made.size / MEBIBYTE, 1),
        "files": made.manifest["uploads"]["count"],
        "seconds": round(made.seconds, 1),
    }
    for path in made.cleared:
        text = Text("An earlier backup had broken off; its rest {path} was removed.", {"path": str(path)})
        print(text, file=sys.stderr)
    say(Text("Saved as {path}: {size} MB, {files} uploaded files, {seconds} s.", facts))
    if made.lost:
        text = Text(
            "{count} uploaded files are missing in the storage or were changed there; the manifest names them. "
            "All else was saved.",
            {"count": made.lost},
        )
        print(text, file=sys.stderr)


def _tell_checked(file: Path, checked: Checked, as_json: bool) -> None:
    from app.upkeep.backups.restoring import checked_json

    if as_json:
        print(json.dumps(checked_json(checked), ensure_ascii=False, indent=2))
        return
    facts = {
        "path": str(file),
        "taken": checked.taken,
        "version": checked.head["zhupi"],
        "files": checked.uploads,
        "rows": sum(checked.counts.values()),
    }
    text = "{path} is whole: made on {taken} by Zhupi {version}, {rows} rows, {files} uploaded files."
    say(Text(text, facts))


def _tell_restored(done: Restored, as_json: bool) -> None:
    if as_json:
        print(json.dumps(done.to_json(), ensure_ascii=False, indent=2))
        return
    facts = {
        "taken": done.checked.taken,
        "written": done.written,
        "present": done.present,
        "seconds": round(done.seconds, 1),
    }
    say(
        Text(
            "The backup of {taken} is restored in {seconds} s: {written} uploaded files written, {present} were there. "
            "Everybody signs in again.",
            facts,
        )
    )
    if done.damaged:
        text = Text("{count} of the files were damaged before the backup was made.", {"count": done.damaged})
        print(text, file=sys.stderr)
