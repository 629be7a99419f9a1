"""The promise on the box: one command brings everything up, and right after it there is nothing left to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command import Desk

pytestmark = pytest.mark.postgres

BOTH = "temoctl apply --all --yes && temoctl plan --all --detailed-exitcode"


def test_first_apply_then_nothing_to_do_then_no_world_left(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.copy_examples()
    done = desk.run("sandbox", "run", "--", "sh", "-c", BOTH)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No changes" in done.stdout
    assert desk.run("sandbox", "status").returncode == 1


def test_screens_in_a_pipe_are_plain_and_fit(desk: Desk) -> None:
    """80 columns, no escape codes, whatever the terminal is said to be."""
    desk.env |= {"TERM": "xterm-256color", "FORCE_COLOR": ""}
    for words in (
        ("plan", "--all"),
        ("plan", "aurora", "--destroy"),
        ("status",),
        ("history",),
        ("doctor",),
        ("destroy", "aurora", "--yes"),
        ("apply", "nobody", "--yes"),
    ):
        done = desk.run(*words)
        said = done.stdout + done.stderr
        assert "\x1b" not in said and "Traceback" not in said, said
        wide = [line for line in said.splitlines() if len(line) > 80 and "temoctl " not in line]  # copied whole
        assert not wide, (words, wide)
