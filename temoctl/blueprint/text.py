"""How values get into a template's text without becoming code: n8n expressions, JavaScript, SQL.

n8n evaluates every string that starts with "=" and everything in double braces inside it; its PostgreSQL node puts
parameters in for `$1`. A tenant's words must never be read as any of that.
"""

from __future__ import annotations

import json
import re

from temoctl.model.value import Json

_JSON_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_HARMLESS = re.compile(r"(?!.*--)[A-Za-z0-9_.:/@?&=%+~-]*")
_TAKEN_APART = re.compile(r"(?<=\$)|(?<=\{)(?=\{)|(?<=\})(?=\})")
"""Between the two characters that would mean something together: `$1`, `{{`, `}}`."""


class FreeText(str):
    """Words that people wrote: may stand as they are only where nothing is evaluated."""

    __slots__ = ()


class Quoted(str):
    """Text made safe by one of the filters below."""

    __slots__ = ()


class Misplaced(ValueError):
    """A value that may not stand where a template puts it."""


def harmless(text: str) -> bool:
    """True for ids, names and addresses that mean nothing in an expression, in JavaScript or in SQL."""
    return _HARMLESS.fullmatch(text) is not None


def as_json(value: Json) -> Quoted:
    """A JavaScript literal: for expressions and code nodes. Holds no double braces, not even inside texts."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    parts: list[str] = []
    end = 0
    for found in _JSON_TEXT.finditer(text):
        parts.append(_apart(text[end : found.start()]))
        inside = found.group().replace("{", "\\u007b").replace("}", "\\u007d")
        # <, U+2028 and U+2029 end a script or a line in some readers of JavaScript.
        parts.append(inside.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
        end = found.end()
    return Quoted("".join([*parts, _apart(text[end:])]).strip())


def _apart(text: str) -> str:
    return text.replace("}", "} ").replace("{", " {")


def as_literal(value: object) -> Quoted:
    """An SQL text that n8n takes neither for an expression nor for a parameter: `'Caf' || '$' || '1'`."""
    pieces = _TAKEN_APART.split(str(value).replace("\0", ""))
    return Quoted("||".join(_quoted(piece) for piece in pieces if piece) or "''")


def _quoted(piece: str) -> str:
    doubled = piece.replace("'", "''")
    # In E'' a backslash means the same whatever the server's setting is.
    return f"'{doubled}'" if "\\" not in piece else "E'" + doubled.replace("\\", "\\\\") + "'"


def as_identifier(value: object) -> Quoted:
    """A quoted SQL identifier."""
    text = str(value)
    if not re.fullmatch(r"[a-z0-9_]{1,63}", text):
        raise ValueError(f"not a name that temoctl gives in a database: {text!r}")
    return Quoted(f'"{text}"')


def inert(value: Json) -> Json:
    """A value that stands whole in a node's parameter: a text that n8n would evaluate becomes one that yields it."""
    if isinstance(value, FreeText):
        return f"={{{{ {as_json(str(value))} }}}}" if value.startswith("=") else str(value)
    if isinstance(value, dict):
        return {key: inert(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [inert(one) for one in value]
    return value
