"""A real MongoDB deployment behind the `Server` protocol: one command, one call, and what a failure proves.

    no server found, connection refused                            Retryable      (nothing was sent)
    not the primary                                                Retryable      (refused before any effect)
    a change: connection lost, timeout, stopped half-way           UnknownOutcome (it may have happened)
    a read: connection lost, timeout                               tried again, then Unavailable
    Unauthorized, AuthenticationFailed, not on Atlas               Declined, TEMO744
    any other "no"                                                 Declined, TEMO745

pymongo repeats nothing by itself here: what is repeated, and when, is the engine's to decide.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from pymongo import AsyncMongoClient
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from temoctl.engine.ports import Permit, Slots
from temoctl.model.errors import Retryable, TemoError, Unavailable, UnknownOutcome, UserError
from temoctl.model.secret import Secret
from temoctl.systems.mongodb.server import (
    BUSY,
    NOT_ALLOWED,
    UNAVAILABLE,
    UNKNOWN,
    UNREADABLE,
    Answer,
    Command,
    Declined,
    Endpoint,
    Login,
    Report,
)

Client = AsyncMongoClient[dict[str, Any]]

_READ_TRIES = 3
_SEARCH = 5.0
"""Seconds to look for a server: one that is down shall be told soon, also where answers may take long."""
_NO_PRIMARY = frozenset({10058, 10107, 13435, 13436})
"""The server says that it is no primary: it did nothing."""
_FAILED_INSIDE = frozenset({1, 8, 50, 64, 91, 189, 262, 11600, 11602})
"""Failed, timed out, shut down or lost its primary in the middle of a command, or of copying it: it may be done."""
_PORT = 27017


def endpoint(uri: Secret) -> Endpoint:
    """Read an address. Raises UserError (TEMO746) when it isn't one."""
    parts = urlsplit(uri.reveal())
    hosts, options = parts.netloc.rpartition("@")[2], parts.query.lower()
    if parts.scheme not in ("mongodb", "mongodb+srv") or not hosts:
        raise unreadable()
    said = "tls=true" in options or "ssl=true" in options
    if parts.scheme == "mongodb+srv":
        return Endpoint(hosts, True, said or not ("tls=false" in options or "ssl=false" in options))
    return Endpoint(",".join(_with_port(host) for host in hosts.split(",")), tls=said)


def _with_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    if host.endswith("]") or not colon:
        name, port = host, str(_PORT)
    if not name or not port.isdigit():
        raise unreadable()
    return f"{name}:{port}"


def unreadable() -> UserError:
    return UserError(
        UNREADABLE,
        "the address of MongoDB can't be read",
        detail="Its text isn't shown, because it holds a password.",
        fix="write it as mongodb://user:password@host:27017/?authSource=admin, special characters percent-encoded",
    )


class MongoServer:
    """Implements `server.Server` over pymongo's asynchronous client."""

    def __init__(self, uri: Secret, *, slots: Slots, timeout: float = 20.0) -> None:
        self._uri, self._slots, self._timeout = uri, slots, timeout
        self._client: Client | None = None
        self.endpoint = endpoint(uri)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def read(self, database: str, command: Command) -> Answer:
        tries = _READ_TRIES
        while True:
            tries -= 1
            async with self._slots.take():
                try:
                    return await self._here()[database].command(dict(command))
                except PyMongoError as error:
                    judged, again = _judge_read(error), isinstance(error, AutoReconnect)
                    # no server at all was found in all that time: looking again would only take as long again
                    again = again and not isinstance(error, ServerSelectionTimeoutError)
            if not (tries and again):
                raise judged from None

    async def write(self, database: str, command: Command, permit: Permit) -> Answer:
        async with self._slots.take(write=True):
            permit.check()
            try:
                answer: Answer = await self._here()[database].command(dict(command))
            except PyMongoError as error:
                raise _judge_write(error) from None
        if answer.get("writeConcernError"):  # done here, but perhaps taken back by another primary
            raise UnknownOutcome(UNKNOWN, "MongoDB could not copy a change to its other servers")
        for failed in answer.get("writeErrors", ()):
            raise Declined(int(failed.get("code", 0)), str(failed.get("errmsg", "")))
        return answer

    async def try_login(self, login: Login, collection: str, neighbours: Sequence[str]) -> Report:
        async with self._slots.take():
            client = self._connect(username=login.user, password=login.password.reveal(), authSource="admin")
            try:
                return await _tried(client, login.database, collection, neighbours)
            finally:
                await client.close()

    def _here(self) -> Client:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self, **login: Any) -> Client:
        # at DEBUG pymongo writes every command and answer down, what customers said among them
        logging.getLogger("pymongo.command").setLevel(logging.WARNING)
        milliseconds = int(self._timeout * 1000)
        options: dict[str, Any] = {
            "appname": "temoctl",
            "retryReads": False,
            "retryWrites": False,
            "serverSelectionTimeoutMS": min(milliseconds, int(_SEARCH * 1000)),
            "connectTimeoutMS": milliseconds,
            "socketTimeoutMS": milliseconds,
        }
        try:
            return AsyncMongoClient(self._uri.reveal(), **options, **login)
        except (PyMongoError, ValueError):
            raise unreadable() from None


async def _tried(client: Client, database: str, collection: str, neighbours: Sequence[str]) -> Report:
    try:
        await client.admin.command({"connectionStatus": 1})
    except PyMongoError as error:
        return Report(failed=_said(error))
    try:
        messages = int((await client[database].command({"count": collection}))["n"])
        entered = [other for other in neighbours if await _allowed(client, other, {"find": collection, "limit": 1})]
        # an index that is nowhere: whoever may change rules hears that it is missing, others that they may not
        change = {"collMod": collection, "index": {"name": "temo_probe", "expireAfterSeconds": 1}}
        rules = await _allowed(client, database, change)
    except PyMongoError as error:
        return Report(unreadable=_said(error))
    return Report("", "", messages, tuple(entered), rules)


async def _allowed(client: Client, database: str, command: dict[str, Any]) -> bool:
    """Whether the server would let this login do it; a refusal is what the server says, not what we expect of it."""
    try:
        await client[database].command(command)
    except OperationFailure as error:
        return error.code not in NOT_ALLOWED
    return True


def _judge_read(error: PyMongoError) -> TemoError:
    judged = _judge_write(error)
    if isinstance(judged, Retryable | UnknownOutcome):
        return Unavailable(UNAVAILABLE, f"MongoDB does not answer ({_said(error)})", fix="try again later")
    return judged


def _judge_write(error: PyMongoError) -> TemoError:
    """What a failed change means: whether it can have happened, and whether repeating helps."""
    said = _said(error)
    if isinstance(error, ServerSelectionTimeoutError | WaitQueueTimeoutError) or _never_sent(error):
        return Retryable(BUSY, f"MongoDB can't be reached ({said})", fix="check it, then try again")
    if isinstance(error, OperationFailure | NotPrimaryError):
        code = _code(error)
        if code in _NO_PRIMARY:
            return Retryable(BUSY, f"MongoDB is changing its primary ({said})", fix="try again in a minute")
        if code in _FAILED_INSIDE or isinstance(error, NotPrimaryError):
            return UnknownOutcome(UNKNOWN, f"MongoDB failed in the middle of a change ({said})")
        return Declined(code, said)
    if isinstance(error, ConnectionFailure):
        return UnknownOutcome(UNKNOWN, f"MongoDB gave no answer to a change ({type(error).__name__})")
    return Declined(0, said)


def _never_sent(error: PyMongoError) -> bool:
    return isinstance(error.__cause__, ConnectionRefusedError)


def _code(error: OperationFailure | NotPrimaryError) -> int:
    """NotPrimaryError, a kind of AutoReconnect, has its code in the details only."""
    details = error.details if isinstance(error.details, dict) else {}
    return int(details.get("code") or 0)


def _said(error: PyMongoError) -> str:
    """The server's own words, in one line, without pymongo's dump of the whole answer."""
    if isinstance(error, OperationFailure | NotPrimaryError):
        details = error.details if isinstance(error.details, dict) else {}
        return str(details.get("errmsg") or f"error {_code(error)}").splitlines()[0][:200]
    return type(error).__name__
