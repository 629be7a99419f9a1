"""Suspension as a real n8n heeds it: a suspended tenant's customers get one notice a day, and no model is asked.

One story in one world, told in order; each test goes on where the one before it stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from temoctl.sandbox.control import TOKEN_HEADER
from tests.live.test_slice import Temoctl

pytestmark = pytest.mark.live

QUESTION = "How much is a flat white?"
NOTICE = "This chat of Café Aurora is paused for now. Please contact us another way."
SILENCE = "4"
"""Seconds of no answer that count as none."""


class Billed(Temoctl):
    """The program, and what its world knows of money and models."""

    def works(self, *words: str, told: str = "") -> str:
        """Somebody has to pay (3): that is no failure."""
        done = self.run(*words, told=told)
        assert done.returncode in (0, 3), f"temoctl {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def model_calls(self) -> int:
        world = json.loads((self.folder / "world.json").read_text())
        headers = {TOKEN_HEADER: world["control_token"]}
        answer = httpx.get(f"{world['urls']['control']}/prompts", headers=headers, trust_env=False)
        return len(answer.raise_for_status().json())

    def standing(self, tenant: str) -> str:
        uid_of = "select tenant_uid from temoctl.tenants where tenant = %s"
        with psycopg.connect((self.folder / "secrets" / "systemdata-dsn").read_text()) as connection:
            (uid,) = connection.execute(uid_of, [tenant]).fetchone()
        with psycopg.connect((self.folder / "secrets" / "sessions-dsn").read_text()) as connection:
            home = "select nspname from pg_namespace where nspname like 'temo%sessions'"
            (schema,) = connection.execute(home).fetchone()
            query = f'select state from "{schema}".standings where tenant_uid = %s'
            return str(connection.execute(query.encode(), [uid]).fetchone()[0])

    def say(self, tenant: str, text: str, *more: str) -> Any:
        return json.loads(self.run("sandbox", "message", tenant, text, "--json", *more).stdout)["reply"]

    def empty(self, tenant: str) -> bool:
        steps = json.loads(self.run("plan", tenant, "--json").stdout)["steps"]
        return not [step for step in steps if step["action"] not in ("ask", "wait")]


@pytest.fixture(scope="module")
def temoctl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Billed]:
    program = Billed(tmp_path_factory.mktemp("standing") / "world")
    program.works("sandbox", "start", "--n8n", "real")
    program.works("sandbox", "billing", "clients", "away")
    program.works("apply", "--all", "--yes")
    yield program
    program.run("sandbox", "stop")


def test_a_tenant_on_trial_is_served(temoctl: Billed) -> None:
    assert temoctl.standing("aurora") == "active"
    assert temoctl.price_of("Flat white") in temoctl.say("aurora", QUESTION)
    assert temoctl.empty("aurora")


def test_a_trial_that_ends_without_a_card_suspends(temoctl: Billed) -> None:
    temoctl.works("sandbox", "billing", "card", "nordwind")
    temoctl.works("sandbox", "billing", "advance", "15d")
    temoctl.works("apply", "aurora", "--yes")
    assert temoctl.standing("aurora") == "suspended"
    assert temoctl.empty("aurora")


def test_its_customers_hear_so_once_a_day_and_no_model_is_asked(temoctl: Billed) -> None:
    before = temoctl.model_calls()
    assert temoctl.say("aurora", QUESTION) == NOTICE
    for text in (QUESTION, "/start", "Hello?"):
        assert temoctl.say("aurora", text, "--wait", SILENCE) is None
    assert temoctl.model_calls() == before


def test_the_neighbour_who_paid_is_served(temoctl: Billed) -> None:
    temoctl.works("apply", "nordwind", "--yes")
    assert temoctl.standing("nordwind") == "active"
    before = temoctl.model_calls()
    assert temoctl.say("nordwind", "Do you have a room?")
    assert temoctl.model_calls() == before + 1


def test_who_pays_is_served_again_by_the_workflows_that_stood_all_the_time(temoctl: Billed) -> None:
    temoctl.works("sandbox", "billing", "card", "aurora")
    planned = json.loads(temoctl.run("plan", "aurora", "--json").stdout)["steps"]
    assert not [step for step in planned if step["system"] == "n8n"], "nothing has to be rebuilt"
    temoctl.works("apply", "aurora", "--yes")
    assert temoctl.standing("aurora") == "active"
    assert temoctl.price_of("Flat white") in temoctl.say("aurora", QUESTION)
    assert temoctl.empty("aurora")


def test_a_warned_tenant_is_served_as_usual(temoctl: Billed) -> None:
    temoctl.works("sandbox", "billing", "card", "aurora", "--failing")
    temoctl.works("sandbox", "billing", "advance", "32d")
    temoctl.works("apply", "aurora", "--yes")
    assert temoctl.standing("aurora") == "warned"
    assert temoctl.price_of("Flat white") in temoctl.say("aurora", QUESTION)
    assert temoctl.empty("aurora")
