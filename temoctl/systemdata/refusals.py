"""What SystemData refuses, in one place, so that the real store and the one in memory say the same words.

Must not know how either of them finds out.
"""

from __future__ import annotations

from temoctl.model.errors import Conflict, LeaseLost, Locked, Refused
from temoctl.systemdata.ports import LeaseState


def locked(lease: LeaseState, now: float) -> Locked:
    return Locked(
        "TEMO600",
        f"{lease.tenant} is being changed by {lease.who} ({lease.operation})",
        detail=f"since {now - lease.taken_at:.0f} s, last sign of life {max(0.0, now - lease.heartbeat_at):.0f} s ago",
        fix=f"Wait until it is done. If it died, the place is free in {max(0.0, lease.expires_at - now):.0f} s.",
        tenant=lease.tenant,
    )


def lease_lost(tenant: str) -> LeaseLost:
    return LeaseLost(
        "TEMO601",
        f"another run took over {tenant or 'the tenant'}",
        detail="This run was silent for too long, or somebody unlocked the tenant. It has written nothing since.",
        fix="See what the other run did with `temoctl history`, then run apply again.",
        tenant=tenant,
    )


def still_alive(lease: LeaseState, now: float) -> Locked:
    return Locked(
        "TEMO602",
        f"the run of {lease.who} on {lease.tenant} still shows life",
        detail=f"operation {lease.operation}, last sign of life {max(0.0, now - lease.heartbeat_at):.0f} s ago",
        fix=f"Ask {lease.who} first. To take over all the same: temoctl state unlock {lease.tenant} --steal",
        tenant=lease.tenant,
    )


def operators_only(what: str, tenant: str = "") -> Refused:
    return Refused(
        "TEMO604",
        f"only an administrator or CI may {what}",
        fix="Ask an administrator to do it.",
        tenant=tenant,
    )


def still_recorded(tenant: str, count: int) -> Conflict:
    return Conflict(
        "TEMO605",
        f"{tenant} still has {count} recorded object{'s' if count != 1 else ''}, so it isn't closed",
        fix=f"Run `temoctl destroy {tenant}` again; `temoctl state list {tenant}` shows what is left.",
        tenant=tenant,
    )


def plan_finished(plan: str, tenant: str) -> Conflict:
    return Conflict(
        "TEMO611",
        f"plan {plan} was already carried out for {tenant}",
        fix=f"Make a new one: temoctl plan {tenant}",
        tenant=tenant,
    )


def unknown_tenant(name: str) -> Refused:
    return Refused(
        "TEMO612",
        f"there is no tenant {name!r} among the tenants you look after",
        fix="See `temoctl status` for your tenants; a new tenant is made by `temoctl apply`.",
        tenant=name,
    )


def uid_taken(tenant: str) -> Conflict:
    return Conflict(
        "TEMO613",
        f"the plan for {tenant} was made for an earlier tenant of that name, which is gone",
        fix=f"Make a new plan: temoctl plan {tenant}",
        tenant=tenant,
    )


def other_managers(tenant: str) -> Refused:
    return Refused(
        "TEMO614",
        f"the name {tenant} belongs to a tenant of another manager",
        fix="Choose another id, or ask an administrator to give the tenant to you.",
        tenant=tenant,
    )


def no_secret(path: str) -> Refused:
    return Refused(
        "TEMO620",
        f"there is no secret {path}",
        fix=f"Store it: temoctl secrets set TENANT {path}",
    )


def read_only() -> Refused:
    return Refused(
        "TEMO606",
        "this command only looks, so it may not change what is recorded",
        fix="Use `temoctl apply` to change things.",
    )


def unreadable(address: str) -> Refused:
    return Refused(
        "TEMO651",
        f"the record of {address!r} can't be read",
        detail="Somebody changed SystemData by hand, or its disk is damaged.",
        fix="See what is wrong with `temoctl state check`; mend it with `temoctl state repair`.",
    )


def wrong_master_key(expected: str, origin: str) -> Refused:
    return Refused(
        "TEMO622",
        "this master key is not the one the secrets were sealed with",
        detail=f"the database expects key {expected}; the key given comes from {origin or 'the program'}",
        fix="Give the right key in TEMOCTL_MASTER_KEY or TEMOCTL_MASTER_KEY_FILE. Nothing was written.",
    )


def not_set_up() -> Refused:
    return Refused(
        "TEMO632",
        "SystemData isn't set up for this version of temoctl yet",
        fix="Run `temoctl init`, or any command that applies changes, as an administrator.",
    )
