"""Which step needs which, and the order that follows. Must not know why a step is there.

Making follows the references: what is referred to comes first. Taking away follows the recorded references backwards:
what refers to a thing lets go of it (is changed, or deleted) before the thing goes. A replace is two steps, in the
order its kind declares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from temoctl.model.address import Address
from temoctl.model.kind import ReplaceOrder
from temoctl.model.step import Action
from temoctl.planner.drafts import DELETE, TWIN, Draft

Graph = dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class Order:
    """`needs` by step id, `sequence` an order that respects them, `cycle` the ids of a circle that allows none.

    Where what is recorded contradicts what is desired (two things that depended the one way now depend the other way),
    the desired order holds. `broken` are circles among recorded dependencies alone; they were cut open.
    """

    needs: Mapping[str, frozenset[str]]
    sequence: tuple[str, ...]
    cycle: tuple[str, ...] = ()
    broken: tuple[tuple[str, ...], ...] = ()


def by_dependency(links: Mapping[Address, frozenset[Address]]) -> tuple[list[Address], tuple[str, ...]]:
    """Addresses so that what is referred to comes first, and the circle that prevents it, if there is one."""
    graph = {one: sorted(to & links.keys()) for one, to in sorted(links.items())}
    try:
        return list(TopologicalSorter(graph).static_order()), ()
    except CycleError as error:
        return [], _in_order_of_need([str(one) for one in error.args[1]])


def arrange(drafts: Mapping[Address, Draft]) -> Order:
    """The needs of all steps of one tenant."""
    firm: Graph = {}
    soft: Graph = {}
    users = _users(drafts)
    for draft in drafts.values():
        for step in ids_of(draft):
            firm.setdefault(step, set())
            soft.setdefault(step, set())
        if draft.action is not None and draft.desired:
            _making(draft, drafts, firm)
        if draft.action is Action.REPLACE:
            _replacing(draft, users.get(draft.address, ()), firm, soft)
        if not draft.desired:
            for user in users.get(draft.address, ()):
                for step in ids_of(draft):
                    soft[step].update(ids_of(user))
    _leaving_first(drafts, soft)
    return _sequence(firm, soft)


def ids_of(draft: Draft) -> list[str]:
    """The ids of all steps that a draft becomes."""
    own = str(draft.address)
    ids = [] if draft.action is None else [own]
    if draft.action is Action.REPLACE:
        ids.append(own + DELETE)
    return ids + [f"{own}{TWIN}{seen.ref}" for seen, ruling in draft.twins if ruling.action is not None]


def _users(drafts: Mapping[Address, Draft]) -> dict[Address, list[Draft]]:
    """Who depends on an address, by what is desired or by what is recorded."""
    users: dict[Address, list[Draft]] = {}
    for draft in drafts.values():
        for address in sorted(draft.links | draft.held):
            if address != draft.address:
                users.setdefault(address, []).append(draft)
    return users


def _making(draft: Draft, drafts: Mapping[Address, Draft], firm: Graph) -> None:
    desired = draft.finding.views.desired
    to = draft.links if desired is None or desired.witness_of is None else draft.links | {desired.witness_of}
    for address in to:
        other = drafts.get(address)
        if other is not None and other is not draft and other.action is not None and other.desired:
            firm[str(draft.address)].add(str(address))


def _leaving_first(drafts: Mapping[Address, Draft], soft: Graph) -> None:
    """A smaller plan counts from when there is no more than it allows."""
    leaving = {step for one in drafts.values() if not one.desired for step in ids_of(one)}
    for draft in drafts.values():
        desired = draft.finding.views.desired
        if desired is not None and desired.after_leaving and draft.action in (Action.UPDATE, Action.REPLACE):
            soft[str(draft.address)] |= leaving


def _replacing(draft: Draft, users: Iterable[Draft], firm: Graph, soft: Graph) -> None:
    new, old = str(draft.address), str(draft.address) + DELETE
    if draft.finding.views.kind.replace is ReplaceOrder.CREATE_FIRST:
        firm[old].add(new)
        for user in users:
            soft[old].update(ids_of(user))
        return
    firm[new].add(old)
    for user in users:
        if not user.desired:
            soft[old].update(ids_of(user))
        elif user.action is Action.REPLACE and user.finding.views.kind.replace is ReplaceOrder.DELETE_FIRST:
            soft[old].add(str(user.address) + DELETE)


def _sequence(firm: Graph, soft: Graph) -> Order:
    broken: list[tuple[str, ...]] = []
    while True:
        needs = {step: (firm[step] | soft[step]) & firm.keys() for step in firm}
        try:
            sequence = _sorted(needs)
        except CycleError as error:
            circle = [str(one) for one in error.args[1]]
            edges = list(pairwise(circle))
            loose = [(to, step) for to, step in edges if to not in firm[step]]
            if not loose:
                return Order({}, (), cycle=_in_order_of_need(circle), broken=tuple(broken))
            for to, step in loose:
                soft[step].discard(to)
            if len(loose) == len(edges):
                broken.append(_in_order_of_need(circle))
        else:
            return Order({step: frozenset(to) for step, to in needs.items()}, sequence, broken=tuple(broken))


def _in_order_of_need(circle: list[str]) -> tuple[str, ...]:
    """graphlib names a circle by predecessors; read backwards each needs the next. Starts at the smallest name."""
    ring = circle[:0:-1]
    start = ring.index(min(ring))
    ring = ring[start:] + ring[:start]
    return (*ring, ring[0])


def _sorted(needs: Mapping[str, set[str]]) -> tuple[str, ...]:
    sorter = TopologicalSorter({step: sorted(needs[step]) for step in sorted(needs)})
    sorter.prepare()
    sequence: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        sequence.extend(ready)
        sorter.done(*ready)
    return tuple(sequence)
