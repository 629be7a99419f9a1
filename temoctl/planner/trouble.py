"""Problems a plan can have as a whole, as diagnostics. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping

from temoctl.model.address import PLATFORM, Address
from temoctl.model.diagnostic import Diagnostic, Severity
from temoctl.model.resource import Doubt, Observed


def unknown_kind(address: Address) -> Observed:
    """What stands for an object of a kind that no installed system has."""
    why = f"this temoctl doesn't know what a {address.kind_key} is"
    return Observed.unknown(address, Doubt.AMBIGUOUS, why, fix="install the version that made it", code="TEMO401")


def platform_missing(tenant: str, outside: Mapping[Address, bool]) -> list[Diagnostic]:
    """One problem for everything that the platform should have given and hasn't."""
    missing = sorted(str(address) for address, fine in outside.items() if not fine)
    if not missing:
        return []
    return [
        Diagnostic(
            "TEMO420",
            "the platform isn't applied yet",
            detail=f"{tenant} needs {', '.join(missing)}",
            fix=f"run: temoctl apply {PLATFORM}   (or temoctl apply --all, which does it first)",
            tenant=tenant,
        )
    ]


def nothing_desired(tenant: str, recorded: int) -> Diagnostic:
    """A spec that asks for nothing, for a tenant that has something: never read as "delete it all"."""
    return Diagnostic(
        "TEMO421",
        f"the spec of {tenant} asks for nothing at all",
        detail=f"{recorded} resources are on record. An empty or missing spec never means: delete everything.",
        fix=f"put the spec back; if the tenant is to go, run: temoctl destroy {tenant}",
        tenant=tenant,
    )


def circle(tenant: str, names: tuple[str, ...]) -> Diagnostic:
    """Resources that need each other in a circle."""
    return Diagnostic(
        "TEMO440",
        "temoctl made a plan that can't be put in order",
        detail=f"each of these needs the next: {' -> '.join(names)}",
        fix="this is a fault of temoctl: please report it with the lines above",
        tenant=tenant,
    )


def cut_circle(tenant: str, names: tuple[str, ...]) -> Diagnostic:
    """A circle among recorded dependencies: the order of deleting had to be guessed."""
    return Diagnostic(
        "TEMO442",
        "the records name dependencies in a circle",
        detail=f"each of these is recorded to need the next: {' -> '.join(names)}",
        fix="the plan goes on without that order; temoctl state check tells more",
        severity=Severity.WARNING,
        tenant=tenant,
    )


def dangling(tenant: str, address: Address, to: Address) -> Diagnostic:
    """A reference to something that the same tenant doesn't have."""
    return Diagnostic(
        "TEMO441",
        "a resource refers to one that doesn't exist",
        detail=f"{address} refers to {to}, which nothing asks for",
        fix="this is a fault of temoctl: please report it with the lines above",
        tenant=tenant,
    )
