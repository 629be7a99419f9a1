"""The words and signs for actions, used by every screen: one meaning each, so that nothing depends on colour."""

from __future__ import annotations

from temoctl.model.kind import Impact
from temoctl.model.plan import TenantPlan
from temoctl.model.step import Action, FieldChange, Step
from temoctl.model.value import Json, canonical
from temoctl.render.text import count

SIGN = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-+",
    Action.DELETE: "-",
    Action.ADOPT: "=",
    Action.FORGET: "x",
    Action.WAIT: "..",
    Action.ASK: "?",
}
WORD = {
    Action.CREATE: "create",
    Action.UPDATE: "change",
    Action.REPLACE: "replace",
    Action.DELETE: "delete",
    Action.ADOPT: "adopt",
    Action.FORGET: "forget",
    Action.WAIT: "wait",
    Action.ASK: "ask",
}
DOING = {
    Action.CREATE: "creating",
    Action.UPDATE: "changing",
    Action.REPLACE: "replacing",
    Action.DELETE: "deleting",
    Action.ADOPT: "adopting",
    Action.FORGET: "forgetting",
    Action.WAIT: "waiting for",
    Action.ASK: "asking about",
}
STYLE = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.REPLACE: "bold magenta",
    Action.DELETE: "bold red",
    Action.ADOPT: "cyan",
    Action.FORGET: "dim",
    Action.WAIT: "dim",
    Action.ASK: "bold cyan",
}
IMPACT = {
    Impact.PAUSE: "answers pause for a moment",
    Impact.CUSTOMERS: "customers will see it",
    Impact.MONEY: "it changes what is charged",
    Impact.DATA_LOSS: "data is lost",
}


def command_for(tenants: list[str], everyone: bool) -> str:
    """The part of a command line that names the tenants."""
    return "--all" if everyone or len(tenants) > 8 else " ".join(tenants)


def noun(step: Step) -> str:
    """What a step is about, in business words, on one line: `Telegram bot @acme_bot`."""
    return f"{step.label} {step.detail}".strip() or step.address.tail


def change_line(change: FieldChange) -> str:
    """`name: "Old" -> "New"`."""
    return f"{change.path}: {value(change.before)} -> {value(change.after)}"


def drift_line(change: FieldChange) -> str:
    """`name: we left "Ours", now "Theirs"`: told apart from a change that a plan would make."""
    return f"{change.path}: we left {value(change.after)}, now {value(change.before)}"


def value(node: Json) -> str:
    """One value, short enough for a line."""
    if node is None:
        return "(nothing)"
    if isinstance(node, str) and node.startswith("version ") and node[8:].isdigit():
        return node
    if isinstance(node, list | dict) and not node:
        return "(empty)"
    text = canonical(node) if isinstance(node, str | int | float | bool | list | dict) else str(node)
    return text if len(text) <= 60 else f"{text[:44]}… ({len(text)} characters)"


def totals(tenants: list[TenantPlan]) -> str:
    """`3 changes, 1 deletion of data, 1 step needs you`."""
    steps = [step for one in tenants for step in one.steps]
    changes = sum(len(one.changes) for one in tenants)
    parts = [count(changes, "change")] if changes else []
    if lost := sum(1 for step in steps if step.impact is Impact.DATA_LOSS or step.allowance):
        parts.append(count(lost, "deletion of data", "deletions of data"))
    if asked := sum(1 for step in steps if step.action is Action.ASK):
        parts.append(count(asked, "step needs you", "steps need you"))
    if waiting := sum(1 for step in steps if step.action is Action.WAIT):
        parts.append(count(waiting, "wait"))
    return ", ".join(parts) or "no changes"
