"""The slice on a real n8n, through the command line: from YAML files to an answered message, and back to nothing.

One story in one world, told in order; each test goes on where the one before it stopped.
"""

from __future__ import annotations

import csv
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from temoctl.sandbox.control import TOKEN_HEADER

ROOT = Path(__file__).resolve().parents[2]
MENU = ROOT / "tenant_specs" / "kb" / "aurora" / "menu.csv"

pytestmark = pytest.mark.live


class Temoctl:
    """The program, in a world of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.revoked = "no bot"
        self.env = {
            **os.environ,
            "TEMOCTL_PROFILE": "sandbox",
            "TEMOCTL_SANDBOX_DIR": str(folder),
            "TEMOCTL_DIR": str(ROOT),
            "COLUMNS": "120",
        }

    def run(self, *words: str, told: str = "", patience: float = 600) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).parent / "temoctl"
        return subprocess.run(
            [program, *words],
            env=self.env,
            cwd=ROOT,
            text=True,
            capture_output=True,
            input=told,
            timeout=patience,
            check=False,
        )

    def works(self, *words: str, told: str = "") -> str:
        done = self.run(*words, told=told)
        assert done.returncode == 0, f"temoctl {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.works(*words, "--json"))

    def price_of(self, name: str) -> str:
        with MENU.open(encoding="utf-8", newline="") as file:
            return next(row["price"] for row in csv.DictReader(file) if row["name"] == name)

    def new_bot(self) -> str:
        """What the owner does in @BotFather: the token of a new bot."""
        world = json.loads((self.folder / "world.json").read_text())
        token = f"7700000777:AAF{secrets.token_hex(16)}"
        answer = httpx.post(
            f"{world['urls']['control']}/bots",
            json={"token": token, "username": "nordwind_second_bot"},
            headers={TOKEN_HEADER: world["control_token"]},
            trust_env=False,
        )
        assert answer.status_code == 201, answer.text
        return token

    def messages(self) -> list[tuple[str, str, str]]:
        """Direction, text and trace of every remembered message, as the database's owner sees them."""
        dsn = (self.folder / "secrets" / "sessions-dsn").read_text()
        with psycopg.connect(dsn) as connection:
            (schema,) = connection.execute(
                "select nspname from pg_namespace where nspname like 'temo%sessions'"
            ).fetchone()
            query = f'select direction, body, trace from "{schema}".wa_buffer_messages order by id'
            return list(connection.execute(query.encode()).fetchall())


@pytest.fixture(scope="module")
def temoctl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Temoctl]:
    program = Temoctl(tmp_path_factory.mktemp("slice") / "world")
    program.works("sandbox", "start", "--n8n", "real")
    yield program
    program.run("sandbox", "stop")


def test_two_tenants_from_files_to_working_bots(temoctl: Temoctl) -> None:
    temoctl.works("apply", "--all", "--yes")
    temoctl.works("plan", "--all", "--detailed-exitcode")


def test_a_message_is_answered_with_the_price_from_the_spreadsheet(temoctl: Temoctl) -> None:
    told = temoctl.json("sandbox", "message", "aurora", "How much is a flat white?")
    assert told["took"] == "Café Aurora: Telegram"
    assert temoctl.price_of("Flat white") in told["reply"]
    said = temoctl.messages()
    assert [(direction, body) for direction, body, _ in said] == [
        ("in", "How much is a flat white?"),
        ("out", told["reply"]),
    ]
    assert said[0][2] == said[1][2], "question and answer share their trace"


def test_each_tenant_answers_from_its_own_knowledge(temoctl: Temoctl) -> None:
    told = temoctl.json("sandbox", "message", "nordwind", "How much is a flat white?")
    assert told["took"].startswith("Nordwind")
    assert temoctl.price_of("Flat white") not in told["reply"]


@pytest.mark.parametrize(
    "text",
    [
        "'; drop table wa_sessions; -- $1 {{ 1 + 1 }} ${x} [[ y ]]",
        "<b>&amp;</b> *_`",
        "x" * 4000,
        "👩‍🚀 кофе?",
        "/start",
    ],
)
def test_whatever_people_write_is_answered(temoctl: Temoctl, text: str) -> None:
    before = len(temoctl.messages())
    assert temoctl.json("sandbox", "message", "aurora", text)["reply"]
    assert len(temoctl.messages()) == before + 2


def test_drift_by_hand_is_shown_and_put_right(temoctl: Temoctl) -> None:
    for edit in ("rename-node", "switch-off", "delete-workflow"):
        temoctl.works("sandbox", "edit", "aurora", edit)
        assert temoctl.run("drift", "aurora", "--detailed-exitcode").returncode == 2, edit
        temoctl.works("apply", "aurora", "--yes")
        temoctl.works("drift", "aurora", "--detailed-exitcode")
    assert temoctl.price_of("Espresso") in temoctl.json("sandbox", "message", "aurora", "An espresso?")["reply"]


def test_a_dead_token_is_shown_red(temoctl: Temoctl) -> None:
    temoctl.revoked = temoctl.json("sandbox", "message", "nordwind", "Hello")["username"]
    temoctl.works("sandbox", "edit", "nordwind", "revoke-token")
    done = temoctl.run("apply", "nordwind", "--yes")
    assert done.returncode != 0
    assert "refuses the token" in done.stdout + done.stderr
    assert temoctl.json("sandbox", "message", "aurora", "An espresso?")["reply"], "the neighbour isn't touched"


def test_a_new_bot_takes_over_and_answers(temoctl: Temoctl) -> None:
    token = temoctl.new_bot()
    temoctl.works("secrets", "set", "nordwind", "telegram/token", told=token)
    temoctl.works("apply", "nordwind", "--yes")
    temoctl.works("plan", "nordwind", "--detailed-exitcode")
    assert temoctl.json("sandbox", "message", "nordwind", "Hello")["reply"]


def test_destroyed_leaves_nothing(temoctl: Temoctl) -> None:
    for tenant in ("aurora", "nordwind", "platform"):
        needed = json.loads(temoctl.run("plan", tenant, "--destroy", "--json").stdout)["allowances"]
        flags = [word for name in needed for word in ("--allow", name)]
        temoctl.works("destroy", tenant, "--yes", *flags)
    left = temoctl.json("sandbox", "remains")
    assert not [one for one in left["active"] if temoctl.revoked not in one], "nobody can speak for a revoked bot"
    assert not [one for one in left["remainders"] if one.startswith("n8n:")]
