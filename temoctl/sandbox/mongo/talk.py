"""Commands about the connection itself: handshake, login, sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bson import Binary

from temoctl.sandbox.mongo.codec import LARGEST_DOCUMENT, LARGEST_MESSAGE
from temoctl.sandbox.mongo.engine import Command, Request
from temoctl.sandbox.mongo.replies import CommandFailed, beyond
from temoctl.sandbox.mongo.users import MECHANISM, Login, failed

WIRE = 21
"""The wire version of MongoDB 7.0: every driver of today accepts it, and it promises nothing that isn't here."""
VERSION = [7, 0, 0, 0]
MOST_WRITES = 100_000


def _hello(request: Request) -> dict[str, Any]:
    given = request.command
    primary = "isWritablePrimary" if request.name == "hello" else "ismaster"
    answer: dict[str, Any] = {
        "helloOk": True,
        primary: True,
        "maxBsonObjectSize": LARGEST_DOCUMENT,
        "maxMessageSizeBytes": LARGEST_MESSAGE,
        "maxWriteBatchSize": MOST_WRITES,
        "localTime": request.engine.now(),
        "logicalSessionTimeoutMinutes": 30,
        "connectionId": request.session.number,
        "minWireVersion": 0,
        "maxWireVersion": WIRE,
        "readOnly": False,
    }
    if isinstance(given.get("saslSupportedMechs"), str):
        database, _, name = given["saslSupportedMechs"].partition(".")
        if (database, name) in request.engine.users.rows:
            answer["saslSupportedMechs"] = [MECHANISM]
    early = given.get("speculativeAuthenticate")
    if isinstance(early, Mapping) and early.get("mechanism") == MECHANISM:
        try:
            answer["speculativeAuthenticate"] = _start(request, early, str(early.get("db", "admin")))
        except CommandFailed:
            request.session.login = None  # then the client asks again, and hears why
    return answer


def _sasl_start(request: Request) -> dict[str, Any]:
    return _start(request, request.command, request.database)


def _start(request: Request, given: Mapping[str, Any], database: str) -> dict[str, Any]:
    if given.get("mechanism") != MECHANISM:
        raise CommandFailed("MechanismUnavailable", f"Received authentication for mechanism {given.get('mechanism')}")
    options = given.get("options") or {}
    login = Login(request.engine.users, database, request.session.number)
    login.short = bool(options.get("skipEmptyExchange"))
    request.session.login, request.session.user = login, None
    return _step(request, login, given)


def _sasl_continue(request: Request) -> dict[str, Any]:
    login = request.session.login
    if login is None or request.command.get("conversationId") != login.number:
        raise CommandFailed("ProtocolError", "No SASL session state found")
    if login.proven is not None:  # the empty message that closes the conversation, for clients that send one
        request.session.user, request.session.login = login.proven, None
        return {"conversationId": login.number, "done": True, "payload": Binary(b"")}
    return _step(request, login, request.command)


def _step(request: Request, login: Login, given: Mapping[str, Any]) -> dict[str, Any]:
    payload = given.get("payload")
    try:
        if not isinstance(payload, bytes):
            raise failed()
        answer, user = login.step(payload)
    except CommandFailed:
        request.session.login = None
        raise
    done = False
    if user is not None:
        if login.short:
            request.session.user, request.session.login, done = user, None, True
        else:
            login.proven = user
    return {"conversationId": login.number, "done": done, "payload": Binary(answer)}


def _logout(request: Request) -> dict[str, Any]:
    request.session.user = None
    return {}


def _nothing(request: Request) -> dict[str, Any]:
    """Commands whose whole effect is the answer. Sessions carry no state here: their ids are only accepted."""
    return {}


def _build_info(request: Request) -> dict[str, Any]:
    return {
        "version": ".".join(str(part) for part in VERSION[:3]),
        "versionArray": VERSION,
        "gitVersion": "temoctl sandbox",
        "modules": [],
        "bits": 64,
        "maxBsonObjectSize": LARGEST_DOCUMENT,
    }


def _connection_status(request: Request) -> dict[str, Any]:
    if request.command.get("showPrivileges"):
        raise beyond("connectionStatus with showPrivileges")
    user = request.session.user
    who = [{"user": user.name, "db": user.database}] if user else []
    roles = [{"role": role, "db": home} for role, home in request.roles] if user else []
    return {"authInfo": {"authenticatedUsers": who, "authenticatedUserRoles": roles}}


_SASL = frozenset({"mechanism", "payload", "options", "conversationId", "autoAuthorize"})

# Servers leave aside what they don't know in a handshake: every driver tells its own news there.
COMMANDS: Mapping[str, Command] = {
    "hello": Command(_hello, None, open=True),
    "isMaster": Command(_hello, None, open=True),
    "ismaster": Command(_hello, None, open=True),
    "saslStart": Command(_sasl_start, _SASL, open=True),
    "saslContinue": Command(_sasl_continue, _SASL, open=True),
    "logout": Command(_logout, frozenset(), open=True),
    "ping": Command(_nothing, frozenset(), open=True),
    "endSessions": Command(_nothing, frozenset(), open=True),
    "buildInfo": Command(_build_info, frozenset(), open=True),
    "buildinfo": Command(_build_info, frozenset(), open=True),
    "connectionStatus": Command(_connection_status, frozenset({"showPrivileges"}), open=True),
}
