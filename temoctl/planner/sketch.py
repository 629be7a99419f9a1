"""One tenant's drafts: every address looked at in the order of dependencies, so that references can be resolved.

Must not know how a step is worded or ordered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from temoctl.model.address import Address
from temoctl.model.diagnostic import Diagnostic
from temoctl.model.identity import Identity
from temoctl.model.kind import Kind
from temoctl.model.plan import Mode, RecordedTenant, View
from temoctl.model.resource import Desired, Observed, Presence, Recorded
from temoctl.model.step import Action
from temoctl.model.value import Json, Unknown
from temoctl.planner import trouble
from temoctl.planner.candidates import Choice, choose, known, mark_of, unlooked
from temoctl.planner.decide import Mark, Reason, Ruling, Twin, decide_twin
from temoctl.planner.drafts import Draft
from temoctl.planner.gather import Finding, Views, find
from temoctl.planner.order import by_dependency
from temoctl.planner.resolve import Outputs, references, resolve

_NONE: frozenset[Address] = frozenset()
_NOT_TO_BE_TRUSTED = frozenset({Reason.THEIRS, Reason.STRANGER, Reason.UNMARKED, Reason.SEVERAL})


@dataclass(slots=True)
class Sketch:
    """The arguments of one planning, and what is learnt of outputs on the way.

    `desired` is what this plan leads to (nothing when destroying, the record for drift); `spec` what the spec asks.
    """

    uid: str
    recorded: RecordedTenant
    view: View
    kinds: Mapping[str, Kind]
    mode: Mode
    desired: Mapping[Address, Desired]
    spec: Mapping[Address, Desired]
    outputs: Outputs

    def drafts(self) -> tuple[dict[Address, Draft], list[Diagnostic]]:
        """All addresses that concern this tenant, dependencies first, with what was decided."""
        links = {address: _links(one) for address, one in self.desired.items()}
        found = self._dangling(links)
        order, circle = by_dependency(links)
        if circle:
            return {}, [*found, trouble.circle(self.recorded.tenant, circle)]
        strays = self._strays()
        drafts: dict[Address, Draft] = {}
        for address in [*order, *self._leaving(strays)]:
            if address not in drafts:
                drafts[address] = self._draft(address, links.get(address, _NONE), strays.get(address, []))
        return drafts, found

    def _dangling(self, links: Mapping[Address, frozenset[Address]]) -> list[Diagnostic]:
        if self.mode is not Mode.APPLY:
            return []
        return [
            trouble.dangling(self.recorded.tenant, address, to)
            for address, all_links in sorted(links.items())
            for to in sorted(all_links)
            if to.tenant == address.tenant and to not in self.desired
        ]

    def _strays(self) -> dict[Address, list[Observed]]:
        strays: dict[Address, list[Observed]] = {}
        for one in self.view.strays:
            strays.setdefault(one.address, []).append(one)
        return strays

    def _leaving(self, strays: Iterable[Address]) -> list[Address]:
        """Addresses that nothing desires: recorded, seen, or marked. Drift leaves alone what only the spec knows."""
        everywhere = {*self.recorded.resources, *self.view.observed, *strays} - self.desired.keys()
        if self.mode is Mode.DRIFT:
            everywhere -= self.spec.keys() - self.recorded.resources.keys()
        return sorted(everywhere)

    def _draft(self, address: Address, links: frozenset[Address], strays: list[Observed]) -> Draft:
        views = self._views(address, links, strays)
        finding = find(views)
        ruling = finding.ruling
        if self.mode is Mode.DRIFT and ruling.reason is Reason.RECORD_BEHIND:
            ruling = Ruling(None, Reason.ALL_WELL)  # the world is right: what the record lacks is no drift
        self._learn(finding)
        asked = views.choice.several and views.desired is not None
        twins = () if asked or views.kind.watched_only else self._twins(views)
        held = self._held(address, views.recorded)
        return Draft(
            finding,
            ruling.action,
            ruling.reason,
            twins=twins,
            links=links if views.desired is not None else held,
            held=held,
        )

    def _held(self, address: Address, recorded: Recorded | None) -> frozenset[Address]:
        if recorded is not None:
            return frozenset(recorded.depends_on)
        return _links(self.spec[address]) if address in self.spec and address not in self.desired else _NONE

    def _views(self, address: Address, links: frozenset[Address], strays: list[Observed]) -> Views:
        desired, recorded = self.desired.get(address), self.recorded.resources.get(address)
        kind = self.kinds.get(address.kind_key)
        choice = self._choice(address, recorded, strays)
        if kind is None:
            kind = Kind(address.system, address.kind, address.tail, Identity.CHOSEN)
            choice = Choice(trouble.unknown_kind(address))
        props = _plain(desired.props) if desired is not None else {}
        resolved = resolve(props, self.outputs.value) if links else props
        return Views(
            address,
            kind,
            desired,
            recorded,
            choice,
            mark_of(address, choice.main, self.uid, kind),
            resolved=resolved,
            links=links,
            steady=self._steady(kind, props, resolved) if resolved is not props else frozenset(),
            open_intents=bool(self.recorded.open_intents),
        )

    def _choice(self, address: Address, recorded: Recorded | None, strays: list[Observed]) -> Choice:
        seen = self.view.observed.get(address)
        if seen is None:
            if recorded is not None or address in self.desired or not strays:
                return Choice(unlooked(address), tuple(strays))
            return Choice(strays[0], tuple(strays[1:]))
        choice = choose(seen, recorded, self.recorded.known_intents)
        return Choice(choice.main, (*choice.twins, *strays), choice.several) if strays else choice

    def _steady(self, kind: Kind, props: dict[str, Json], resolved: Json) -> frozenset[str]:
        """Immutable fields that wait for something which is merely made again: no reason to make this anew too."""
        return frozenset(
            name
            for name in kind.immutable & props.keys()
            if _has_unknown(resolved[name]) and not references(props[name]) & self.outputs.replaced
        )

    def _learn(self, finding: Finding) -> None:
        """Keep what others may refer to."""
        views, action = finding.views, finding.ruling.action
        seen, recorded = views.seen, views.recorded
        if action in (Action.CREATE, Action.REPLACE):
            self.outputs.remade.add(views.address)
            if action is Action.REPLACE:
                self.outputs.replaced.add(views.address)
            return
        outputs = dict(recorded.outputs) if recorded is not None else {}
        if seen.presence is Presence.PRESENT and finding.ruling.reason not in _NOT_TO_BE_TRUSTED:
            outputs = {**outputs, **seen.outputs} if views.same_ref else dict(seen.outputs)
        self.outputs.current[views.address] = outputs

    def _twins(self, views: Views) -> tuple[tuple[Observed, Ruling], ...]:
        ruled: dict[str | None, tuple[Observed, Ruling]] = {}
        for seen in views.choice.twins:
            if seen.presence is not Presence.PRESENT or seen.ref == views.seen.ref:
                continue
            twin = Twin(
                mark=mark_of(views.address, seen, self.uid, views.kind) if seen.marker else Mark.NONE,
                recorded=views.recorded is not None and views.recorded.ref == seen.ref,
                active=seen.active is True,
                referenced=seen.referenced,
                known_intent=known(self.recorded, seen),
                desired=views.desired is not None,
            )
            ruled.setdefault(seen.ref, (seen, decide_twin(twin)))
        return tuple(ruled[ref] for ref in sorted(ruled, key=str))


def _links(desired: Desired) -> frozenset[Address]:
    return references(_plain(desired.props)) | frozenset(desired.after)


def _plain(props: object) -> dict[str, Json]:
    """Property trees are dicts; any other mapping is read as one, and a damaged one as nothing."""
    if isinstance(props, dict):
        return props
    return dict(props) if isinstance(props, Mapping) else {}


def _has_unknown(node: Json) -> bool:
    if isinstance(node, Unknown):
        return True
    if isinstance(node, dict):
        return any(_has_unknown(one) for one in node.values())
    return isinstance(node, list | tuple) and any(_has_unknown(one) for one in node)
