"""The forms of a collection that temoctl knows, by name: what may stand in a document, and how it is found again.

A spec names a form ("message-1"); a changed form gets a new name, so that a plan shows the change as one word. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DAY = 86_400
EXPIRY = "temo_expiry"
LONGEST_TEXT = 32_768
"""Characters of one message. With one message a document, none comes near MongoDB's 16 MiB."""


@dataclass(frozen=True, slots=True)
class Form:
    """`validator` is what MongoDB checks on every write, `indexes` are (name, keys, unique), `dated` names the date
    that the retention counts from.
    """

    validator: Mapping[str, Any]
    indexes: tuple[tuple[str, Mapping[str, int], bool], ...]
    dated: str


def _text(longest: int) -> Mapping[str, Any]:
    return {"bsonType": "string", "maxLength": longest}


MESSAGE_1 = Form(
    validator={
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["session", "trace", "role", "text", "channel", "at"],
            "additionalProperties": False,
            "properties": {
                "_id": {},
                "session": {**_text(200), "minLength": 1},
                "trace": {**_text(100), "minLength": 1},
                "role": {"enum": ["user", "assistant"]},
                "text": _text(LONGEST_TEXT),
                "channel": _text(64),
                "at": {"bsonType": "date"},
            },
        }
    },
    indexes=(
        ("temo_once", {"session": 1, "trace": 1, "role": 1}, True),
        ("temo_recent", {"session": 1, "at": -1}, False),
    ),
    dated="at",
)

FORMS: Mapping[str, Form] = {"message-1": MESSAGE_1}
