"""Readable names for addresses, made from free text in any alphabet. Must not know what the name is for.

A slug is `[a-z0-9-]`, starts with a letter or digit, and is at most 40 characters. Two texts may share a slug: whoever
needs them unique has to check (the spec does, within one group of knowledge bases).
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 40

_CYRILLIC_SPELLINGS = "a b v g d e e zh z i y k l m n o p r s t u f kh ts ch sh shch - y - e yu ya i yi ye g u"
_CYRILLIC = dict(zip("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґў", _CYRILLIC_SPELLINGS.split(), strict=True))
_GREEK_SPELLINGS = "a v g d e z i th i k l m n x o p r s s t y f ch ps o"
_GREEK = dict(zip("αβγδεζηθικλμνξοπρσςτυφχψω", _GREEK_SPELLINGS.split(), strict=True))
_LATIN = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "&": " and "}
_SPELLED = str.maketrans({**{k: v.strip("-") for k, v in _CYRILLIC.items()}, **_GREEK, **_LATIN})


def slug(name: str) -> str:
    """`Меню ресторана` -> `menyu-restorana`; "" when the text has no letter or digit that can be spelled in ASCII."""
    spelled = unicodedata.normalize("NFC", name).lower().translate(_SPELLED)
    bare = "".join(c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c))
    ascii_only = bare.translate(_SPELLED).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:LONGEST].strip("-")
