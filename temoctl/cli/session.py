"""What every command knows about its caller: the place, the person, and how output is wanted. Must not decide."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from temoctl.app.requests import Place
    from temoctl.cli.console import Console
    from temoctl.systemdata.ports import Principal

T = TypeVar("T")


@dataclass(slots=True)
class Session:
    """One call of temoctl."""

    place: Place
    principal: Principal
    json: bool
    detail: bool
    console: Console

    @classmethod
    def start(cls, *, directory: str, profile: str, actor: str, as_json: bool, detail: bool) -> Session:
        from temoctl.app.requests import Place
        from temoctl.cli.console import Console

        return cls(Place(directory, profile), principal_from(actor), as_json, detail, Console(quiet=as_json))

    def document(self, tree: dict[str, Any]) -> None:
        """Print the one JSON document."""
        sys.stdout.write(json.dumps(tree, indent=2, ensure_ascii=False, default=str) + "\n")

    def line(self, tree: dict[str, Any]) -> None:
        """Print one line of JSON, of a command that never ends with a document."""
        sys.stdout.write(json.dumps(tree, ensure_ascii=False, default=str) + "\n")
        sys.stdout.flush()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run async work; Ctrl-C cancels it and ends as one calm line."""
        import asyncio

        return asyncio.run(work)


def principal_from(actor: str) -> Principal:
    """`anna`, `anna:manager`, `robot:ci`; nothing given means the person at this computer, as admin."""
    from temoctl.model.errors import UserError
    from temoctl.systemdata.ports import Principal, Role

    if not actor:
        return Principal(_login(), Role.ADMIN)
    name, _, role = actor.partition(":")
    if not name or role not in ("", *Role):
        raise UserError(
            "TEMO100",
            f"'{actor}' is not a person and a role",
            fix="write a name, or a name and one of the roles, e.g. `--as anna:manager` (admin, ci, manager)",
        )
    return Principal(name, Role(role) if role else Role.MANAGER)


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return os.environ.get("USER", "") or "admin"
