"""The certificate of a hard delete: per object what a later look showed, and by name what is not covered.

Values only, made from a run's result. Never says more than was seen. Must not know how it is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from temoctl.engine.protocol import Verdict
from temoctl.engine.result import RunResult
from temoctl.model.address import Address
from temoctl.model.resource import Recorded


@dataclass(frozen=True, slots=True)
class Entry:
    """One object and its proof. `label` is business words."""

    address: Address
    label: str
    verdict: Verdict
    evidence: str


@dataclass(frozen=True, slots=True)
class Remainder:
    """Something that a deletion does not reach, named openly."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """`complete` is True only when every object is verified and the tenant's key is destroyed."""

    tenant: str
    uid: str
    installation: str
    run: str
    by: str
    at: float
    entries: tuple[Entry, ...]
    remainders: tuple[Remainder, ...]
    key_destroyed: bool

    @property
    def complete(self) -> bool:
        return self.key_destroyed and all(one.verdict is not Verdict.UNVERIFIED for one in self.entries)


_EVERY_TIME = (
    Remainder(
        "the sealed copy of the tenant's key in backups of SystemData",
        "it can be opened until the installation's master key is replaced and the old one destroyed",
    ),
    Remainder("the audit log", "it keeps who did what and when, with identifiers only and without customers' words"),
)


def certify(
    result: RunResult,
    recorded: Mapping[Address, Recorded],
    remains: Mapping[str, Sequence[tuple[str, str]]],
    *,
    installation: str,
    by: str,
    at: float,
    key_destroyed: bool,
) -> Certificate:
    """The certificate of one finished destroy.

    `recorded` is what was on record before it, `remains` what each system declares as out of a deletion's reach.
    """
    entries = tuple(
        Entry(address, _label(recorded.get(address), address), proof.verdict, proof.evidence)
        for address, proof in sorted(result.certificate, key=lambda pair: pair[0])
    )
    systems = sorted({one.address.system for one in entries} | {address.system for address in recorded})
    declared = tuple(Remainder(*pair) for name in systems for pair in remains.get(name, ()))
    remainders = declared + _EVERY_TIME
    return Certificate(result.tenant, result.uid, installation, result.run, by, at, entries, remainders, key_destroyed)


def _label(row: Recorded | None, address: Address) -> str:
    return f"{row.label} {row.detail}".strip() if row is not None and row.label else address.tail
