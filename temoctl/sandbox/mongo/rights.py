"""Which role may do what, where: MongoDB's built-in roles, as far as the commands here go. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from temoctl.sandbox.mongo.replies import CommandFailed
from temoctl.sandbox.mongo.users import Role

_READ = frozenset({"find", "listCollections", "listIndexes"})
_WRITE = _READ | {
    "insert",
    "update",
    "remove",
    "createCollection",
    "dropCollection",
    "createIndex",
    "dropIndex",
}
_ADMIN = frozenset(
    {
        "listCollections",
        "listIndexes",
        "createCollection",
        "dropCollection",
        "createIndex",
        "dropIndex",
        "collMod",
        "dropDatabase",
    }
)
_USERS = frozenset({"createUser", "dropUser", "updateUser", "viewUser", "grantRole", "revokeRole"})

_GIVES: Mapping[str, frozenset[str]] = {
    "read": _READ,
    "readWrite": _WRITE,
    "dbAdmin": _ADMIN,
    "userAdmin": _USERS,
    "dbOwner": _WRITE | _ADMIN | _USERS,
}
_GIVES_ANYWHERE: Mapping[str, frozenset[str]] = {
    "readAnyDatabase": _READ,
    "readWriteAnyDatabase": _WRITE,
    "dbAdminAnyDatabase": _ADMIN,
    "userAdminAnyDatabase": _USERS,
    "root": _WRITE | _ADMIN | _USERS,
}
_NOT_ANYWHERE = ("local", "config")


def may(roles: Iterable[Role], action: str, database: str) -> bool:
    """Whether any of the roles lets its holder do that in that database."""
    for role, home in roles:
        if role in _GIVES_ANYWHERE:
            if action in _GIVES_ANYWHERE[role] and (database not in _NOT_ANYWHERE or role == "root"):
                return True
        elif home == database and action in _GIVES[role]:
            return True
    return False


def sees_all_databases(roles: Iterable[Role]) -> bool:
    return any(role in _GIVES_ANYWHERE for role, _ in roles)


def require(roles: Iterable[Role], action: str, database: str, command: str) -> None:
    if not may(roles, action, database):
        raise CommandFailed("Unauthorized", f"not authorized on {database} to execute command {{ {command} }}")
