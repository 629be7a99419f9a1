"""Commands about users. A password is turned into a verifier at once and is nowhere kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temoctl.sandbox.mongo import rights
from temoctl.sandbox.mongo.engine import Command, Request
from temoctl.sandbox.mongo.queries import checked_query, matching
from temoctl.sandbox.mongo.replies import CommandFailed, beyond
from temoctl.sandbox.mongo.users import MECHANISM, Role, User, roles_of


def _create_user(request: Request) -> dict[str, Any]:
    given = request.command
    request.require("createUser")
    name, password = given["createUser"], given.get("pwd")
    if not isinstance(name, str) or not name:
        raise CommandFailed("BadValue", "User document needs 'user' field to be non-empty")
    if not isinstance(password, str) or not password:
        raise CommandFailed("BadValue", "Must provide a 'pwd' field for all user documents")
    _check_options(given)
    roles = _granted(request, given.get("roles"))
    users = request.engine.users
    users.add(User(request.database, name, users.verifier(password), roles, given.get("customData")))
    return {}


def _update_user(request: Request) -> dict[str, Any]:
    given = request.command
    request.require("updateUser")
    user = request.engine.users.find(request.database, str(given["updateUser"]))
    if not {"pwd", "roles", "customData"} & given.keys():
        raise CommandFailed("BadValue", "Must specify at least one field to update in updateUser")
    _check_options(given)
    roles = _granted(request, given["roles"]) if "roles" in given else user.roles
    if "pwd" in given:
        if not isinstance(given["pwd"], str) or not given["pwd"]:
            raise CommandFailed("BadValue", "User passwords must not be empty")
        user.verifier = request.engine.users.verifier(given["pwd"])
    user.roles = roles  # the whole list: what isn't named is taken away
    if "customData" in given:
        user.custom_data = given["customData"]
    return {}


def _check_options(given: Mapping[str, Any]) -> None:
    if given.get("digestPassword", True) is not True:
        raise CommandFailed("BadValue", "Use of SCRAM-SHA-256 requires undigested passwords")
    if given.get("mechanisms", [MECHANISM]) != [MECHANISM]:
        raise beyond(f"other mechanisms than {MECHANISM}")
    if not isinstance(given.get("customData", {}), Mapping):
        raise CommandFailed("TypeMismatch", "customData must be an object")


def _granted(request: Request, given: Any) -> list[Role]:
    roles = roles_of(given if given is not None else [], request.database)
    for _, home in roles:
        request.require("grantRole", home)
    return roles


def _drop_user(request: Request) -> dict[str, Any]:
    request.require("dropUser")
    user = request.engine.users.find(request.database, str(request.command["dropUser"]))
    del request.engine.users.rows[user.database, user.name]
    return {}


def _drop_all(request: Request) -> dict[str, Any]:
    request.require("dropUser")
    rows = request.engine.users.rows
    here = [key for key in rows if key[0] == request.database]
    for key in here:
        del rows[key]
    return {"n": len(here)}


def _users_info(request: Request) -> dict[str, Any]:
    given = request.command
    if given.get("showCredentials") or given.get("showPrivileges"):
        raise beyond("usersInfo with credentials or privileges")
    if given.get("filter") and not isinstance(given["usersInfo"], int | float | Mapping):
        raise CommandFailed("BadValue", "a filter goes with all users of a database or of all databases")
    users = _asked(request, given["usersInfo"])
    shown = [user.shown() for user in users]
    if given.get("filter"):
        shown = matching(shown, checked_query(given["filter"]))
    if not given.get("showCustomData", True):
        shown = [{key: value for key, value in one.items() if key != "customData"} for one in shown]
    return {"users": shown}


def _asked(request: Request, which: Any) -> list[User]:
    """Users as `usersInfo` names them: 1, {forAllDBs: true}, a name, {user, db}, or a list of those two."""
    rows = request.engine.users.rows
    match which:
        case bool():
            raise CommandFailed("BadValue", "UserName must be either a string or an object")
        case 1 | 1.0:
            request.require("viewUser")
            return [user for (database, _), user in rows.items() if database == request.database]
        case {"forAllDBs": True}:
            if not any(rights.may([role], "viewUser", "") for role in request.roles if role[1] == "admin"):
                rights.require((), "viewUser", request.database, request.name)
            return list(rows.values())
        case str() | {"user": str()}:
            return _named(request, [which])
        case list():
            return _named(request, which)
    raise CommandFailed("BadValue", "UserName must be either a string or an object")


def _named(request: Request, given: list[Any]) -> list[User]:
    found = []
    for one in given:
        name, home = (one, request.database) if isinstance(one, str) else (one["user"], one.get("db", request.database))
        me = request.session.user
        if me is None or (me.database, me.name) != (home, name):  # everybody may look at themselves
            request.require("viewUser", home)
        user = request.engine.users.rows.get((home, name))
        if user is not None:
            found.append(user)
    return found


_USER = frozenset({"pwd", "roles", "customData", "digestPassword", "mechanisms"})
_INFO = frozenset({"filter", "showCredentials", "showPrivileges", "showCustomData"})

COMMANDS: Mapping[str, Command] = {
    "createUser": Command(_create_user, _USER, write=True),
    "updateUser": Command(_update_user, _USER, write=True),
    "dropUser": Command(_drop_user, frozenset(), write=True),
    "dropAllUsersFromDatabase": Command(_drop_all, frozenset(), write=True),
    "usersInfo": Command(_users_info, _INFO),
}
