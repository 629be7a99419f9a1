"""What the stand-in keeps: tables of objects, their ids, their time, and the words of its refusals. Knows no HTTP.

An object is the JSON that Stripe would answer with; keys that begin with an underscore are the stand-in's own and
never leave it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

Row = dict[str, Any]
Params = Mapping[str, Any]

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PRODUCTS, PRICES, FEATURES, GRANTS = "products", "prices", "features", "grants"
CUSTOMERS, METHODS, SUBSCRIPTIONS, INVOICES = "customers", "payment_methods", "subscriptions", "invoices"
SESSIONS, INTENTS, PORTALS, ENDPOINTS, EVENTS, CLOCKS = (
    "sessions",
    "setup_intents",
    "portals",
    "endpoints",
    "events",
    "clocks",
)
TIME = "time"
HABITS = "habits"
BY_PREFIX = {
    "prod": PRODUCTS,
    "price": PRICES,
    "feat": FEATURES,
    "cus": CUSTOMERS,
    "pm": METHODS,
    "sub": SUBSCRIPTIONS,
    "in": INVOICES,
    "seti": INTENTS,
    "cs": SESSIONS,
}
"""Which table an id points into: what `expand` follows."""


class Refusal(Exception):
    """Stripe's no. `kept` refusals are stored under their idempotency key; those found before any work aren't."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str = "",
        param: str = "",
        kind: str = "invalid_request_error",
        kept: bool = False,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.kept = status, kept
        self.error: Row = {"message": message, "type": kind, **(extra or {})}
        if code:
            self.error |= {"code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"}
        if param:
            self.error["param"] = param


def missing(noun: str, ident: str, *, param: str = "") -> Refusal:
    """No such object: 404 where it stands in the path, 400 where another call names it."""
    return Refusal(
        f"No such {noun}: '{ident}'", status=400 if param else 404, code="resource_missing", param=param or "id"
    )


def required(param: str) -> Refusal:
    return Refusal(f"Missing required param: {param}.", code="parameter_missing", param=param)


class Ledger:
    """All objects of one account. `wall` is its time for whatever stands on no test clock."""

    def __init__(self, wall: Callable[[], float], *, livemode: bool, seed: int = 0) -> None:
        self._wall, self.livemode = wall, livemode
        self.tables: dict[str, dict[str, Row]] = {}
        self._made = seed
        self.listeners: list[Callable[[str, Row, int], None]] = []

    # -- ids and time

    def new_id(self, prefix: str, length: int = 14) -> str:
        """An id as long as Stripe's, the same in every run that does the same."""
        self._made += 1
        number = int.from_bytes(hashlib.sha256(f"{prefix}/{self._made}".encode()).digest(), "big")
        letters = []
        for _ in range(length):
            number, rest = divmod(number, len(_DIGITS))
            letters.append(_DIGITS[rest])
        return f"{prefix}_{''.join(letters)}"

    def now(self, clock: str | None = None) -> int:
        """The account's time, or that of a test clock."""
        if clock and clock in self.table(CLOCKS):
            return int(self.table(CLOCKS)[clock]["frozen_time"])
        return int(self._wall())

    def now_for(self, customer: str | None) -> int:
        return self.now(self.table(CUSTOMERS).get(customer or "", {}).get("test_clock"))

    # -- tables

    def table(self, name: str) -> dict[str, Row]:
        return self.tables.setdefault(name, {})

    def add(self, name: str, row: Row) -> Row:
        self.table(name)[row["id"]] = row
        return row

    def get(self, name: str, ident: Any, noun: str, *, param: str = "") -> Row:
        """The object, or Stripe's refusal. A deleted customer is only there for whoever asks for it by its path."""
        row = self.table(name).get(str(ident))
        if row is None or (param and row.get("deleted")):
            raise missing(noun, str(ident), param=param)
        return row

    def newest(self, name: str, keep: Callable[[Row], bool] = lambda _: True) -> list[Row]:
        """Rows as lists show them: the newest first."""
        return [row for row in reversed(self.table(name).values()) if keep(row)]

    def tell(self, event: str, row: Row, at: int | None = None) -> None:
        """Something happened that an endpoint may want to hear."""
        for listener in self.listeners:
            listener(event, row, self.now_for(_customer_of(row)) if at is None else at)


def _customer_of(row: Row) -> str | None:
    owner = row["id"] if row.get("object") == "customer" else row.get("customer")
    return owner if isinstance(owner, str) else None


def bare(row: Any) -> Any:
    """The object without the stand-in's own keys."""
    if isinstance(row, dict):
        return {key: bare(value) for key, value in row.items() if not key.startswith("_")}
    return [bare(one) for one in row] if isinstance(row, list) else row


def listed(rows: Iterable[Row], url: str) -> Row:
    """A whole list within another object."""
    found = list(rows)
    return {"object": "list", "data": found, "has_more": False, "url": url, "total_count": len(found)}


# --- parameters


def parsed(pairs: Iterable[tuple[str, str]]) -> Row:
    """Form fields as a tree: `items[0][price]=x` becomes {"items": [{"price": "x"}]}."""
    tree: Row = {}
    for name, value in pairs:
        parts = [part for part in re.split(r"\[|\]\[|\]", name) if part != ""] or [name]
        if name.endswith("[]"):
            parts.append(str(len(_inner(tree, parts))))
        place = _inner(tree, parts[:-1])
        place[parts[-1]] = value
    return {key: _with_lists(node) for key, node in tree.items()}


def parse_body(body: bytes) -> Row:
    return parsed(parse_qsl(body.decode(), keep_blank_values=True))


def _inner(tree: Row, parts: list[str]) -> Row:
    for part in parts:
        below = tree.setdefault(part, {})
        tree = below if isinstance(below, dict) else {}
    return tree


def _with_lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(key.isdigit() for key in node):
        return [_with_lists(node[key]) for key in sorted(node, key=int)]
    return {key: _with_lists(one) for key, one in node.items()}


def flag(params: Params, name: str, default: bool = False) -> bool:
    given = params.get(name)
    if given is None:
        return default
    if given not in ("true", "false"):
        raise Refusal(f"Invalid boolean: {given}", param=name)
    return bool(given == "true")


def whole(params: Params, name: str, *, least: int = 0) -> int | None:
    given = params.get(name)
    if given in (None, ""):
        return None
    if not re.fullmatch(r"-?\d+", str(given)):
        raise Refusal(f"Invalid integer: {given}", code="parameter_invalid_integer", param=name)
    if int(given) < least:
        raise Refusal(f"This value must be greater than or equal to {least}.", param=name)
    return int(given)


def text(params: Params, name: str, *, limit: int = 5000) -> str | None:
    """A text as Stripe keeps it: trimmed; "" is none."""
    given = params.get(name)
    if given is None:
        return None
    tidy = str(given).strip()
    if len(tidy) > limit:
        raise Refusal(
            f"Invalid string: {tidy[:10]}…; must be at most {limit} characters",
            code="invalid_string_length",
            param=name,
        )
    return tidy or None


def merged_metadata(had: Mapping[str, str], params: Params) -> dict[str, str]:
    """Metadata after a call: keys are merged, "" takes one away, and `metadata=` takes all."""
    given = params.get("metadata")
    if given is None:
        return dict(had)
    if given == "":
        return {}
    for key, value in given.items():
        if len(key) > 40:
            raise Refusal(f"Metadata keys can have up to 40 characters: {key[:10]}…", param="metadata")
        if len(str(value)) > 500:
            raise Refusal("Metadata values can have up to 500 characters.", param=f"metadata[{key}]")
    kept = {**had, **given}
    kept = {key: str(value) for key, value in kept.items() if value != ""}
    if len(kept) > 50:
        raise Refusal("You can have up to 50 metadata keys.", param="metadata")
    return kept


def windows(rows: list[Row], params: Params, url: str) -> Row:
    """One page of a list: `limit` (10, at most 100), `starting_after`, `ending_before`."""
    limit = whole(params, "limit", least=1) or 10
    if limit > 100:
        raise Refusal("This value must be less than or equal to 100.", param="limit")
    after, before = params.get("starting_after"), params.get("ending_before")
    start = _place(rows, after, "starting_after") + 1 if after else 0
    if before:
        end = _place(rows, before, "ending_before")
        page, more = rows[max(0, end - limit) : end], end > limit
    else:
        page, more = rows[start : start + limit], len(rows) > start + limit
    return {"object": "list", "url": url, "has_more": more, "data": page}


def _place(rows: list[Row], ident: str, param: str) -> int:
    for index, row in enumerate(rows):
        if row["id"] == ident:
            return index
    raise missing("object", ident, param=param)


def created_filter(params: Params) -> Callable[[Row], bool]:
    """`created=…` or `created[gte]=…`."""
    asked = params.get("created")
    if asked is None:
        return lambda _: True
    bounds = asked if isinstance(asked, dict) else {"gte": asked, "lte": asked}
    limits = {name: int(value) for name, value in bounds.items()}

    def within(row: Row) -> bool:
        at = row["created"]
        above = at >= limits.get("gte", at) and at > limits.get("gt", at - 1)
        return bool(above and at <= limits.get("lte", at) and at < limits.get("lt", at + 1))

    return within
