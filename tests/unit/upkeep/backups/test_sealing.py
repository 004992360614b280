"""Encryption: opened by who may, refused with a sentence to who may not, and errors of the disk are not swallowed."""

from __future__ import annotations

import io
import subprocess
import threading
from pathlib import Path
from typing import Any

import pyrage
import pytest
from pydantic import ValidationError

from app.settings import Settings
from app.upkeep.backups import sealing
from app.upkeep.backups.archive import DamagedError
from app.upkeep.backups.sealing import Keys, Kind, Seal, SealError

CONTENT = b"what the teacher wrote in red\n" * 20_000  # several of age's blocks of 64 KB
PASSPHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def by_passphrase() -> Seal:
    """Made once: it costs a second and half a gigabyte."""
    return sealing.for_passphrase(PASSPHRASE)


@pytest.fixture
def key() -> Any:
    return pyrage.x25519.Identity.generate()


def sealed_file(path: Path, seal: Seal | None) -> Path:
    with path.open("wb") as file, sealing.sealed(file, seal) as out:
        for start in range(0, len(CONTENT), 10_000):
            out.write(CONTENT[start : start + 10_000])
    return path


def read(path: Path, keys: Keys) -> bytes:
    with sealing.opened(path, keys) as source:
        return b"".join(iter(lambda: source.read(10_000), b""))


def test_not_encrypted(tmp_path: Path) -> None:
    path = sealed_file(tmp_path / "a", None)
    assert path.read_bytes() == CONTENT and sealing.kind_of(path) is Kind.NONE
    assert read(path, Keys()) == CONTENT


def test_for_a_key(tmp_path: Path, key: Any) -> None:
    path = sealed_file(tmp_path / "a", sealing.for_recipients([f" {key.to_public()} "]))
    assert sealing.kind_of(path) is Kind.KEYS and b"teacher" not in path.read_bytes()
    assert read(path, Keys((key,))) == CONTENT
    assert pyrage.decrypt(path.read_bytes(), [key]) == CONTENT  # an ordinary age file


def test_for_several_keys_any_of_them_opens(tmp_path: Path, key: Any) -> None:
    other = pyrage.x25519.Identity.generate()
    names = [str(key.to_public()), str(other.to_public())]
    path = sealed_file(tmp_path / "a", sealing.for_recipients(names))
    assert read(path, Keys((other,))) == CONTENT == read(path, Keys((key,)))


def test_by_a_passphrase(tmp_path: Path, by_passphrase: Seal) -> None:
    path = sealed_file(tmp_path / "a", by_passphrase)
    assert sealing.kind_of(path) is Kind.PASSPHRASE
    assert read(path, Keys((), lambda: PASSPHRASE)) == CONTENT


def test_by_a_passphrase_opened_by_hand(tmp_path: Path, by_passphrase: Seal) -> None:
    """As the module says: the first kilobyte is the key's, the rest an ordinary age file for that key."""
    data = sealed_file(tmp_path / "a", by_passphrase).read_bytes()
    name = pyrage.passphrase.decrypt(data[:1024], PASSPHRASE).decode()
    assert pyrage.decrypt(data[1024:], [pyrage.x25519.Identity.from_str(name)]) == CONTENT


def test_a_wrong_passphrase(tmp_path: Path, by_passphrase: Seal) -> None:
    path = sealed_file(tmp_path / "a", by_passphrase)
    with pytest.raises(SealError, match="does not open"):
        read(path, Keys((), lambda: "wrong horse battery"))
    with pytest.raises(SealError, match="--passphrase-file"):
        read(path, Keys())


def test_a_changed_preamble(tmp_path: Path, by_passphrase: Seal) -> None:
    path = sealed_file(tmp_path / "a", by_passphrase)
    data = bytearray(path.read_bytes())
    data[100] = ord("!")
    path.write_bytes(data)
    with pytest.raises(SealError, match="does not open"):
        read(path, Keys((), lambda: PASSPHRASE))


def test_another_key_and_no_key(tmp_path: Path, key: Any) -> None:
    path = sealed_file(tmp_path / "a", sealing.for_recipients([str(key.to_public())]))
    with pytest.raises(SealError, match="another key"):
        read(path, Keys((pyrage.x25519.Identity.generate(),)))
    with pytest.raises(SealError, match="--identity-file"):
        read(path, Keys((), lambda: PASSPHRASE))


@pytest.mark.parametrize("cut", [30, 150, 1000, 100_000, -1])
def test_cut_off(tmp_path: Path, key: Any, cut: int) -> None:
    path = sealed_file(tmp_path / "a", sealing.for_recipients([str(key.to_public())]))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DamagedError, match="decrypted"):
        read(path, Keys((key,)))


@pytest.mark.parametrize("place", [500, 100_000, -5])
def test_changed(tmp_path: Path, key: Any, place: int) -> None:
    path = sealed_file(tmp_path / "a", sealing.for_recipients([str(key.to_public())]))
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError, match="decrypted"):
        read(path, Keys((key,)))


def test_left_before_its_end(tmp_path: Path, key: Any) -> None:
    """A refusal at the head ends the reading; no thread may be left behind the pipe."""
    path = sealed_file(tmp_path / "a", sealing.for_recipients([str(key.to_public())]))
    with sealing.opened(path, Keys((key,))) as source:
        assert source.read(10) == CONTENT[:10]
    assert not [thread for thread in threading.enumerate() if thread.name == "age"]


class Full(io.BytesIO):
    """A disk that is full after some bytes."""

    def write(self, data: Any, /) -> int:
        if self.tell() > 100_000:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_a_full_disk_is_told_as_such(key: Any) -> None:
    with (
        pytest.raises(OSError, match="No space") as raised,
        sealing.sealed(Full(), sealing.for_recipients([str(key.to_public())])) as out,
    ):
        for _ in range(100):
            out.write(CONTENT)
    assert raised.value.errno == 28


def test_a_disk_that_is_full_at_the_very_end(key: Any) -> None:
    with (
        pytest.raises(OSError, match="No space"),
        sealing.sealed(Full(), sealing.for_recipients([str(key.to_public())])) as out,
    ):
        out.write(CONTENT[:200_000])


def test_what_the_block_raises_passes(key: Any) -> None:
    with (
        pytest.raises(KeyError),
        sealing.sealed(io.BytesIO(), sealing.for_recipients([str(key.to_public())])) as out,
    ):
        out.write(b"x")
        raise KeyError
    assert not [thread for thread in threading.enumerate() if thread.name == "age"]


@pytest.mark.parametrize(
    "name", ["", "age1", "age1qqqq", "AGE-SECRET-KEY-1X", "ssh-rsa nonsense", "bob@school.example", "x" * 500]
)
def test_a_recipient_that_is_none(name: str) -> None:
    with pytest.raises(SealError, match="no public key"):
        sealing.for_recipients([name])


def test_an_ssh_key(tmp_path: Path) -> None:
    made = tmp_path / "id"
    try:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made)], check=True)
    except FileNotFoundError:
        pytest.skip("no ssh-keygen here")
    public = made.with_suffix(".pub").read_text()
    path = sealed_file(tmp_path / "a", sealing.for_recipients([public]))
    assert read(path, Keys(sealing.read_identities(made))) == CONTENT


def test_a_file_of_keys_as_age_writes_it(tmp_path: Path, key: Any) -> None:
    path = tmp_path / "keys.txt"
    path.write_text(f"# created: 2026-01-31\n# public key: {key.to_public()}\n\n{key}\n")
    assert [str(each) for each in sealing.read_identities(path)] == [str(key)]


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"age1qqq\n", b"\xff\xfe", b"AGE-SECRET-KEY-1\n"])
def test_a_file_of_keys_that_holds_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.txt"
    path.write_bytes(content)
    with pytest.raises(SealError):
        sealing.read_identities(path)
    with pytest.raises(SealError, match="cannot be read"):
        sealing.read_identities(tmp_path / "none")


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SealError, match="too short"):
        sealing.for_passphrase("x" * (sealing.SHORTEST_PASSPHRASE - 1))
    path = tmp_path / "phrase"
    path.write_text(f"{PASSPHRASE} \r\n")
    assert sealing.read_passphrase(path) == PASSPHRASE + " "


@pytest.mark.parametrize(
    ("limit", "enough"), [("536870912\n", False), ("max\n", True), ("4294967296\n", True)]
)
def test_a_small_container_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, enough: bool
) -> None:
    """Else the kernel would kill it without a word."""
    path = tmp_path / "memory.max"
    path.write_text(limit)
    monkeypatch.setattr(sealing, "MEMORY_LIMITS", (tmp_path / "none", path))
    if enough:
        sealing._enough_memory()
    else:
        with pytest.raises(SealError, match="512 MB"):
            sealing.for_passphrase(PASSPHRASE)


def test_secrets_are_not_shown(key: Any) -> None:
    assert str(key) not in repr(Keys((key,))) and "AGE" not in repr(Seal((), str(key).encode()))


def test_keys_in_the_settings(key: Any) -> None:
    """What cannot be a public key stops the start, and a private one is not repeated."""
    assert Settings.model_validate({"backup_encrypt_to": f"{key.to_public()}, "}).backup_encrypt_to == (
        str(key.to_public()),
    )
    for bad in (str(key), "age1", "bob@school.example", f"{key.to_public()},x"):
        with pytest.raises(ValidationError) as raised:
            Settings.model_validate({"backup_encrypt_to": bad})
        assert "no public key" in str(raised.value) and str(key) not in str(raised.value)
