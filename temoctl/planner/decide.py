"""The truth table: one case → one ruling. Total over every case, right or absurd; docs/planner.md shows it whole.

Must not know addresses, properties or words: a `Case` holds only what a decision may depend on, so that a test can
enumerate all of them. The rules behind the table:

* nothing is created, changed or deleted on unknown (DECISIONS 9);
* nothing without our marker is changed or deleted, except an object of a chosen name that we recorded ourselves;
* a watched kind (gate, witness) is never created, changed or deleted, only waited for;
* a witness that is right belongs on record: looking at it once more is how it gets there;
* a protected object is neither deleted nor replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from temoctl.model.identity import Identity
from temoctl.model.step import Action


class Memory(StrEnum):
    """What is recorded, against what is desired. Without a desire `SAME` and `OTHER` mean one thing: recorded."""

    NONE = "none"
    SAME = "same"
    OTHER = "other"


class Seen(StrEnum):
    """What the system says now; equal and different are meant against the desired values."""

    EQUAL = "equal"
    DIFFERENT = "different"
    ABSENT = "absent"
    OUTAGE = "outage"
    DENIED = "denied"
    AMBIGUOUS = "ambiguous"
    FOREIGN = "foreign"

    @property
    def unknown(self) -> bool:
        return self in _DOUBTS


_DOUBTS = frozenset({Seen.OUTAGE, Seen.DENIED, Seen.AMBIGUOUS, Seen.FOREIGN})


class Mark(StrEnum):
    """Whose marker the object carries."""

    OURS = "ours"
    THEIRS = "theirs"
    NONE = "none"


class Standing(StrEnum):
    """What an object that is there is to us."""

    MINE = "mine"  # the one we recorded
    FOUND = "found"  # marked ours, but not what the record names
    UNMARKED = "unmarked"  # the one we recorded, but our marker is gone
    STRANGER = "stranger"  # neither recorded nor marked
    THEIRS = "theirs"  # marked by another owner


class Reason(StrEnum):
    """Why a ruling is what it is; `wording` turns it into a sentence."""

    ALL_WELL = "all well"
    NOT_OURS = "not ours"
    NEW = "new"
    GONE = "gone"
    RECORD_BEHIND = "record behind"
    CHANGED = "changed"
    IMMUTABLE = "immutable"
    FOUND = "found"
    NEVER_KEPT = "never kept"
    REMOVED = "removed"
    STRAY = "stray"
    ALREADY_GONE = "already gone"
    OUTAGE = "outage"
    DOUBT = "doubt"
    PERSON = "person"
    WITNESS = "witness"
    UNWATCHED = "unwatched"
    THEIRS = "theirs"
    STRANGER = "stranger"
    UNMARKED = "unmarked"
    SEVERAL = "several"
    PROTECTED = "protected"


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a ruling may depend on.

    `same_ref`: the object seen is the one recorded. `immutable`: a field that can't be changed differs. `several`:
    more than one object answers and none can be told to be the one meant. `open_intents`: a run of this tenant died,
    so that there may be objects which nobody recorded.
    """

    desired: bool
    recorded: Memory
    seen: Seen
    mark: Mark = Mark.OURS
    same_ref: bool = True
    identity: Identity = Identity.CHOSEN
    immutable: bool = False
    protected: bool = False
    several: bool = False
    open_intents: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """`action` is None where nothing is to be done."""

    action: Action | None
    reason: Reason


_NOTHING = Ruling(None, Reason.ALL_WELL)
_NOT_OURS = Ruling(None, Reason.NOT_OURS)


def decide(case: Case) -> Ruling:
    """The action for one case."""
    if case.identity in (Identity.GATE, Identity.WITNESS):
        return _watched(case)
    if case.seen.unknown:
        return _unknown(case)
    ruling = _absent(case) if case.seen is Seen.ABSENT else _present(case)
    if case.protected and ruling.action in (Action.DELETE, Action.REPLACE):
        return Ruling(Action.ASK, Reason.PROTECTED)
    return ruling


def _watched(case: Case) -> Ruling:
    match (case.desired, case.seen, case.identity):
        case (False, _, _):
            return _NOTHING if case.recorded is Memory.NONE else Ruling(Action.FORGET, Reason.UNWATCHED)
        case (True, Seen.EQUAL, Identity.WITNESS) if case.recorded is not Memory.SAME:
            return Ruling(Action.WAIT, Reason.RECORD_BEHIND)
        case (True, Seen.EQUAL, _):
            return _NOTHING
        case (True, Seen.OUTAGE, _):
            return Ruling(Action.WAIT, Reason.OUTAGE)
        case (True, Seen.ABSENT | Seen.DIFFERENT, Identity.GATE):
            return Ruling(Action.ASK, Reason.PERSON)
        case (True, Seen.ABSENT | Seen.DIFFERENT, _):
            return Ruling(Action.WAIT, Reason.WITNESS)
        case _:
            return Ruling(Action.ASK, Reason.DOUBT)


def _unknown(case: Case) -> Ruling:
    concerns_us = case.desired or case.recorded is not Memory.NONE
    match (concerns_us, case.seen, case.open_intents):
        case (False, Seen.FOREIGN, _) | (False, _, False):
            return _NOT_OURS
        case (_, Seen.OUTAGE, _):
            return Ruling(Action.WAIT, Reason.OUTAGE)
        case _:
            return Ruling(Action.ASK, Reason.DOUBT)


def _absent(case: Case) -> Ruling:
    match (case.desired, case.recorded):
        case (True, Memory.NONE):
            return Ruling(Action.CREATE, Reason.NEW)
        case (True, _):
            return Ruling(Action.CREATE, Reason.GONE)
        case (False, Memory.NONE):
            return _NOTHING
        case _:
            return Ruling(Action.FORGET, Reason.ALREADY_GONE)


def _present(case: Case) -> Ruling:
    standing = standing_of(case)
    return _wanted(case, standing) if case.desired else _unwanted(case, standing)


def standing_of(case: Case) -> Standing:
    """What the object that is there is to us."""
    recorded = case.recorded is not Memory.NONE
    match (case.mark, recorded and case.same_ref, case.identity):
        case (Mark.THEIRS, _, _):
            return Standing.THEIRS
        case (Mark.OURS, True, _):
            return Standing.MINE
        case (Mark.OURS, False, _):
            return Standing.FOUND
        case (Mark.NONE, True, Identity.CHOSEN):
            return Standing.MINE
        case (Mark.NONE, True, _):
            return Standing.UNMARKED
        case _:
            return Standing.STRANGER


def _wanted(case: Case, standing: Standing) -> Ruling:
    if case.several:
        return Ruling(Action.ASK, Reason.SEVERAL)
    match (standing, case.seen, case.immutable, case.recorded):
        case (Standing.THEIRS, _, _, _):
            return Ruling(Action.ASK, Reason.THEIRS)
        case (Standing.STRANGER, _, _, _):
            return Ruling(Action.ASK, Reason.STRANGER)
        case (Standing.UNMARKED, _, _, _):
            return Ruling(Action.ASK, Reason.UNMARKED)
        case (Standing.FOUND, _, _, _) if case.identity is Identity.ISSUED_ONCE:
            return Ruling(Action.REPLACE, Reason.NEVER_KEPT)
        case (_, Seen.DIFFERENT, True, _):
            return Ruling(Action.REPLACE, Reason.IMMUTABLE)
        case (Standing.FOUND, _, _, _):
            return Ruling(Action.ADOPT, Reason.FOUND)
        case (_, Seen.DIFFERENT, _, _):
            return Ruling(Action.UPDATE, Reason.CHANGED)
        case (_, _, _, Memory.OTHER):
            return Ruling(Action.ADOPT, Reason.RECORD_BEHIND)
        case _:
            return _NOTHING


def _unwanted(case: Case, standing: Standing) -> Ruling:
    match (standing, case.recorded):
        case (Standing.MINE, _):
            return Ruling(Action.DELETE, Reason.REMOVED)
        case (Standing.FOUND, _):
            return Ruling(Action.DELETE, Reason.STRAY)
        case (_, Memory.NONE):
            return _NOT_OURS
        case (Standing.THEIRS, _):
            return Ruling(Action.ASK, Reason.THEIRS)
        case (Standing.UNMARKED, _):
            return Ruling(Action.ASK, Reason.UNMARKED)
        case _:
            return Ruling(Action.ASK, Reason.STRANGER)


@dataclass(frozen=True, slots=True)
class Twin:
    """A further object with the marker of one that we already know."""

    mark: Mark
    recorded: bool
    active: bool
    referenced: bool
    known_intent: bool
    desired: bool


def decide_twin(twin: Twin) -> Ruling:
    """DECISIONS 11: it goes by itself only when nothing can depend on it and our own journal shows that we made it.

    Where its address is no longer wanted it is simply one more object of ours to delete.
    """
    if twin.mark is not Mark.OURS:
        return _NOT_OURS
    match (twin.desired, twin.recorded or twin.active or twin.referenced, twin.known_intent):
        case (False, _, _) | (True, False, True):
            return Ruling(Action.DELETE, Reason.STRAY)
        case _:
            return Ruling(Action.ASK, Reason.SEVERAL)
