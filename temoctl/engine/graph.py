"""The order of a plan's steps, over `graphlib`. Must not know what a step does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from temoctl.model.address import Address
from temoctl.model.errors import Bug
from temoctl.model.resource import Recorded
from temoctl.model.step import Action, Step


def with_recovered_needs(steps: Sequence[Step], records: Mapping[Address, Recorded]) -> list[Step]:
    """The steps, with deletions waiting for those of what hangs on their object.

    The plan knows that of everything on record. What recovery only just put there was a stray to it: n8n, for one,
    would lose the login with which it takes a bot's webhook back.
    """
    deleted = {step.address: step.id for step in steps if step.action is Action.DELETE and step.id == str(step.address)}
    hanging: dict[Address, set[str]] = {}
    for address, name in deleted.items():
        for needed in records[address].depends_on if address in records else ():
            hanging.setdefault(needed, set()).add(name)
    return [
        replace(step, needs=tuple(sorted({*step.needs, *hanging[step.address]})))
        if step.address in hanging and step.id == deleted.get(step.address)
        else step
        for step in steps
    ]


class Order:
    """Hands out steps whose needs are over, and remembers why a branch died."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = {step.id: step for step in steps}
        self._dead: dict[str, str] = {}  # step id -> label of the step that stopped it
        self._sorter: TopologicalSorter[str] = TopologicalSorter()
        for step in steps:
            unknown = [need for need in step.needs if need not in self._steps]
            if unknown:
                raise Bug("TEMO951", f"step {step.id} needs {unknown[0]}, which the plan doesn't have")
            self._sorter.add(step.id, *step.needs)
        try:
            self._sorter.prepare()
        except CycleError as error:
            raise Bug("TEMO951", f"the plan's steps need each other: {' -> '.join(error.args[1])}") from None

    @property
    def open(self) -> bool:
        return self._sorter.is_active()

    def ready(self) -> Iterable[Step]:
        """Steps that may start now, each once."""
        return [self._steps[name] for name in self._sorter.get_ready()]

    def blocked_by(self, step: Step) -> str | None:
        """The label of the failed step this one hangs on, or None when it may run."""
        return next((self._dead[need] for need in step.needs if need in self._dead), None)

    def over(self, step: Step, *, ok: bool, because: str = "") -> None:
        """The step ended. When not `ok`, everything that needs it is dead, because of `because` or itself."""
        if not ok:
            self._dead[step.id] = because or step.label
        self._sorter.done(step.id)
