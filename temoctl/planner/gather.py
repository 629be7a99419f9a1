"""The three views of one resource brought together: what differs, and the case that the truth table decides.

Must not know other resources, except through the values that references resolve to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from temoctl.model.address import Address
from temoctl.model.diagnostic import Where
from temoctl.model.identity import Identity
from temoctl.model.kind import Impact, Kind
from temoctl.model.resource import Desired, Doubt, Observed, Presence, Recorded
from temoctl.model.step import FieldChange
from temoctl.model.value import Json, Props
from temoctl.planner.candidates import Choice
from temoctl.planner.decide import Case, Mark, Memory, Ruling, Seen, decide
from temoctl.planner.diff import MISSING, Leaf, differences

_DOUBTS = {
    Doubt.OUTAGE: Seen.OUTAGE,
    Doubt.DENIED: Seen.DENIED,
    Doubt.AMBIGUOUS: Seen.AMBIGUOUS,
    Doubt.FOREIGN: Seen.FOREIGN,
}


@dataclass(frozen=True, slots=True)
class Views:
    """What is known of one address. `resolved` is the desired tree with references replaced.

    `links` are the addresses it depends on, by its references and by `after`, desired or else recorded.
    `steady` names fields whose new value isn't known yet but which a mere re-creation elsewhere doesn't change.
    """

    address: Address
    kind: Kind
    desired: Desired | None
    recorded: Recorded | None
    choice: Choice
    mark: Mark
    resolved: Props = field(default_factory=dict)
    links: frozenset[Address] = frozenset()
    steady: frozenset[str] = frozenset()
    open_intents: bool = False

    @property
    def seen(self) -> Observed:
        return self.choice.main

    @property
    def same_ref(self) -> bool:
        return self.recorded is not None and self.recorded.ref == self.seen.ref

    @property
    def protected(self) -> bool:
        return (self.recorded is not None and self.recorded.protect) or (
            self.desired is not None and self.desired.protect
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """What one address comes to. `changes` lead from what is there to what is desired; `forced_by` names immutables."""

    views: Views
    ruling: Ruling
    changes: tuple[FieldChange, ...] = ()
    forced_by: tuple[str, ...] = ()


def find(views: Views) -> Finding:
    """Compare the views and decide."""
    desired, seen = views.desired, views.seen
    memory = Memory.NONE if views.recorded is None else Memory.SAME
    changes: tuple[FieldChange, ...] = ()
    forced: tuple[str, ...] = ()
    if desired is not None:
        memory, changes, forced = _compare(views, desired)
    case = Case(
        desired=desired is not None,
        recorded=memory,
        seen=_seen(seen, bool(changes)),
        mark=views.mark,
        same_ref=views.same_ref,
        identity=views.kind.identity,
        immutable=bool(forced),
        protected=views.protected,
        several=views.choice.several,
        open_intents=views.open_intents,
    )
    return Finding(views, decide(case), changes, forced)


def _seen(seen: Observed, different: bool) -> Seen:
    if seen.presence is Presence.PRESENT:
        return Seen.DIFFERENT if different else Seen.EQUAL
    if seen.presence is Presence.ABSENT:
        return Seen.ABSENT
    return _DOUBTS[seen.doubt] if seen.doubt is not None else Seen.AMBIGUOUS


def _compare(views: Views, desired: Desired) -> tuple[Memory, tuple[FieldChange, ...], tuple[str, ...]]:
    recorded, seen, kind = views.recorded, views.seen, views.kind
    want = normalised(kind, views.resolved)
    sent = None if recorded is None else _recorded_form(views, recorded, want)
    memory = Memory.NONE if recorded is None else _memory(desired, recorded, views, want, sent or {})
    if seen.presence is not Presence.PRESENT:
        return memory, (), ()
    there = views.seen.props if seen.props == want else normalised(kind, seen.props)
    changes: list[FieldChange] = []
    forced: list[str] = []
    trusted = sent if views.same_ref else None
    for name in sorted(want, key=str):
        if recorded is None and kind.watched_only and _hidden(kind, name, want[name]):
            continue  # nobody sends anything to what is only watched, so what can't be read there isn't wrong
        leaves = list(_field(kind, name, want[name], there, trusted))
        if not leaves or name in views.steady:
            continue
        changes.extend(_change(views, name, leaf, there, sent) for leaf in leaves)
        if name in kind.immutable and not (trusted is None and _hidden(kind, name, want[name])):
            forced.append(name)
    return memory, tuple(changes), tuple(forced)


def _recorded_form(views: Views, recorded: Recorded, want: Props) -> Props:
    resolved = recorded.resolved if isinstance(recorded.resolved, Mapping) else {}
    return want if resolved is views.resolved or resolved == views.resolved else normalised(views.kind, resolved)


def _memory(desired: Desired, recorded: Recorded, views: Views, want: Props, sent: Props) -> Memory:
    """Whether the record already says what is desired. Only names, lines and words may differ."""
    if views.kind.identity is Identity.GATE:  # a person's doing: never on record
        return Memory.SAME
    same = (
        _same(want, sent)
        and recorded.protect == desired.protect
        and recorded.witness_of == desired.witness_of
        and frozenset(recorded.depends_on) == views.links
    )
    return Memory.SAME if same else Memory.OTHER


def _same(want: Props, sent: Props) -> bool:
    return want is sent or want == sent or not any(differences("", want, sent))


def _hidden(kind: Kind, name: str, want: Json) -> bool:
    return name in kind.write_only or (isinstance(want, dict) and "$secret" in want)


def _field(kind: Kind, name: str, want: Json, there: Props, sent: Props | None) -> list[Leaf]:
    """How one field differs from what is there; hidden ones from what was sent (nothing known: they all differ)."""
    source = (sent or {}) if _hidden(kind, name, want) else there
    return list(differences(name, want, source.get(name, MISSING), partial=name in kind.partial))


def _change(views: Views, name: str, leaf: Leaf, there: Props, sent: Props | None) -> FieldChange:
    kind, lines = views.kind, views.desired.field_where if views.desired is not None else {}
    ours = not (leaf.secret or name in kind.write_only or name in kind.foreseen)
    drift = ours and sent is not None and name in there and _moved(name, kind, there[name], sent, leaf.path)
    where: Where | None = lines.get(leaf.path) or lines.get(name)
    return FieldChange(leaf.path, leaf.before, leaf.after, secret=leaf.secret, where=where, drift=drift)


def _moved(name: str, kind: Kind, there: Json, sent: Props, path: str) -> bool:
    """True when the world left what was recorded at this very path (or above or below it)."""
    for leaf in differences(name, sent.get(name, MISSING), there, partial=name in kind.partial):
        if leaf.path == path or leaf.path.startswith((f"{path}.", f"{path}[")) or path.startswith(leaf.path):
            return True
    return False


def normalised(kind: Kind, props: Props) -> Props:
    """The kind's own spelling. Properties that the kind can't read (a damaged record) are compared as they stand."""
    try:
        return kind.normalise(props)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return props


def impact_of(kind: Kind, verb: str, changes: tuple[FieldChange, ...]) -> Impact:
    """The worst of what the verb and each changed field mean."""
    order = list(Impact)
    meant = [kind.impact.get(verb, Impact.NONE)]
    meant += [kind.impact.get(one.path.split(".", 1)[0].split("[", 1)[0], Impact.NONE) for one in changes]
    if kind.data and verb in ("delete", "replace"):
        meant.append(Impact.DATA_LOSS)
    return max(meant, key=order.index)
