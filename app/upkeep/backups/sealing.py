"""Encryption of backups in the age format (age-encryption.org/v1), streamed.

For recipients' keys the file is an ordinary age file: `age -d -i key.txt F | tar x` opens it. A passphrase costs
much memory by design (scrypt), and the library offers it for small texts only. So a passphrase protects a fresh key, in
age's armoured form and filled up with line ends to PREAMBLE bytes, and that key's age file follows:

    head -c 1024 F | age -d > key.txt;  tail -c +1025 F | age -d -i key.txt | tar x

pyrage wants to read and write by itself, so a thread runs it behind a pipe; its errors are told where the pipe ends.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import IO, Any, BinaryIO

import pyrage

from app.i18n import ProblemError
from app.upkeep.backups.archive import CHUNK, DamagedError, Sink, Source

PREAMBLE = 1024
ARMOUR, PLAIN_AGE = b"-----BEGIN AGE ENCRYPTED FILE-----", b"age-encryption.org/"
SHORTEST_PASSPHRASE = 12  # characters; scrypt makes each guess cost half a gigabyte and about a second
MOST_KEY_BYTES = 64 * 1024
# The library takes so much work that a try costs a second here: 2**19 or 2**20 blocks of 1 KB (scrypt, r = 8).
PASSPHRASE_MEMORY = 2**20 * 1024
# What a container may use (cgroup v2, then v1); not there, "max" or more than any machine has, where nobody said.
MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class SealError(ProblemError):
    """A key or passphrase that cannot be used, or does not fit."""


class Kind(Enum):
    """How a file is encrypted."""

    NONE = "none"
    KEYS = "keys"
    PASSPHRASE = "passphrase"  # noqa: S105 - a word, not one


@dataclass(frozen=True, slots=True)
class Seal:
    """How a backup is to be encrypted: for these recipients, after this preamble."""

    recipients: tuple[Any, ...]
    preamble: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """What may open a backup: identities, and how to ask for the passphrase when one is needed.

    What a passphrase has opened is remembered: a restore reads its archive three times.
    """

    identities: tuple[Any, ...] = field(default=(), repr=False)
    passphrase: Callable[[], str] | None = field(default=None, repr=False)
    remembered: dict[bytes, tuple[Any, ...]] = field(default_factory=dict, repr=False, compare=False)


def for_recipients(names: Sequence[str]) -> Seal:
    """Encrypt for public keys: age's (age1...) or SSH's. Raises SealError."""
    return Seal(tuple(_recipient(name.strip()) for name in names))


def for_passphrase(passphrase: str) -> Seal:
    """Encrypt by a passphrase; takes about a second and, for that time, up to PASSPHRASE_MEMORY. Raises SealError."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise SealError("The passphrase is too short: {count} characters or more.", count=SHORTEST_PASSPHRASE)
    _enough_memory()
    key = pyrage.x25519.Identity.generate()
    locked = pyrage.passphrase.encrypt(str(key).encode(), passphrase, armored=True)
    return Seal((key.to_public(),), locked.ljust(PREAMBLE, b"\n"))


def read_passphrase(path: Path) -> str:
    """The passphrase in a file, without the line's end. Raises SealError."""
    return _text(path).rstrip("\r\n")


def read_identities(path: Path) -> tuple[Any, ...]:
    """The private keys in a file: age's own, one a line, or one of OpenSSH without passphrase. Raises SealError."""
    text = _text(path)
    try:
        if "PRIVATE KEY-----" in text:
            return (pyrage.ssh.Identity.from_buffer(text.encode()),)
        lines = [line.strip() for line in text.splitlines()]
        found = tuple(
            pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")
        )
    except pyrage.IdentityError:
        found = ()
    if not found:
        raise SealError("{path} holds no private key: AGE-SECRET-KEY-1... or one of OpenSSH.", path=str(path))
    return found


def kind_of(path: Path) -> Kind:
    """How a file is encrypted, by its first bytes. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(len(ARMOUR))
    if start == ARMOUR:
        return Kind.PASSPHRASE
    return Kind.KEYS if start.startswith(PLAIN_AGE) else Kind.NONE


@contextmanager
def sealed(out: BinaryIO, seal: Seal | None) -> Iterator[Sink]:
    """A stream that encrypts into `out`; all is written when the block has ended.

    What `out` raised is raised here: by a write, or at the end.
    """
    if seal is None:
        yield out
        return
    out.write(seal.preamble)
    keeper = _Keeper(out)
    with _piped(lambda pipe: pyrage.encrypt_io(pipe, keeper, seal.recipients), "rb") as (pipe, join):
        broken: BaseException | None = None
        try:
            yield pipe
            pipe.close()
        except BrokenPipeError as error:  # the thread ended before us; it knows why
            broken = error
        failed = join()
        broken = keeper.error or failed or broken
    if broken is not None:
        raise broken


@contextmanager
def opened(path: Path, keys: Keys) -> Iterator[Source]:
    """A backup's bytes, decrypted if it is encrypted. May be left before its end.

    Raises OSError, SealError when no key fits, and, while it is read, DamagedError.
    """
    kind = kind_of(path)
    with path.open("rb") as file:
        if kind is Kind.NONE:
            yield file
            return
        identities = _unlocked(file.read(PREAMBLE), keys) if kind is Kind.PASSPHRASE else keys.identities
        if not identities:
            raise SealError(
                "The backup is encrypted for a key: name the file of the private one by --identity-file."
            )
        with _piped(lambda pipe: pyrage.decrypt_io(file, pipe, identities), "wb") as (pipe, join):
            yield _Opened(pipe, join)


class _Opened:
    """The decrypted end of a pipe: at its end, why the other side stopped."""

    def __init__(self, pipe: BinaryIO, join: Callable[[], BaseException | None]) -> None:
        self._pipe, self._join = pipe, join

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes."""
        data = self._pipe.read(size)
        if len(data) < size and (error := self._join()) is not None:
            if "No matching keys" in str(error):
                raise SealError("The backup is encrypted for another key than those given.") from None
            raise DamagedError(
                "The backup is damaged: it cannot be decrypted. It was changed, or not copied to its end."
            ) from None
        return data


class _Keeper:
    """Remembers what writing raised: the library would turn it into an error of its own."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.error: BaseException | None = None

    def write(self, data: bytes) -> int:
        """Write all."""
        try:
            return self._out.write(data)
        except BaseException as error:
            self.error = error
            raise

    def flush(self) -> None:
        """The file is flushed by who owns it."""


@contextmanager
def _piped(
    work: Callable[[IO[bytes]], None], thread_mode: str
) -> Iterator[tuple[BinaryIO, Callable[[], BaseException | None]]]:
    """Run `work` in a thread on one end of a pipe ("rb": it reads); gives the other end, and a wait for its error."""
    reading, writing = os.pipe()
    theirs, ours = (reading, writing) if thread_mode == "rb" else (writing, reading)
    mine = os.fdopen(ours, "wb" if thread_mode == "rb" else "rb", CHUNK)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with os.fdopen(theirs, thread_mode, CHUNK) as pipe:
                work(pipe)
        except BaseException as error:
            errors.append(error)

    # A daemon, so that nothing it waits for can keep a process that was told to end.
    thread = threading.Thread(target=run, name="age", daemon=True)
    thread.start()

    def join() -> BaseException | None:
        thread.join()
        return errors[0] if errors else None

    try:
        yield mine, join
    finally:
        with suppress(OSError):
            mine.close()
        thread.join()


def _recipient(name: str) -> Any:
    kind = pyrage.ssh.Recipient if name.startswith("ssh-") else pyrage.x25519.Recipient
    try:
        return kind.from_str(name)
    except pyrage.RecipientError:
        raise SealError(
            "{name} is no public key to encrypt for: age1..., ssh-ed25519 ... or ssh-rsa ...", name=name[:80]
        ) from None


def _unlocked(preamble: bytes, keys: Keys) -> tuple[Any, ...]:
    """The key that the passphrase protects."""
    if preamble in keys.remembered:
        return keys.remembered[preamble]
    if keys.passphrase is None:
        raise SealError(
            "The backup is encrypted by a passphrase: name the file that holds it by --passphrase-file."
        )
    _enough_memory()
    try:
        key = pyrage.passphrase.decrypt(preamble.rstrip(b"\n") + b"\n", keys.passphrase())
        keys.remembered[preamble] = (pyrage.x25519.Identity.from_str(key.decode("ascii")),)
    except (pyrage.DecryptError, pyrage.IdentityError, ValueError, OSError):
        raise SealError(
            "The passphrase does not open the backup (or the first kilobyte of the file was changed)."
        ) from None
    return keys.remembered[preamble]


def _enough_memory() -> None:
    """Raise SealError where the container would be killed for the memory that a passphrase takes."""
    limits = []
    for path in MEMORY_LIMITS:
        with suppress(OSError, ValueError):
            limits.append(int(path.read_text()))
    limit = min(limits, default=PASSPHRASE_MEMORY * 2)
    if limit < PASSPHRASE_MEMORY * 5 // 4:
        raise SealError(
            "A passphrase takes up to {needed} MB of memory, and there are {limit} MB: give more, or use a key.",
            needed=PASSPHRASE_MEMORY * 5 // 4 // 2**20,
            limit=limit // 2**20,
        )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MOST_KEY_BYTES).decode()
    except OSError as error:
        raise SealError(
            "{path} cannot be read: {why}", path=str(path), why=error.strerror or str(error)
        ) from None
    except ValueError:
        raise SealError("{path} cannot be read: {why}", path=str(path), why="UTF-8") from None
