"""What temoctl writes beside its marker in the COMMENT of a table or schema. Pure text; must not know SQL.

Every role of a server can read every comment. So a note holds nothing that the catalogue doesn't show anyway: digests,
a row count, column titles beside column names, the reading options. Never a cell, a customer or a secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from temoctl.model.identity import Marker
from temoctl.model.value import Json, canonical


def write_note(marker: Marker, note: Mapping[str, Json]) -> str:
    """The whole comment: the marker, a space, one line of JSON."""
    return f"{marker.text} {canonical(dict(note))}"


def read_note(comment: str) -> dict[str, Any]:
    """What stands after the marker; {} where nothing readable does."""
    _, _, rest = comment.partition(" ")
    try:
        note = json.loads(rest)
    except ValueError:
        return {}
    return note if isinstance(note, dict) else {}
