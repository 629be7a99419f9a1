"""Field by field: what differs between what is desired and what is there. Must not know why, or what to do about it.

Lists of objects that have a name are matched by it, so that a path reads
`nodes[Telegram Trigger].parameters.updates[0]`. Secrets are compared by path and version and shown as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from temoctl.model.value import Json, Unknown
from temoctl.planner.resolve import Doubtful

_NAMES = ("name", "id", "command", "key")
_LONGEST = 400

MISSING: Any = type("Missing", (), {"__repr__": lambda _: "(missing)", "__slots__": ()})()
"""No value at all, where None would be one."""


class Leaf:
    """One difference: readable path, what is there, what is wanted; `secret` when the wanted value is a secret's."""

    __slots__ = ("after", "before", "path", "secret")

    def __init__(self, path: str, before: Json, after: Json, secret: bool = False) -> None:
        self.path, self.before, self.after, self.secret = path, before, after, secret


def differences(path: str, want: Json, have: Json, *, partial: bool = False) -> Iterator[Leaf]:
    """Everything in which `have` differs from `want`. `partial`: only the keys of `want` are meant."""
    if _is_secret(want) or _is_secret(have):
        yield from _secret(path, want, have)
    elif isinstance(want, Doubtful) or (type(want) is type(have) and want == have):
        return
    elif isinstance(want, Mapping) and isinstance(have, Mapping):
        yield from _mappings(path, want, have, partial)
    elif isinstance(want, list | tuple) and isinstance(have, list | tuple):
        yield from _lists(path, want, have)
    elif isinstance(want, bool) is isinstance(have, bool) and want == have:
        return
    else:
        yield Leaf(path, show(have), show(want))


def _is_secret(node: Json) -> bool:
    return isinstance(node, dict) and "$secret" in node


def _secret(path: str, want: Json, have: Json) -> Iterator[Leaf]:
    if _is_secret(want) and _is_secret(have) and _identity(want) == _identity(have):
        return
    same_place = _is_secret(want) and _is_secret(have) and want["$secret"] == have["$secret"]
    before = _version(have, short=same_place)
    after = _version(want, short=same_place)
    yield Leaf(path, before, after, secret=True)


def _identity(node: Mapping[str, Any]) -> tuple[Any, Any]:
    return node["$secret"], node.get("version")


def _version(node: Json, *, short: bool) -> Json:
    if not _is_secret(node):
        return None if node is MISSING or node is None else "(a text)"
    version = f"version {node.get('version')}"
    return version if short else f"{node['$secret']} {version}"


def _mappings(path: str, want: Mapping[str, Any], have: Mapping[str, Any], partial: bool) -> Iterator[Leaf]:
    keys = set(want) if partial else set(want) | set(have)
    for key in sorted(keys, key=str):
        name = f"{path}.{key}" if path else str(key)
        yield from differences(name, want.get(key, MISSING), have.get(key, MISSING))


def _lists(path: str, want: Sequence[Any], have: Sequence[Any]) -> Iterator[Leaf]:
    key = _common_name(want, have)
    if key is None:
        for index in range(max(len(want), len(have))):
            a = want[index] if index < len(want) else MISSING
            b = have[index] if index < len(have) else MISSING
            yield from differences(f"{path}[{index}]", a, b)
        return
    theirs = {one[key]: one for one in have}
    ours = {one[key]: one for one in want}
    changed = False
    for name in [*ours, *(name for name in theirs if name not in ours)]:
        for leaf in differences(f"{path}[{name}]", ours.get(name, MISSING), theirs.get(name, MISSING)):
            changed = True
            yield leaf
    if not changed and list(ours) != list(theirs):
        yield Leaf(f"{path} (order)", list(theirs), list(ours))


def _common_name(want: Sequence[Any], have: Sequence[Any]) -> str | None:
    """The key by which all objects of both lists can be told apart, if there is one."""
    everyone = [*want, *have]
    if not everyone or not all(isinstance(one, Mapping) for one in everyone):
        return None
    for key in _NAMES:
        if all(isinstance(one.get(key), str) for one in everyone):
            unique = all(len({one[key] for one in part}) == len(part) for part in (want, have))
            if unique:
                return key
    return None


def show(value: Json) -> Json:
    """A value fit to be shown and written to a plan: JSON only, no secret, no endless text."""
    if value is MISSING:
        return None
    if isinstance(value, Unknown | Doubtful):
        return repr(value)
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}… ({len(value)} characters)"
    if _is_secret(value):
        return _version(value, short=False)
    if isinstance(value, Mapping):
        return {str(key): show(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [show(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float) else repr(value)
