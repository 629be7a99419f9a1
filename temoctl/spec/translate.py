"""pydantic's errors in our own words, with the place in the file. pydantic's wording never reaches a person.

Must not know what any field means: that is said by the models, and by `fields.wrong` where they check by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from temoctl.model.diagnostic import Diagnostic, Where
from temoctl.spec.channels import KINDS
from temoctl.spec.confusables import plain_ascii
from temoctl.spec.positions import Path, as_path, readable
from temoctl.spec.shape import allowed_at, keys_at
from temoctl.spec.suggest import closest
from temoctl.spec.tokens import shown
from temoctl.spec.yaml_reader import Document

Loc = Sequence[str | int]
Model = TypeVar("Model", bound=BaseModel)
MOST = 100
"""How many problems of one file are told: a thousand say no more than a hundred."""

_SECRET_CODES = ("TEMO238", "TEMO239")


def validated(
    model: type[Model], data: Any, document: Document, prefix: Path = ()
) -> tuple[Model | None, list[Diagnostic]]:
    """Data as a model, or everything that is wrong with it. `prefix` is where `data` stands in the document."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
    bad_keys = {one["loc"][:-1] for one in details if one["loc"][-1:] == ("[key]",)}
    told = [one for one in details if not (one["loc"] in bad_keys and one["type"] == "union_tag_invalid")]
    problems = [_translate(one, model, document, prefix) for one in told[:MOST]]
    if len(told) > MOST:
        where = Where(document.source.file)
        problems.append(Diagnostic("TEMO261", f"{len(told) - MOST} more problems in this file", where))
    return None, document.source.with_snippets(problems)


def custom(problem: PydanticCustomError, loc: Loc, document: Document) -> Diagnostic:
    """A problem that a check across fields found."""
    return document.source.with_snippets([_own(problem.type, problem.context or {}, as_path(loc), document)])[0]


def _translate(error: ErrorDetails, model: type[BaseModel], document: Document, prefix: Path) -> Diagnostic:
    kind, context = error["type"], error.get("ctx") or {}
    is_key = bool(error["loc"]) and error["loc"][-1] == "[key]"
    loc = error["loc"][:-1] if is_key else error["loc"]
    path = prefix + as_path(_without_tag(loc) if not prefix else loc)
    if kind.startswith("TEMO"):
        return _own(kind, context, path, document, is_key=is_key)
    if kind == "missing":
        return _missing(path, document)
    if kind == "extra_forbidden":
        return _unknown_key(path, keys_at(model, loc[:-1]), document)
    if kind == "union_tag_invalid":
        return _unknown_channel(path, document)
    where = document.positions.key(path) if is_key else document.positions.value(path)
    if kind == "literal_error":
        return _not_allowed(path, error["input"], allowed_at(model, loc), where)
    if kind in _SIZES:
        return _SIZES[kind](path, context, where)
    wanted = _WANTED.get(kind)
    if wanted:
        return _wrong_type(path, wanted, error["input"], where, document)
    if kind == "value_error":  # a system's own settings: its words are ours
        return Diagnostic("TEMO236", f"`{_name(path)}` {shown(context.get('error', ''), 200)}", where)
    return Diagnostic("TEMO236", f"`{_name(path)}` can't have this value", where)


def _without_tag(loc: Loc) -> Loc:
    """`channels.telegram.telegram.token` -> `channels.telegram.token`: pydantic puts the kind after the name."""
    if len(loc) > 2 and loc[0] == "channels" and loc[2] in KINDS:
        return (*loc[:2], *loc[3:])
    return loc


def _name(path: Path) -> str:
    return shown(readable(path), 80) or "the file"


def _own(kind: str, told: Mapping[str, Any], path: Path, document: Document, *, is_key: bool = False) -> Diagnostic:
    where = document.positions.key(path) if is_key else document.positions.value(path)
    if kind in _SECRET_CODES:
        document.source.hidden.append(where)
    return Diagnostic(
        kind,
        f"{_name(path)}: {told['summary']}",
        where,
        span=told["span"],
        fix=told["fix"],
        suggestion=told["suggestion"],
        allowed=told["allowed"],
    )


def _missing(path: Path, document: Document) -> Diagnostic:
    if path in document.positions.keys:
        where = document.positions.key(path)
        return Diagnostic("TEMO202", f"`{_name(path)}` has no value", where, span="nothing after the colon")
    where = document.positions.key(path[:-1])
    return Diagnostic("TEMO202", f"`{_name(path)}` is missing", where, fix=f"Add a line `{path[-1]}: …`.")


def _unknown_key(path: Path, allowed: Sequence[str], document: Document) -> Diagnostic:
    where = document.positions.key(path)
    latin = plain_ascii(path[-1])
    if latin != path[-1] and latin in allowed:
        summary = f"the key `{shown(path[-1])}` has letters that only look like a-z"
        return Diagnostic(
            "TEMO227", summary, where, span="letters of another alphabet", suggestion=latin, fix="Type it again."
        )
    inside = f" in `{_name(path[:-1])}`" if path[:-1] else ""
    return Diagnostic(
        "TEMO201",
        f"unknown key `{shown(path[-1])}`{inside}",
        where,
        span="not a key",
        suggestion=closest(path[-1], allowed),
        allowed=tuple(allowed),
    )


def _unknown_channel(path: Path, document: Document) -> Diagnostic:
    named = (*path, "kind")
    given = document.value or {}
    settings = given.get("channels", {}).get(path[-1])
    has_kind = isinstance(settings, dict) and settings.get("kind") is not None
    word = str(settings["kind"]) if has_kind and settings else path[-1]
    where = document.positions.value(named) if has_kind else document.positions.key(path)
    return Diagnostic(
        "TEMO203",
        "unknown channel",
        where,
        span="not a channel",
        suggestion=closest(word, KINDS),
        allowed=KINDS,
        fix="" if has_kind else "A channel with a name of its own needs `kind: …` to say what it is.",
    )


def _not_allowed(path: Path, given: Any, allowed: Sequence[str], where: Where) -> Diagnostic:
    readable_values = tuple("tab" if value == "\t" else value for value in allowed)
    return Diagnostic(
        "TEMO225",
        f"`{_name(path)}` can't be `{shown(given)}`",
        where,
        suggestion=closest(str(given), [value for value in readable_values if len(value) > 1]),
        allowed=tuple(dict.fromkeys(readable_values)),
    )


def _wrong_type(path: Path, wanted: str, given: Any, where: Where, document: Document) -> Diagnostic:
    written = document.written.get(path, "")
    if wanted == _TEXT and written:
        return Diagnostic(
            "TEMO222",
            f"`{_name(path)}` is a text, but YAML reads this as {_described(given)}",
            where,
            suggestion=f'"{written}"',
            fix="Put it in quotes.",
        )
    if wanted == _TEXT and isinstance(given, dict) and all(value is None for value in given.values()):
        fix = "Put the whole text in quotes."
        return Diagnostic("TEMO207", "a text with braces needs quotes", where, fix=fix, span="read as structure")
    return Diagnostic("TEMO220", f"`{_name(path)}` must be {wanted}, not {_described(given)}", where)


def _described(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, dict):
        return "a group of settings"
    return "a list" if isinstance(value, list) else "a text"


_TEXT = "a text"
_WANTED = {
    **dict.fromkeys(("string_type",), _TEXT),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number", "decimal_type", "decimal_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type", "mapping_type"), "a group of settings"),
    **dict.fromkeys(("tuple_type", "list_type", "iterable_type"), "a list"),
}


def _at_least(path: Path, context: Mapping[str, Any], where: Where) -> Diagnostic:
    least = context.get("ge", context.get("gt"))
    return Diagnostic("TEMO224", f"`{_name(path)}` must be {least} or more", where, span="too small")


def _at_most(path: Path, context: Mapping[str, Any], where: Where) -> Diagnostic:
    most = context.get("le", context.get("lt"))
    return Diagnostic("TEMO224", f"`{_name(path)}` must be {most} or less", where, span="too large")


def _too_long(path: Path, context: Mapping[str, Any], where: Where) -> Diagnostic:
    most = context["max_length"]
    return Diagnostic("TEMO223", f"`{_name(path)}` may have at most {most} characters", where, span="too long")


def _too_short(path: Path, context: Mapping[str, Any], where: Where) -> Diagnostic:
    return Diagnostic("TEMO223", f"`{_name(path)}` is empty", where, span="a text belongs here")


def _too_many(path: Path, context: Mapping[str, Any], where: Where) -> Diagnostic:
    most, given = context["max_length"], context.get("actual_length") or "more"
    return Diagnostic("TEMO223", f"`{_name(path)}` may have at most {most} entries, not {given}", where)


def _too_few(path: Path, context: Mapping[str, Any], where: Where) -> Diagnostic:
    least = context["min_length"]
    return Diagnostic("TEMO223", f"`{_name(path)}` needs at least {least}", where, span="nothing here")


_SIZES: dict[str, Callable[[Path, Mapping[str, Any], Where], Diagnostic]] = {
    "greater_than_equal": _at_least,
    "greater_than": _at_least,
    "less_than_equal": _at_most,
    "less_than": _at_most,
    "string_too_long": _too_long,
    "string_too_short": _too_short,
    "too_long": _too_many,
    "too_short": _too_few,
}
