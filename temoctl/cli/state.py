"""`temoctl state …`: look at and mend what is on record. Never touches a system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from temoctl.cli.command import Tenants, Yes, command, group, tenant_ids
from temoctl.cli.session import Session

if TYPE_CHECKING:
    from temoctl.model.resource import Recorded
    from temoctl.systemdata.ports import LeaseState

AddressText = Annotated[str, typer.Argument(metavar="ADDRESS", help="Like acme/n8n.workflow.telegram-ingress.")]
Tenant = Annotated[str, typer.Argument(metavar="TENANT", help="A tenant id.", autocompletion=tenant_ids)]


def register(app: typer.Typer) -> None:
    state = group("Look at and mend the record. Never touches a system.")
    app.add_typer(state, name="state")

    @command(state, "list")
    def list_(session: Session, *, tenants: Tenants = None) -> None:
        """List the objects on record."""
        session.run(_list(session, tuple(tenants or ())))

    @command(state, "show")
    def show(session: Session, *, address: AddressText) -> None:
        """Show one object on record; secrets appear as versions only."""
        session.run(_show(session, address))

    @command(state, "check")
    def check(session: Session) -> int:
        """Look for broken invariants in the record."""
        return session.run(_check(session))

    @command(state, "repair")
    def repair(session: Session, *, yes: Yes = False) -> int:
        """Mend what `state check` found and can be mended without asking anybody."""
        return session.run(_repair(session, yes=yes))

    @command(state, "forget")
    def forget(session: Session, *, address: AddressText, yes: Yes = False) -> int:
        """Drop one object from the record. The object itself stays where it is."""
        return session.run(_forget(session, address, yes=yes))

    @command(state, "unlock")
    def unlock(
        session: Session,
        *,
        tenant: Tenant,
        steal: Annotated[bool, typer.Option("--steal", help="Even when its holder still gives signs of life.")] = False,
        yes: Yes = False,
    ) -> int:
        """End the lease of a run that died."""
        return session.run(_unlock(session, tenant, steal=steal, yes=yes))


async def _list(session: Session, tenants: tuple[str, ...]) -> None:
    from temoctl.app import state
    from temoctl.app.world import open_world

    async with open_world(session.place, session.principal, connect=False, read_only=True) as world:
        records = await state.list_records(world, tenants)
    if session.json:
        return session.document({"format_version": 1, "resources": [_tree(one) for one in records]})
    from temoctl.render.tables import table

    rows = [(str(one.address), f"{one.label} {one.detail}".strip(), one.ref) for one in records]
    headings, empty = ("ADDRESS", "WHAT", "ID THERE"), "Nothing is on record."
    page = table(headings, rows, cells=session.console.cells, empty=empty, whole=(0,))
    return session.console.show(page)


async def _show(session: Session, address: str) -> None:
    from temoctl.app import state
    from temoctl.app.world import open_world

    async with open_world(session.place, session.principal, connect=False, read_only=True) as world:
        record = await state.show_record(world, address)
    session.document({"format_version": 1, **_tree(record)})


async def _check(session: Session) -> int:
    from temoctl.app import state
    from temoctl.app.requests import ExitCode
    from temoctl.app.world import open_world

    async with open_world(session.place, session.principal, connect=False, read_only=True) as world:
        findings = await state.check(world)
    if session.json:
        from dataclasses import asdict

        session.document({"format_version": 1, "findings": [asdict(one) for one in findings]})
    else:
        from temoctl.render.tables import table

        rows = [(one.code, one.tenant, one.what, one.repair or "by hand") for one in findings]
        empty = "The record is sound."
        session.console.show(
            table(("CODE", "TENANT", "WHAT", "REPAIR"), rows, cells=session.console.cells, empty=empty)
        )
    return int(ExitCode.ERROR if findings else ExitCode.DONE)


async def _repair(session: Session, *, yes: bool) -> int:
    from temoctl.app import state
    from temoctl.app.requests import ExitCode
    from temoctl.app.world import open_world
    from temoctl.cli.confirm import may_go_on

    async with open_world(session.place, session.principal, connect=False) as world:
        findings = [one for one in await state.check(world) if one.repair]
        for one in findings:
            session.console.say(f"{one.code} {one.tenant}: {one.what}; repair: {one.repair}")
        if findings and not may_go_on(session, "Repair these?", yes=yes, command="temoctl state repair"):
            session.console.say("Nothing has been changed.")
            return int(ExitCode.ERROR)
        number = await state.repair(world, findings) if findings else 0
    if session.json:
        session.document({"format_version": 1, "repaired": number})
    session.console.say(f"{number} repaired." if number else "Nothing to repair.")
    return int(ExitCode.DONE)


async def _forget(session: Session, address: str, *, yes: bool) -> int:
    from temoctl.app import state
    from temoctl.app.requests import ExitCode
    from temoctl.app.world import open_world
    from temoctl.cli.confirm import may_go_on

    async with open_world(session.place, session.principal, connect=False) as world:
        record = await state.show_record(world, address)
        what = f"{record.label} {record.detail}".strip() or address
        session.console.say(f"{what} stays in {record.address.system} (id {record.ref}), but temoctl forgets it.")
        if not may_go_on(session, "Forget it?", yes=yes, command=f"temoctl state forget {address}"):
            session.console.say("Nothing has been changed.")
            return int(ExitCode.ERROR)
        await state.forget(world, address)
    if session.json:
        session.document({"format_version": 1, "forgotten": address})
    session.console.say("Forgotten. The next plan may adopt it again when it still carries our mark.")
    return int(ExitCode.DONE)


async def _unlock(session: Session, tenant: str, *, steal: bool, yes: bool) -> int:
    from temoctl.app import state
    from temoctl.app.requests import ExitCode
    from temoctl.app.world import open_world
    from temoctl.cli.confirm import may_go_on

    async with open_world(session.place, session.principal, connect=False) as world:
        question = f"Take {tenant} away from whoever works on it?"
        if steal and not may_go_on(session, question, yes=yes, command=f"temoctl state unlock {tenant} --steal"):
            session.console.say("Nothing has been changed.")
            return int(ExitCode.ERROR)
        broken: LeaseState | None = await state.unlock(world, tenant, steal=steal)
    if session.json:
        session.document({"format_version": 1, "unlocked": broken.who if broken else None})
    if broken is None:
        session.console.say(f"{tenant} is not locked.")
    else:
        session.console.say(f"Unlocked. It was held by {broken.who} ({broken.operation}).")
        session.console.say(f"Go on with: temoctl apply {tenant}")
    return int(ExitCode.DONE)


def _tree(one: Recorded) -> dict[str, Any]:
    return {
        "address": str(one.address),
        "label": one.label,
        "detail": one.detail,
        "ref": one.ref,
        "instance": one.instance,
        "protect": one.protect,
        "outputs": dict(one.outputs),
        "depends_on": [str(address) for address in one.depends_on],
        "spec": str(one.where) if one.where is not None else None,
        "props": one.props,
    }
