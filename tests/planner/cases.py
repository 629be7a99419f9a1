"""Every case there is, by plain enumeration: the whole truth table rather than examples."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from temoctl.model.identity import Identity
from temoctl.planner.decide import Case, Mark, Memory, Ruling, Seen, Twin, decide

BOTH = (False, True)


def every_case() -> Iterator[Case]:
    for values in product(BOTH, Memory, Seen, Mark, BOTH, Identity, BOTH, BOTH, BOTH, BOTH):
        yield Case(*values)


def every_twin() -> Iterator[Twin]:
    for values in product(Mark, BOTH, BOTH, BOTH, BOTH, BOTH):
        yield Twin(*values)


def _text(ruling: Ruling) -> str:
    return f"**{ruling.action.value}** ({ruling.reason.value})" if ruling.action else "nothing"


_ROWS: dict[str, tuple[Seen, Mark]] = {
    "as desired, marked ours": (Seen.EQUAL, Mark.OURS),
    "different, marked ours": (Seen.DIFFERENT, Mark.OURS),
    "as desired, no mark": (Seen.EQUAL, Mark.NONE),
    "different, no mark": (Seen.DIFFERENT, Mark.NONE),
    "marked by somebody else": (Seen.DIFFERENT, Mark.THEIRS),
    "absent": (Seen.ABSENT, Mark.NONE),
    "unknown: outage": (Seen.OUTAGE, Mark.NONE),
    "unknown: denied": (Seen.DENIED, Mark.NONE),
    "unknown: ambiguous": (Seen.AMBIGUOUS, Mark.NONE),
    "unknown: foreign": (Seen.FOREIGN, Mark.NONE),
}

_COLUMNS: dict[str, tuple[bool, Memory, bool]] = {
    "desired, not recorded": (True, Memory.NONE, False),
    "desired, recorded the same": (True, Memory.SAME, True),
    "desired, recorded otherwise": (True, Memory.OTHER, True),
    "desired, another one recorded": (True, Memory.SAME, False),
    "recorded only": (False, Memory.SAME, True),
    "another one recorded only": (False, Memory.SAME, False),
    "neither": (False, Memory.NONE, False),
}


def table(identity: Identity) -> str:
    """The truth table of one identity class as Markdown, without the modifiers that docs/planner.md tells in words."""
    lines = [f"| seen now | {' | '.join(_COLUMNS)} |", f"|---|{'---|' * len(_COLUMNS)}"]
    for row, (seen, mark) in _ROWS.items():
        cells = [
            _text(decide(Case(desired, recorded, seen, mark, same_ref, identity)))
            for desired, recorded, same_ref in _COLUMNS.values()
        ]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)


TABLES = {
    "a chosen name": Identity.CHOSEN,
    "found by its marker": Identity.LOOKUP,
    "a secret that is issued once": Identity.ISSUED_ONCE,
    "a gate": Identity.GATE,
    "a witness": Identity.WITNESS,
}
