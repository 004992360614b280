"""The command line: one line for a problem, exit codes, languages, help for every verb."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import cli

ROOT = Path(__file__).parents[2]
VERBS = [command.name or getattr(command.callback, "__name__", "") for command in cli.registered_commands]


def zhupi(*arguments: str | Path, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a verb in a process of its own, in English unless told otherwise."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *map(str, arguments)],
        cwd=ROOT,
        env={**kept, "LANGUAGE": "en", "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment},
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_help_names_every_verb_in_both_languages() -> None:
    english, chinese = zhupi("--help"), zhupi("--help", LANGUAGE="zh_CN")
    assert english.returncode == chinese.returncode == 0
    for verb in VERBS:
        assert verb in english.stdout
        assert verb in chinese.stdout
    assert "教师" in chinese.stdout
    assert "教师" not in english.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str) -> None:
    done = zhupi(verb, "--help", LANGUAGE="zh")
    assert done.returncode == 0
    body = done.stdout.split("\n\n")[1]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in body), f"{verb} is not translated: {body}"


def test_problems_are_lines_on_standard_error_without_a_traceback(tmp_path: Path) -> None:
    done = zhupi("settings", VAR_DIR=str(tmp_path), PORT="web", DATABASE_TYPE="json")
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert lines[0] == "PORT=web is not a whole number."


def test_problems_speak_the_users_language(tmp_path: Path) -> None:
    done = zhupi("settings", VAR_DIR=str(tmp_path), PORT="web", LANGUAGE="", LANG="zh_CN.UTF-8")
    assert done.stderr == "PORT=web 不是整数。\n"


def test_settings_are_printed_with_their_source_and_without_secrets(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hidden" * 8)
    done = zhupi(
        "settings",
        VAR_DIR=str(tmp_path),
        PORT="81",
        SECRET_KEY_FILE=str(tmp_path / "key"),
        LLM_API_KEY="hidden",
    )
    assert done.returncode == 0
    assert "hidden" not in done.stdout
    rows = {row.split("│")[1].strip(): row for row in done.stdout.splitlines() if "│" in row}
    assert "81" in rows["PORT"]
    assert "SECRET_KEY_FILE" in rows["SECRET_KEY"]
    assert "default" in rows["HOST"]


def test_an_unknown_verb() -> None:
    done = zhupi("paint")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["create-user", "ann", "--role", "king", "--password-stdin"],
            "king is not a role; roles are admin, teacher.",
        ),
        (["create-user", "ann"], "There is no terminal to ask for the password on; use --password-stdin."),
        (["evaluate", "no-such-file", "--marks", "0,x"], "--marks takes whole numbers separated by commas"),
        (["evaluate", "no-such-file", "--marks", ","], "--marks takes whole numbers separated by commas"),
        (["evaluate", "no-such-file"], "no-such-file"),
        (["grade", "--scheme", "no-such-file", "--papers", ".", "--local"], "“no-such-file” does not exist."),
        (
            ["grade", "--scheme", "a", "--papers", "b", "--language", "fr"],
            "--language takes zh or en, not fr.",
        ),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = zhupi(*arguments, VAR_DIR=str(tmp_path))
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def graded_folder(tmp_path: Path) -> tuple[Path, Path]:
    """A scheme and two papers, one right and one wrong."""
    scheme, papers = tmp_path / "scheme.txt", tmp_path / "papers"
    scheme.write_text("1. What is the capital of France? (2 points)\nAnswer: Paris\n", encoding="utf-8")
    papers.mkdir()
    (papers / "ann.txt").write_text("1. Paris\n", encoding="utf-8")
    (papers / "bob.txt").write_text("1. London\n", encoding="utf-8")
    return scheme, papers


def test_grade_writes_a_table_and_everything(tmp_path: Path) -> None:
    scheme, papers = graded_folder(tmp_path)
    out, everything = tmp_path / "marks.csv", tmp_path / "marks.json"
    done = zhupi(
        "grade",
        "--scheme",
        scheme,
        "--papers",
        papers,
        "--local",
        "--out",
        out,
        "--json",
        everything,
        VAR_DIR=str(tmp_path / "var"),
    )
    assert done.returncode == 0, done.stderr
    assert "Papers graded: 2." in done.stderr
    rows = out.read_bytes().decode("utf-8-sig").split("\r\n")
    assert rows[1].startswith("ann.txt,,,2,2,2,")
    assert [paper["file"] for paper in json.loads(everything.read_text())["papers"]] == ["ann.txt", "bob.txt"]


def test_grade_prints_the_table_when_no_file_is_named(tmp_path: Path) -> None:
    scheme, papers = graded_folder(tmp_path)
    done = zhupi("grade", "--scheme", scheme, "--papers", papers, "--local", VAR_DIR=str(tmp_path / "var"))
    assert done.stdout.splitlines()[0].startswith("file,")
    assert len(done.stdout.splitlines()) == 3


def test_grade_says_where_it_cannot_write(tmp_path: Path) -> None:
    scheme, papers = graded_folder(tmp_path)
    done = zhupi(
        "grade",
        "--scheme",
        scheme,
        "--papers",
        papers,
        "--local",
        "--out",
        tmp_path / "no" / "x.csv",
        VAR_DIR=str(tmp_path / "var"),
    )
    assert done.returncode == 2
    assert "x.csv cannot be written: " in done.stderr


def test_evaluate_prints_and_writes_its_figures(tmp_path: Path) -> None:
    file = tmp_path / "graded.jsonl"
    row = {
        "question_id": "1",
        "question": "Why?",
        "references": ["It rains."],
        "criteria": "",
        "max_score": 2,
    }
    answers = [("It rains.", 2), ("It snows.", 0), ("Rain falls.", 1), ("No idea.", 0)]
    lines = [json.dumps({**row, "answer": answer, "score": score}) for answer, score in answers]
    file.write_text("\n".join(lines), encoding="utf-8")
    figures = tmp_path / "figures.json"
    done = zhupi("evaluate", file, "--marks", "0,2", "--json", figures)
    assert done.returncode == 0, done.stderr
    assert [row["k"] for row in json.loads(figures.read_text())["results"]] == [0, 2]
    assert "qwk" in done.stdout


def test_settings_for_scripts(tmp_path: Path) -> None:
    done = zhupi("settings", "--json", VAR_DIR=str(tmp_path), PORT="81", LLM_API_KEY="hidden")
    assert done.returncode == 0
    assert "hidden" not in done.stdout
    found = json.loads(done.stdout)
    assert found["problems"] == []
    rows = {row["name"]: (row["value"], row["source"]) for row in found["settings"]}
    assert (rows["PORT"], rows["HOST"]) == (("81", "PORT"), ("127.0.0.1", "default"))
    assert rows["LLM_API_KEY"] == ("********", "LLM_API_KEY")


def test_settings_are_checked(tmp_path: Path) -> None:
    good = zhupi("settings", "--check", VAR_DIR=str(tmp_path))
    assert (good.returncode, good.stdout) == (0, "The settings are good.\n")
    wrong = {"VAR_DIR": str(tmp_path), "PORT": "web", "REDIS_UR": "redis://h", "SECRET_KEY": "short"}
    bad = zhupi("settings", "--check", **wrong)
    sentences = [
        "PORT=web is not a whole number.",
        "SECRET_KEY is too short: it needs 32 characters or more.",
        "REDIS_UR is not a setting. Did you mean REDIS_URL?",
    ]
    assert (bad.returncode, bad.stdout, bad.stderr.splitlines()) == (2, "", sentences)
    script = zhupi("settings", "--check", "--json", **wrong)
    assert (script.returncode, json.loads(script.stdout)) == (2, {"problems": sentences, "settings": []})
