"""Names of our objects in n8n: a readable part and the marker, within n8n's 128 characters. Knows no HTTP.

n8n has no field for a marker that survives (tags vanish when somebody deletes one, `meta` is read-only), and its names
aren't unique: so the marker stands at the end of the name, and only there it counts. A copy made by hand in the editor
gets another ending ("… copy") and so isn't taken for ours.
"""

from __future__ import annotations

import re

from temoctl.model.identity import Marker

LIMIT = 128
"""Measured: n8n refuses a longer workflow name (400) and breaks on a longer credential name (500)."""

_OURS = re.compile(r"(?P<readable>.*?) ?\[(?P<marker>temo:[^\[\]\s]+)\]", re.DOTALL)


def full_name(readable: str, marker: Marker) -> str:
    """`Acme: Telegram [temo:…~intent]`; the readable part is cut where both would be too long."""
    room = LIMIT - len(marker.text) - len(" []")
    return f"{_cut(' '.join(readable.split()), room)} [{marker.text}]".lstrip()


def _cut(text: str, room: int) -> str:
    """At most `room` UTF-16 units, which is what n8n counts, and never half a character."""
    while len(text.encode("utf-16-le")) // 2 > room:
        text = text[:-1]
    return text.rstrip()


def split_name(name: str) -> tuple[str, Marker | None]:
    """The readable part and the marker; (the whole name, None) where no marker of ours ends it."""
    found = _OURS.fullmatch(name)
    marker = Marker.search(found["marker"]) if found else None
    if found is None or marker is None or marker.text != found["marker"]:
        return name, None
    return found["readable"], marker


def readable_name(name: str, wanted: str | None) -> str:
    """The readable part as the spec spells it: `wanted` where only n8n's limit made the difference."""
    readable, marker = split_name(name)
    if marker is not None and wanted is not None and full_name(wanted, marker) == name:
        return wanted
    return readable
