"""Small parts: addresses of databases, settings, names, and what importing costs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from temoctl.model.errors import UserError
from temoctl.model.secret import Secret
from temoctl.systems.supabase.bases import bind
from temoctl.systems.supabase.connection import endpoint
from temoctl.systems.supabase.schemas import nearest
from temoctl.systems.supabase.settings import SupabaseSettings


@pytest.mark.parametrize(
    ("dsn", "host", "port", "database", "ssl"),
    [
        ("postgresql://u:p@127.0.0.1:5544/kb", "127.0.0.1", 5544, "kb", "disable"),
        ("postgresql://u:p@db.example/kb", "db.example", 5432, "kb", "require"),
        ("postgresql://u:p@db.example/kb?sslmode=disable", "db.example", 5432, "kb", "disable"),
        ("host=localhost dbname=kb user=u sslmode=verify-full", "localhost", 5432, "kb", "require"),
    ],
)
def test_an_address_says_how_others_reach_the_database(dsn: str, host: str, port: int, database: str, ssl: str) -> None:
    place = endpoint(Secret(dsn))
    assert place.outputs() == {"host": host, "port": port, "database": database, "ssl": ssl}
    assert place.suffix == ""
    assert place.outputs("pg.internal", 6000)["host"] == "pg.internal"


def test_behind_supabases_pooler_every_login_carries_the_project() -> None:
    place = endpoint(Secret("postgresql://postgres.abcdef:p@aws-1-eu.pooler.supabase.com:5432/postgres"))
    assert place.suffix == ".abcdef"


@pytest.mark.parametrize("dsn", ["canary-password", "postgresql://u:canary-password@h:port/d", "x=canary-password y"])
def test_a_broken_address_is_told_without_showing_it(dsn: str) -> None:
    with pytest.raises(UserError) as caught:
        endpoint(Secret(dsn))
    assert caught.value.code == "TEMO719"
    assert "canary" not in f"{caught.value!r} {caught.value.detail} {caught.value.fix}"
    assert caught.value.__suppress_context__


def test_the_template_takes_only_names_of_ours() -> None:
    assert bind('create schema :"schema";', schema="temo_x") == 'create schema "temo_x";'
    with pytest.raises(ValueError, match="not a name of ours"):
        bind('create schema :"schema";', schema='x"; drop table y; --')


def test_probes_try_neighbours_in_turn() -> None:
    names = [f"s{number}" for number in range(9)]
    assert nearest("s7", names) == ["s8", "s0", "s1"]
    tried = {other for own in names for other in nearest(own, names)}
    assert tried == set(names)
    assert nearest("s1", ["s1", "", "s1"]) == []


def test_settings_refuse_what_they_don_t_know() -> None:
    dsn = {"env": "DSN"}
    section = {"knowledge_dsn": dsn, "sessions_dsn": dsn, "storage_url": "https://x.supabase.co", "storage_key": dsn}
    assert SupabaseSettings.model_validate(section).n8n_port == 0
    with pytest.raises(ValidationError):
        SupabaseSettings.model_validate({**section, "storage": "x"})


def test_kinds_and_sheets_are_had_without_heavy_libraries() -> None:
    code = (
        "import sys, temoctl.systems.supabase, temoctl.sheets;"
        "print({'psycopg', 'httpx', 'storage3', 'supabase', 'python_calamine'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
