"""`temoctl secrets …`: values come from a prompt, standard input, a file or a named variable; never from words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from temoctl.cli.command import Yes, command, group, tenant_ids
from temoctl.cli.session import Session

if TYPE_CHECKING:
    from temoctl.model.secret import Secret

Tenant = Annotated[str, typer.Argument(metavar="TENANT", help="A tenant id, or `platform`.", autocompletion=tenant_ids)]
PathText = Annotated[str, typer.Argument(metavar="PATH", help="As in the spec: {secret: telegram/token}.")]


def register(app: typer.Typer) -> None:
    secrets = group("Store, list and remove secrets. Values are never words of a command.")
    app.add_typer(secrets, name="secrets")

    @command(secrets, "set")
    def set_(
        session: Session,
        *,
        tenant: Tenant,
        path: Annotated[str, typer.Argument(metavar="PATH", help="As in the spec: {secret: telegram/token}.")] = "",
        file: Annotated[str, typer.Option("--file", metavar="FILE", help="Read the value from a file.")] = "",
        from_env: Annotated[
            str, typer.Option("--from-env", metavar="NAME", help="Read an environment variable once, for {env: NAME}.")
        ] = "",
    ) -> int:
        """Store a secret. Asks for it at a terminal, else reads standard input."""
        return session.run(_set(session, tenant, path, file, from_env))

    @command(secrets, "list")
    def list_(session: Session, *, tenant: Tenant) -> None:
        """List a tenant's secrets: paths and versions, never values."""
        session.run(_list(session, tenant))

    @command(secrets, "rm")
    def rm(session: Session, *, tenant: Tenant, path: PathText, yes: Yes = False) -> int:
        """Remove every version of a secret."""
        return session.run(_rm(session, tenant, path, yes=yes))


async def _set(session: Session, tenant: str, path: str, file: str, from_env: str) -> int:
    from temoctl.app import secrets
    from temoctl.app.redaction import known_secrets
    from temoctl.app.requests import ExitCode
    from temoctl.app.world import open_world
    from temoctl.model.errors import UserError

    if from_env:
        found, value = secrets.from_environment(from_env)
        path = path or found
    elif not path:
        raise UserError(
            "TEMO100", "which secret?", fix=f"name it as the spec does: `temoctl secrets set {tenant} PATH`"
        )
    else:
        value = _from_file(file) if file else _from_person(f"{tenant} {path}")
    known_secrets.learn(value)
    async with open_world(session.place, session.principal, connect=False) as world:
        version = await secrets.set_secret(world, tenant, path, value)
    if session.json:
        session.document({"format_version": 1, "tenant": tenant, "path": path, "version": version})
    session.console.say(f"Stored {path} of {tenant}, version {version}.")
    if version > 1:
        session.console.say(f"It is used from the next apply on: temoctl apply {tenant}")
    return int(ExitCode.DONE)


async def _list(session: Session, tenant: str) -> None:
    from datetime import UTC, datetime

    from temoctl.app.secrets import list_secrets
    from temoctl.app.world import open_world

    async with open_world(session.place, session.principal, connect=False, read_only=True) as world:
        rows = await list_secrets(world, tenant)
    if session.json:
        tree = [{"path": one.path, "version": one.version, "at": one.at, "by": one.by} for one in rows]
        return session.document({"format_version": 1, "tenant": tenant, "secrets": tree})
    from temoctl.render.tables import table

    shown = [
        (one.path, str(one.version), f"{datetime.fromtimestamp(one.at, UTC):%Y-%m-%d %H:%M} UTC", one.by)
        for one in rows
    ]
    empty = f"{tenant} has no secrets."
    return session.console.show(
        table(("PATH", "VERSION", "STORED", "BY"), shown, cells=session.console.cells, empty=empty)
    )


async def _rm(session: Session, tenant: str, path: str, *, yes: bool) -> int:
    from temoctl.app.requests import ExitCode
    from temoctl.app.secrets import remove_secret
    from temoctl.app.world import open_world
    from temoctl.cli.confirm import may_go_on

    question = f"Remove {path} of {tenant}? It can't be brought back."
    if not may_go_on(session, question, yes=yes, command=f"temoctl secrets rm {tenant} {path}"):
        session.console.say("Nothing has been changed.")
        return int(ExitCode.ERROR)
    async with open_world(session.place, session.principal, connect=False) as world:
        removed = await remove_secret(world, tenant, path)
    if session.json:
        session.document({"format_version": 1, "tenant": tenant, "path": path, "removed": removed})
    session.console.say(f"Removed {path} of {tenant} ({removed} version{'s' if removed != 1 else ''}).")
    return int(ExitCode.DONE)


def _from_file(name: str) -> Secret:
    from temoctl.model.errors import UserError
    from temoctl.model.secret import Secret

    try:
        return Secret(Path(name).expanduser().read_text(encoding="utf-8").strip("\r\n"))
    except (OSError, UnicodeDecodeError) as error:
        why = str(getattr(error, "strerror", "") or "it is not text")
        raise UserError("TEMO106", f"the file {name} can't be read", detail=why, fix="give another file") from None


def _from_person(what: str) -> Secret:
    from temoctl.model.secret import Secret

    if sys.stdin.isatty():
        import getpass

        return Secret(getpass.getpass(f"{what} (not shown): ").strip())
    return Secret(sys.stdin.read().strip("\r\n"))
