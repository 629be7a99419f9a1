"""One resource of each kind, as the blueprints ask for them, for the conformance kit."""

from __future__ import annotations

import secrets
from pathlib import Path

from temoctl.model.address import Address
from temoctl.model.identity import ALPHABET, Owner, object_name
from temoctl.model.secret import Secret
from temoctl.model.value import Json, Props, ref
from temoctl.sheets import file_digest
from temoctl.systems.supabase.kinds import SYSTEM
from temoctl.systems.supabase.sessions import sessions_template
from tests.conformance.rig import Sample

ROOT = Path(__file__).parent
OWNER = Owner("t" + "".join(secrets.choice(ALPHABET) for _ in range(9)), "abcdefghjkmnpqrs")
"""Roles belong to a whole server, and several test processes share one: each has an installation of its own."""

PASSWORD = Secret("canary-Password-0123456789")


def address(kind: str, name: str) -> Address:
    return Address("acme", SYSTEM, kind, name)


def _password(path: str, version: int) -> dict[str, Json]:
    return {"$secret": path, "version": version, "generate": True}


def _file(name: str) -> dict[str, Json]:
    return {"file": f"kb/{name}", "digest": file_digest(ROOT / "kb" / name)}


_KNOWLEDGE: Props = {"schema": object_name(OWNER, "k"), "role": object_name(OWNER, "k")}
_SEAT: Props = {
    "sessions": ref(address("sessions", "shared"), "schema"),
    "role": object_name(OWNER, "s"),
    "tenant_uid": OWNER.uid,
}
_TABLE: Props = {
    "schema": ref(address("schema", "knowledge"), "schema"),
    "role": ref(address("schema", "knowledge"), "role"),
    "table": "products_catalogue",
    "group": "products",
    "options": {},
}

SESSIONS = Sample(
    address("sessions", "shared"), {"schema": object_name(OWNER, "sessions"), "template": sessions_template()[1]}
)
SCHEMA = Sample(
    address("schema", "knowledge"),
    {**_KNOWLEDGE, "password": _password("supabase/knowledge-role", 1)},
    {**_KNOWLEDGE, "password": _password("supabase/knowledge-role", 2)},
    {"supabase/knowledge-role": PASSWORD},
)
SEAT = Sample(
    address("seat", "sessions"),
    {**_SEAT, "password": _password("supabase/sessions-role", 1)},
    {**_SEAT, "password": _password("supabase/sessions-role", 2)},
    {"supabase/sessions-role": PASSWORD},
)
_STANDING: Props = {"sessions": ref(address("sessions", "shared"), "schema"), "tenant_uid": OWNER.uid}
STANDING = Sample(
    address("standing", "service"),
    {**_STANDING, "state": "active", "why": "", "until": "", "since": ""},
    {
        **_STANDING,
        "state": "warned",
        "why": "a payment is due since 21 Sep 2026",
        "until": "2026-09-28T14:13:20Z",
        "since": "2026-09-21T14:13:20Z",
    },
)
TABLE = Sample(
    address("table", "products-catalogue"),
    {**_TABLE, "title": "Catalogue", **_file("menu.csv")},
    {**_TABLE, "title": "Catalogue 2026", **_file("menu-new.csv")},
)
BUCKET = Sample(
    address("bucket", "knowledge-files"),
    {"id": object_name(OWNER, "files"), "public": False},
    {"id": object_name(OWNER, "files"), "public": True},
)
FILE = Sample(
    address("file", "products-catalogue"),
    {
        "bucket": ref(address("bucket", "knowledge-files")),
        "path": f"{OWNER.installation}.{OWNER.uid}.products-catalogue.{_file('menu.csv')['digest'][:16]}.csv",
        **_file("menu.csv"),
    },
)

ARCHIVES = Sample(
    address("bucket", "archives"),
    {"id": object_name(OWNER, "archive"), "public": False},
    {"id": object_name(OWNER, "archive"), "public": True},
)
ARCHIVE = Sample(
    address("archive", "history"),
    {
        "bucket": ref(address("bucket", "archives")),
        "path": f"{OWNER.installation}.head.{OWNER.uid}.history.json",
    },
)

SQL_SAMPLES = (SESSIONS, SCHEMA, SEAT, STANDING, TABLE)
STORAGE_SAMPLES = (BUCKET, FILE, ARCHIVES, ARCHIVE)
