"""Users, their roles and their logins (SCRAM-SHA-256 by `scramp`). Holds verifiers, never a password."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from temoctl.sandbox.mongo.replies import CommandFailed

MECHANISM = "SCRAM-SHA-256"
ITERATIONS = 15_000
DATABASE_ROLES = ("read", "readWrite", "dbAdmin", "userAdmin", "dbOwner")
CLUSTER_ROLES = (
    "readAnyDatabase",
    "readWriteAnyDatabase",
    "dbAdminAnyDatabase",
    "userAdminAnyDatabase",
    "root",
)
Role = tuple[str, str]
"""(role, database)"""


@dataclass(slots=True)
class User:
    """One user of one database. `verifier` is scramp's: salt, stored key, server key, iterations."""

    database: str
    name: str
    verifier: Any
    roles: list[Role] = field(default_factory=list)
    custom_data: Mapping[str, Any] | None = None
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    def shown(self) -> dict[str, Any]:
        """As `usersInfo` shows it."""
        more = {} if self.custom_data is None else {"customData": dict(self.custom_data)}
        return {
            "_id": f"{self.database}.{self.name}",
            "user": self.name,
            "db": self.database,
            **more,
            "roles": [{"role": role, "db": database} for role, database in self.roles],
            "mechanisms": [MECHANISM],
        }


class Users:
    """All users of a server, by (database, name). `rounds` is how often a password is hashed."""

    def __init__(self, rounds: int = ITERATIONS) -> None:
        self.rows: MutableMapping[tuple[str, str], User] = {}
        self._rounds = rounds

    def verifier(self, password: str) -> Any:
        from scramp import ScramMechanism

        mechanism = ScramMechanism(MECHANISM)
        return mechanism.make_auth_info(password, iteration_count=self._rounds)

    def proves(self, user: User, password: str) -> bool:
        """Whether that is the user's password, found out without a conversation."""
        from scramp import ScramMechanism

        salt, stored, server, rounds = user.verifier
        again = ScramMechanism(MECHANISM).make_auth_info(password, iteration_count=rounds, salt=salt)
        return bool(again == (salt, stored, server, rounds))

    def find(self, database: str, name: str) -> User:
        user = self.rows.get((database, name))
        if user is None:
            raise CommandFailed("UserNotFound", f"User '{name}@{database}' not found")
        return user

    def add(self, user: User) -> None:
        if (user.database, user.name) in self.rows:
            raise CommandFailed("Location51003", f'User "{user.name}@{user.database}" already exists')
        self.rows[user.database, user.name] = user


def roles_of(given: Any, database: str) -> list[Role]:
    """Roles as a command names them. Raises CommandFailed for one that doesn't exist."""
    if not isinstance(given, list):
        raise CommandFailed("TypeMismatch", "roles must be an array")
    found: list[Role] = []
    for one in given:
        if isinstance(one, str):
            role, home = one, database
        elif isinstance(one, Mapping) and set(one) == {"role", "db"}:
            role, home = str(one["role"]), str(one["db"])
        else:
            raise CommandFailed("BadValue", "a role is a name, or {role, db}")
        if role not in DATABASE_ROLES and not (home == "admin" and role in CLUSTER_ROLES):
            raise CommandFailed("RoleNotFound", f"Could not find role: {role}@{home}")
        found.append((role, home))
    return found


class Login:
    """One SCRAM conversation: two steps by the client, then whoever it was is known."""

    def __init__(self, users: Users, database: str, number: int) -> None:
        from scramp import ScramMechanism

        self.number, self._users, self._database = number, users, database
        self.short = False  # the client doesn't want to close the conversation with an empty message
        self.proven: User | None = None
        self._name = ""
        self._server = ScramMechanism(MECHANISM).make_server(self._verifier)
        self._steps = 0

    def _verifier(self, name: str) -> Any:
        self._name = name
        return self._users.find(self._database, name).verifier

    def step(self, payload: bytes) -> tuple[bytes, User | None]:
        """The server's answer to one message, and the user once proven."""
        from scramp import ScramException

        self._steps += 1
        try:
            if self._steps == 1:
                self._server.set_client_first(payload.decode())
                return self._server.get_server_first().encode(), None
            if self._steps == 2:
                self._server.set_client_final(payload.decode())
                return self._server.get_server_final().encode(), self._users.find(self._database, self._name)
        except (ScramException, CommandFailed, UnicodeDecodeError):
            raise failed() from None
        raise failed()


def failed() -> CommandFailed:
    """The one thing said about a login that didn't work, whatever was wrong with it."""
    return CommandFailed("AuthenticationFailed", "Authentication failed.")
