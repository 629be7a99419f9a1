"""The truth table against rules that were written without looking at it, over every case that can be built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from temoctl.model.identity import Identity
from temoctl.model.step import Action
from temoctl.planner.decide import Case, Mark, Memory, Reason, Seen, decide, decide_twin
from tests.planner.cases import TABLES, every_case, every_twin, table

DOCS = Path(__file__).parents[2] / "docs" / "planner.md"
TOUCHES = {Action.UPDATE, Action.REPLACE, Action.DELETE}
EFFECTS = TOUCHES | {Action.CREATE, Action.ADOPT}
UNKNOWN = {Seen.OUTAGE, Seen.DENIED, Seen.AMBIGUOUS, Seen.FOREIGN}
WATCHED = {Identity.GATE, Identity.WITNESS}

Rule = Callable[[Case, Action | None], bool]


def _recorded(case: Case) -> bool:
    return case.recorded is not Memory.NONE


def _ours(case: Case) -> bool:
    by_record = case.identity is Identity.CHOSEN and _recorded(case) and case.same_ref and case.mark is Mark.NONE
    return case.mark is Mark.OURS or by_record


def _watched(case: Case) -> bool:
    return case.identity in WATCHED


def _there(case: Case) -> bool:
    return case.seen in (Seen.EQUAL, Seen.DIFFERENT) and not _watched(case)


RULES: dict[str, Rule] = {
    "nothing has an effect on unknown": lambda c, a: c.seen not in UNKNOWN or a not in EFFECTS,
    "what isn't ours is never touched": lambda c, a: _ours(c) or a not in TOUCHES | {Action.ADOPT},
    "what is watched is never changed": lambda c, a: (
        not _watched(c) or a in (None, Action.WAIT, Action.ASK, Action.FORGET)
    ),
    "what is protected stays": lambda c, a: not c.protected or a not in (Action.DELETE, Action.REPLACE),
    "creating is for what is desired and absent": lambda c, a: (
        (a is Action.CREATE) == (c.desired and c.seen is Seen.ABSENT and not _watched(c))
    ),
    "deleting is for what isn't desired and is there": lambda c, a: (
        a is not Action.DELETE or (not c.desired and _there(c))
    ),
    "ours and not desired goes, unless protected": lambda c, a: (
        not (_there(c) and not c.desired and _ours(c)) or a is (Action.ASK if c.protected else Action.DELETE)
    ),
    "forgetting is for records of what isn't desired": lambda c, a: (
        a is not Action.FORGET or (_recorded(c) and not c.desired and (c.seen is Seen.ABSENT or _watched(c)))
    ),
    "a record of what is gone is forgotten": lambda c, a: (
        not (_recorded(c) and not c.desired and c.seen is Seen.ABSENT) or a is Action.FORGET
    ),
    "an outage waits": lambda c, a: not (c.desired and c.seen is Seen.OUTAGE) or a is Action.WAIT,
    "any other doubt asks": lambda c, a: not (c.desired and c.seen in UNKNOWN - {Seen.OUTAGE}) or a is Action.ASK,
    "only an outage or a witness waits": lambda c, a: (
        a is not Action.WAIT or c.seen is Seen.OUTAGE or c.identity is Identity.WITNESS
    ),
    "unrecorded but marked ours is adopted or made anew": lambda c, a: (
        not (c.desired and _there(c) and not _recorded(c) and c.mark is Mark.OURS and not c.several)
        or a in ((Action.ADOPT, Action.REPLACE) if not c.protected else (Action.ADOPT, Action.ASK))
    ),
    "a stranger at our place is asked about": lambda c, a: (
        not (c.desired and _there(c) and not _ours(c)) or a is Action.ASK
    ),
    "several candidates are asked about": lambda c, a: not (c.desired and _there(c) and c.several) or a is Action.ASK,
    "what is right and recorded right is left alone": lambda c, a: (
        not (
            c.desired
            and c.seen is Seen.EQUAL
            and c.recorded is Memory.SAME
            and c.same_ref
            and _ours(c)
            and not c.several
        )
        or a is None
    ),
    "a witness that is right gets on record": lambda c, a: (
        not (c.desired and c.identity is Identity.WITNESS and c.seen is Seen.EQUAL)
        or a is (None if c.recorded is Memory.SAME else Action.WAIT)
    ),
    "an unsettled difference is never ignored": lambda c, a: (
        not (c.desired and c.seen is not Seen.EQUAL) or a is not None
    ),
    "an immutable forces a replace": lambda c, a: (
        not (c.desired and c.seen is Seen.DIFFERENT and c.immutable and _ours(c) and not c.several and not _watched(c))
        or a is (Action.ASK if c.protected else Action.REPLACE)
    ),
    "a secret issued once is never adopted": lambda c, a: (
        a is not Action.ADOPT or c.identity is not Identity.ISSUED_ONCE or (_recorded(c) and c.same_ref)
    ),
    "nobody is asked about what isn't ours to want": lambda c, a: (
        not (not c.desired and not _recorded(c) and not c.open_intents and c.mark is not Mark.OURS) or a is None
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_every_case_keeps(name: str) -> None:
    rule = RULES[name]
    broken = [case for case in every_case() if not rule(case, decide(case).action)]
    assert broken == []


def test_the_table_is_total_and_each_reason_is_used() -> None:
    rulings = {decide(case) for case in every_case()}
    assert {ruling.action for ruling in rulings} == {None, *Action}
    assert {ruling.reason for ruling in rulings} == set(Reason)


def test_gone_and_new_are_told_apart() -> None:
    assert decide(Case(True, Memory.SAME, Seen.ABSENT)).reason is Reason.GONE
    assert decide(Case(True, Memory.NONE, Seen.ABSENT)).reason is Reason.NEW


def test_what_a_dead_run_may_have_made_is_not_passed_over() -> None:
    unseen = Case(False, Memory.NONE, Seen.OUTAGE, open_intents=True)
    assert decide(unseen).action is Action.WAIT
    assert decide(Case(False, Memory.NONE, Seen.OUTAGE)).action is None


def test_twins_go_by_themselves_only_when_nothing_can_depend_on_them() -> None:
    for twin in every_twin():
        action = decide_twin(twin).action
        if twin.mark is not Mark.OURS:
            assert action is None
        elif not twin.desired:
            assert action is Action.DELETE
        else:
            harmless = not (twin.recorded or twin.active or twin.referenced)
            assert (action is Action.DELETE) == (harmless and twin.known_intent)
            assert action in (Action.DELETE, Action.ASK)


@pytest.mark.parametrize("title", TABLES)
def test_the_manual_shows_the_table_as_it_is(title: str) -> None:
    assert table(TABLES[title]) in DOCS.read_text(encoding="utf-8")
