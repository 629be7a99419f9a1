"""What the rooms ask of a MongoDB server and what it answers, as values. Must not import pymongo.

Two things implement `Server`: `client.MongoServer` (a real one, by pymongo) and the sandbox's engine without sockets
(for the crash table). Both take commands as MongoDB's own documentation writes them, one command a call: a command is
the unit that happens as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from temoctl.engine.ports import Permit
from temoctl.model.errors import Conflict, Refused
from temoctl.model.identity import Marker
from temoctl.model.secret import Secret

UNAVAILABLE, UNKNOWN, BUSY = "TEMO740", "TEMO741", "TEMO742"
FOREIGN, DENIED, REFUSED = "TEMO743", "TEMO744", "TEMO745"
UNREADABLE, PROTECTED, UNUSABLE = "TEMO746", "TEMO747", "TEMO748"

NO_NAMESPACE, NO_INDEX, NO_USER, THERE_ALREADY, USER_EXISTS = 26, 27, 11, 48, 51003
TWICE = 11000
NOT_ALLOWED = (13, 18, 8000)
"""Unauthorized, AuthenticationFailed, and Atlas' own code for what it doesn't let anybody do."""

Command = Mapping[str, Any]
Answer = Mapping[str, Any]


class Declined(Refused):
    """The server understood a command and said no; `number` is its error code."""

    def __init__(self, number: int, words: str) -> None:
        denied = number in NOT_ALLOWED
        if number == TWICE:  # its words name the customers' documents
            words = "documents are there twice that may be there once only"
        fix = "check the login named in platform.yaml and its roles (see the README of the mongodb system)"
        super().__init__(
            DENIED if denied else REFUSED,
            f"MongoDB refuses: {words[:200]}",
            fix=fix if denied else "see what it says; `temoctl explain TEMO745`",
        )
        self.number = number


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is, as others (n8n) need it: `hosts` as an address names them, "a:27017,b:27017".

    `srv` says that the one host is a name whose DNS entry lists the servers, and takes no port.
    """

    hosts: str
    srv: bool = False
    tls: bool = False

    @property
    def names(self) -> list[str]:
        """The hosts without their ports."""
        return [one if self.srv else one.rpartition(":")[0] for one in self.hosts.split(",")]

    def outputs(self, host: str = "", port: int = 0) -> dict[str, Any]:
        """With another way for n8n where one is given: a host, a port, or both."""
        hosts, srv = self.hosts, self.srv
        if host or port:
            hosts, srv = f"{host or self.names[0]}:{port or 27017}", False
        name, _, number = hosts.partition(",")[0].rpartition(":")
        scheme = "mongodb+srv" if srv else "mongodb"
        place = {"host": hosts, "port": 0} if srv else {"host": name, "port": int(number)}
        return {"scheme": scheme, "hosts": hosts, **place, "tls": self.tls}


@dataclass(frozen=True, slots=True)
class Login:
    """A tenant's own login, for probes."""

    user: str
    password: Secret
    database: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a tenant's login can do. `failed` is why it couldn't log in; `unreadable` why it couldn't read.

    `entered` are neighbours' databases it was NOT refused at; `rules` is True when it could change how long messages
    are kept.
    """

    failed: str = ""
    unreadable: str = ""
    messages: int = 0
    entered: tuple[str, ...] = ()
    rules: bool = False


class Server(Protocol):
    """One deployment."""

    @property
    def endpoint(self) -> Endpoint: ...

    async def read(self, database: str, command: Command) -> Answer:
        """A command that changes nothing. Raises Unavailable, or Declined."""
        ...

    async def write(self, database: str, command: Command, permit: Permit) -> Answer:
        """A command that may change something; asks the permit first. Raises UnknownOutcome, Retryable or Declined.

        A write that the server accepted as a command but couldn't do (`writeErrors`) is a refusal as well.
        """
        ...

    async def try_login(self, login: Login, collection: str, neighbours: Sequence[str]) -> Report: ...

    async def close(self) -> None: ...


def is_ours(text: str, marker: Marker) -> bool:
    """Whether a note marks this very object of this very owner, whoever of our runs made it."""
    found = Marker.search(text)
    return found is not None and text == found.text and found.same_object(marker)


def foreign(what: str) -> Conflict:
    return Conflict(
        FOREIGN,
        f"{what} exists already and isn't ours",
        detail="It carries no marker of this tenant, so temoctl neither changes nor deletes it.",
        fix="find out who made it; rename or remove it by hand, then run the same command again",
    )
