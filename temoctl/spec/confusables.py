"""Letters that look like a-z but aren't. Must not know where ids are used.

`аcme` with a Cyrillic а is another id than `acme`; a person can't see the difference, so it is refused by name.
"""

from __future__ import annotations

import unicodedata

# Latin letter -> what is drawn like it in Cyrillic and Greek (lower and upper case) or is easily taken for it.
_DRAWN_ALIKE = {
    "a": "аα", "b": "ЬƄ", "c": "сϲ", "d": "ԁ", "e": "еєε", "g": "ɡ", "h": "һ", "i": "іıι", "j": "ј", "k": "к",
    "l": "ӏ", "m": "м", "n": "пη", "o": "оοσ", "p": "рρ", "q": "ԛ", "r": "г", "s": "ѕ", "t": "тτ", "u": "υц",
    "v": "νѵ", "w": "ԝω", "x": "хχ", "y": "уγ", "z": "ᴢ",
    "A": "АΑ", "B": "ВΒ", "C": "СϹ", "E": "ЕΕ", "H": "НΗ", "I": "ІΙ", "J": "Ј", "K": "КΚ", "M": "МΜ", "N": "Ν",
    "O": "ОΟ", "P": "РΡ", "S": "Ѕ", "T": "ТΤ", "X": "ХΧ", "Y": "УΥ", "Z": "Ζ",
    "": "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    "-": "‐‑‒–—−",
}  # fmt: skip
_FOLD = str.maketrans({alike: latin for latin, drawn in _DRAWN_ALIKE.items() for alike in drawn})


def plain_ascii(text: str) -> str:
    """The text as it would be read: look-alikes and full-width forms replaced, invisible characters dropped."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_FOLD)
