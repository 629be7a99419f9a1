"""Column names for SQL made from headers: safe, unique, readable. Must not know where the headers come from."""

from __future__ import annotations

from collections.abc import Sequence

from temoctl.model.slug import slug

LONGEST = 56  # PostgreSQL cuts names at 63 bytes; the rest is room for a number

RESERVED = frozenset(
    """all analyse analyze and any array as asc asymmetric authorization between bigint binary boolean both case cast
    char character check coalesce collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable
    desc distinct do else end except exists extract false fetch float for foreign freeze from full grant group having
    ilike in initially inner int integer intersect interval into is isnull join lateral leading left like limit
    localtime localtimestamp natural not notnull null numeric offset on only or order outer overlaps placing position
    primary real references returning right row select session_user similar smallint some substring symmetric
    system_user table tablesample then time timestamp to trailing treat trim true union unique user using values
    varchar variadic verbose when where window with""".split()  # noqa: SIM905 - a list of a hundred words
)
"""Words that would need quotes in a query. They get a trailing underscore: `order` -> `order_`."""


def column_names(titles: Sequence[str]) -> list[str]:
    """One name per header: `Цена, €` -> `tsena`; empty ones are `column_<n>`; a second `price` is `price_2`."""
    names: list[str] = []
    used: set[str] = set()
    for position, title in enumerate(titles, 1):
        base = _safe(slug(title).replace("-", "_")[:LONGEST]) or f"column_{position}"
        name, number = base, 2
        while name in used:
            name, number = f"{base}_{number}", number + 1
        used.add(name)
        names.append(name)
    return names


def _safe(name: str) -> str:
    if name[:1].isdigit():
        return f"c_{name}"
    return f"{name}_" if name in RESERVED else name
