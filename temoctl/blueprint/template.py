"""Templates: plain n8n JSON with `[[ placeholders ]]`, rendered leaf by leaf, so that it always stays valid JSON.

A leaf that is exactly one placeholder becomes the value itself (any JSON, a reference too); elsewhere the value's text
is put in. Words that people wrote can't become code (see `text`). Every error names the template and the place in it.
Must not know any node, or what the values mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temoctl.blueprint.text import FreeText, Misplaced, Quoted, as_identifier, as_json, as_literal, harmless, inert
from temoctl.model.diagnostic import Where
from temoctl.model.errors import Bug, TemoError, UserError
from temoctl.model.value import Json

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

_OPEN, _CLOSE = "[[", "]]"
_DELIMITERS = (_OPEN, "[%", "[##")
_WHOLE = re.compile(r"\s*\[\[((?:(?!\]\]|\[\[).)*)\]\]\s*", re.DOTALL)
_CODE_KEYS = frozenset({"jsCode", "pythonCode", "functionCode", "query", "jsonBody", "jsonOutput"})

Values = Mapping[str, Any]


def load(path: Path) -> Json:
    """The parsed template. Raises UserError (TEMO451) when it can't be read."""
    try:
        stat = path.stat()
        return _load(path, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        why = error.strerror or type(error).__name__
    except ValueError as error:
        why = f"it isn't JSON: {error}"
    raise unusable(path, why)


def unusable(path: Path, why: str) -> UserError:
    """A template (or the binding beside it) that is no template."""
    fix = "take the one that ships with temoctl, or export it from the n8n editor again"
    return UserError("TEMO451", f"the template {path.name} can't be used", detail=why, fix=fix, where=Where(str(path)))


@lru_cache(maxsize=64)
def _load(path: Path, mtime: int, size: int) -> Json:
    return json.loads(path.read_text(encoding="utf-8"))


def render(path: Path, values: Values, tree: Json = None) -> Json:
    """The template with its placeholders replaced. Parts without placeholders are shared between renderings.

    `tree` is what of the loaded template is wanted, where that isn't all of it.
    """
    whole = load(path) if tree is None else tree
    return _node(whole, values, _Place(path.name, str(path), ""))


class LeftOver(ValueError):
    """A placeholder that rendering leaves as it stands."""


class _Place:
    """Where in which template we are; `code` when n8n evaluates what stands here."""

    __slots__ = ("code", "file", "name", "path")

    def __init__(self, name: str, file: str, path: str, code: bool = False) -> None:
        self.name, self.file, self.path, self.code = name, file, path, code

    def at(self, part: str, *, code: bool = False) -> _Place:
        return _Place(self.name, self.file, self.path + part, code)

    def wrong(self, code: str, why: str) -> TemoError:
        kind = Bug if code == "TEMO455" else UserError
        return kind(
            code,
            f"the template {self.name} can't be filled in",
            detail=f"at {self.path or '$'}: {why}",
            fix="mend the template; templates/n8n/README.md lists what it may name",
            where=Where(self.file),
        )


def _node(node: Json, values: Values, place: _Place) -> Json:
    if isinstance(node, str):
        return _text(node, values, place) if _marked(node) else node
    if isinstance(node, dict):
        return _mapping(node, values, place)
    if isinstance(node, list):
        fresh = [_node(one, values, place.at(_index(index, one))) for index, one in enumerate(node)]
        return node if all(a is b for a, b in zip(fresh, node, strict=True)) else fresh
    return node


def _mapping(node: dict[str, Json], values: Values, place: _Place) -> dict[str, Json]:
    changed: dict[str, Json] | None = None
    for key, one in node.items():
        if _marked(key):
            raise place.at(f".{key}").wrong("TEMO455", "a placeholder can't stand in a key")
        if not isinstance(one, str | dict | list):
            continue
        fresh = _node(one, values, place.at(f".{key}", code=key in _CODE_KEYS))
        if fresh is not one:
            changed = dict(node) if changed is None else changed
            changed[key] = fresh
    return node if changed is None else changed


def _index(index: int, one: Json) -> str:
    return f"[{one['name']}]" if isinstance(one, dict) and isinstance(one.get("name"), str) else f"[{index}]"


def _marked(text: str) -> bool:
    return "[" in text and any(one in text for one in _DELIMITERS)


def _text(text: str, values: Values, place: _Place) -> Json:
    from jinja2 import TemplateError

    try:
        whole = _WHOLE.fullmatch(text)
        if whole is not None:
            return _value(whole.group(1), values, place)
        evaluated = place.code or text.startswith("=")
        filled = _compiled(text, evaluated)(dict(values))
    except TemplateError as error:
        raise place.wrong("TEMO452", error.message or type(error).__name__) from None
    except LeftOver as error:
        raise place.wrong("TEMO455", str(error)) from None
    except ValueError as error:
        raise place.wrong("TEMO452", str(error)) from None
    if not evaluated and filled.startswith("="):
        return inert(FreeText(filled))
    return filled


def _value(expression: str, values: Values, place: _Place) -> Json:
    from jinja2 import Undefined

    found = _expression(expression.strip())(dict(values))
    if isinstance(found, Undefined):
        raise place.wrong("TEMO452", f"nothing is called {expression.strip()!r}")
    if place.code and isinstance(found, FreeText):
        raise place.wrong("TEMO452", f"{expression.strip()!r} is people's words: write it with | json or | literal")
    return str(found) if isinstance(found, Quoted) else inert(found)


@lru_cache(maxsize=1024)
def _compiled(text: str, evaluated: bool) -> Callable[[dict[str, Any]], str]:
    from jinja2 import nodes

    environment = _environment(evaluated)
    for literal in environment.parse(text).find_all(nodes.TemplateData):
        if _marked(literal.data):
            raise LeftOver("a placeholder would reach n8n as it stands")
    return environment.from_string(text).render


@lru_cache(maxsize=1024)
def _expression(text: str) -> Callable[[dict[str, Any]], Any]:
    return _environment(evaluated=True).compile_expression(text, undefined_to_none=False)


@lru_cache(maxsize=2)
def _environment(evaluated: bool) -> ImmutableSandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        variable_start_string=_OPEN,
        variable_end_string=_CLOSE,
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[##",
        comment_end_string="##]",
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
        finalize=_in_code if evaluated else _in_text,
    )
    environment.filters.update(json=as_json, literal=as_literal, ident=as_identifier)
    return environment


def _in_text(value: Any) -> str:
    if isinstance(value, dict | list | tuple):
        raise Misplaced("a reference or a list can only stand alone in its place, not inside a text")
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _in_code(value: Any) -> str:
    text = _in_text(value)
    if isinstance(value, FreeText) or (isinstance(value, str) and not isinstance(value, Quoted) and not harmless(text)):
        raise Misplaced("words stand where n8n evaluates: write them with | json, | literal or | ident")
    return text
