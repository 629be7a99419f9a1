"""The reasons of a plan, in business words. Pure text: decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from temoctl.model.plan import Mode
from temoctl.model.resource import Presence
from temoctl.model.step import FieldChange
from temoctl.model.value import UNKNOWN
from temoctl.planner.decide import Reason
from temoctl.planner.gather import Finding

_AFTER_APPLY = repr(UNKNOWN)

_FIXED = {
    Reason.NEW: "the spec asks for it",
    Reason.GONE: "it was deleted outside temoctl",
    Reason.NEVER_KEPT: "its secret is shown only once, and nobody kept it",
    Reason.ALREADY_GONE: "it is already gone",
    Reason.PERSON: "only a person can do this",
    Reason.UNWATCHED: "there is nothing left to watch",
    Reason.THEIRS: "it belongs to somebody else: another tenant or another installation marked it",
    Reason.STRANGER: "there is one of that name already, and it isn't ours",
    Reason.UNMARKED: "our mark was taken off it, so we can't be sure that it is still ours",
    Reason.SEVERAL: "several objects carry our mark, and none is known to be the right one",
}

_CODES = {
    Reason.DOUBT: "TEMO403",
    Reason.THEIRS: "TEMO404",
    Reason.STRANGER: "TEMO405",
    Reason.UNMARKED: "TEMO406",
    Reason.SEVERAL: "TEMO407",
    Reason.PROTECTED: "TEMO408",
    Reason.OUTAGE: "TEMO409",
}


@dataclass(frozen=True, slots=True)
class Words:
    """What a step says: why, what a person can do, and the code of the page that explains it."""

    because: str
    fix: str = ""
    code: str = ""


def words(finding: Finding, reason: Reason, mode: Mode) -> Words:
    """The reason of one finding's ruling."""
    seen = finding.views.seen
    address = finding.views.address
    match reason:
        case Reason.OUTAGE:
            return Words(
                seen.why or f"{address.system} doesn't answer",
                seen.fix or "try again later",
                seen.code or _CODES[reason],
            )
        case Reason.DOUBT:
            why = seen.why or f"{address.system} doesn't say whether it is there"
            return Words(why, seen.fix or "run temoctl doctor", seen.code or _CODES[reason])
        case Reason.PERSON:
            return Words(seen.why or _FIXED[reason], seen.fix)
        case _:
            return Words(_because(finding, reason, mode), _fix(finding, reason), _CODES.get(reason, ""))


def _because(finding: Finding, reason: Reason, mode: Mode) -> str:
    seen = finding.views.seen
    match reason:
        case Reason.CHANGED:
            return _changed(finding)
        case Reason.IMMUTABLE:
            return f"{listed(finding.forced_by)} can't be changed on what is there, so it is made anew"
        case Reason.FOUND:
            tail = f"; {_fields(finding.changes)} must be set again" if finding.changes else ""
            mark = " and carries our mark" if seen.marker is not None else ""
            return f"it is there{mark}, but isn't on record{tail}"
        case Reason.RECORD_BEHIND:
            return _behind(finding)
        case Reason.REMOVED:
            return _removed(finding, mode)
        case Reason.STRAY:
            return "the tenant is destroyed" if mode is Mode.DESTROY else "it carries our mark, but nothing asks for it"
        case Reason.WITNESS:
            return _witnessed(finding)
        case Reason.PROTECTED:
            return f"it is protected, and {_wish(finding, mode)}"
        case _:
            return _FIXED.get(reason, "nothing is to be done")


def _fix(finding: Finding, reason: Reason) -> str:
    address = finding.views.address
    match reason:
        case Reason.THEIRS | Reason.STRANGER:
            return f"remove or rename that object in {address.system}, then plan again"
        case Reason.UNMARKED:
            return f"put the mark back into its name, or run: temoctl state forget {address}"
        case Reason.SEVERAL:
            return f"remove the wrong ones in {address.system}, then plan again"
        case Reason.PROTECTED:
            return f"set `protect: false` in the spec of {address.tenant}, apply it, then plan again"
        case _:
            return ""


def _changed(finding: Finding) -> str:
    drift = [one for one in finding.changes if one.drift]
    rest = [one for one in finding.changes if not one.drift]
    anew = [one for one in rest if one.after == _AFTER_APPLY]
    secrets = [one for one in rest if one.secret]
    foreseen = [one for one in rest if one.path in finding.views.kind.foreseen]
    spec = [one for one in rest if not one.secret and one.after != _AFTER_APPLY and one not in foreseen]
    parts = []
    if drift:
        note = f" ({finding.views.seen.note})" if finding.views.seen.note else ""
        parts.append(f"it was changed outside temoctl{note}: {_fields(drift)}")
    if foreseen:
        parts.append(f"something has happened there that has to be answered: {_fields(foreseen)}")
    if spec:
        parts.append(f"the spec changed: {_fields(spec)}")
    if secrets:
        parts.append(f"a secret has a new version: {_fields(secrets)}")
    if anew:
        parts.append(f"something it uses is made anew: {_fields(anew)}")
    return "; ".join(parts)


def _witnessed(finding: Finding) -> str:
    if finding.changes:
        return f"it isn't as it should be: {_fields(finding.changes)}"
    if finding.views.seen.presence is Presence.PRESENT:
        return "it proves that what changes here still works"
    return "it proves that this works, and it isn't there yet"


def _behind(finding: Finding) -> str:
    desired, recorded = finding.views.desired, finding.views.recorded
    if recorded is None:
        return "it is as it should be, but isn't on record"
    if desired is not None and desired.protect != recorded.protect:
        return "its protection is switched " + ("on" if desired.protect else "off")
    return "it is already as the spec asks; only the record is behind"


def _removed(finding: Finding, mode: Mode) -> str:
    if mode is Mode.DESTROY:
        return "the tenant is destroyed"
    recorded = finding.views.recorded
    place = recorded.where if recorded is not None else None
    return f"it was removed from {place}" if place is not None else "it was removed from the spec"


def _wish(finding: Finding, mode: Mode) -> str:
    if finding.views.desired is not None:
        return f"{listed(finding.forced_by) or 'this change'} can only change by making it anew"
    return "the tenant is to be destroyed" if mode is Mode.DESTROY else "the spec no longer asks for it"


def repair(witness: str) -> str:
    """Why an object that looks right is set up again."""
    return f"it looks right, but {witness} isn't as it should be: it is set up again"


def blocked(witness: str, why: str) -> str:
    """Why nothing is done to an object whose witness shows somebody else at work."""
    return f"{witness}: {why}" if why else f"{witness} belongs to somebody else"


def twin(leftover: bool, mode: Mode, desired: bool) -> str:
    """Why a further object with the same mark goes, or why a person is asked about it."""
    if leftover:
        if mode is Mode.DESTROY:
            return "the tenant is destroyed"
        return (
            "it is a leftover copy of an interrupted run" if desired else "it carries our mark, but nothing asks for it"
        )
    return "it is a second object with our mark, and it may be in use"


def listed(names: Sequence[str], most: int = 3) -> str:
    """`a, b and c`; `a, b, c and 4 more`."""
    shown = list(dict.fromkeys(names))
    if len(shown) > most:
        return f"{', '.join(shown[:most])} and {len(shown) - most} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _fields(changes: Sequence[FieldChange]) -> str:
    return listed([one.path for one in changes])
