"""Text that is safe and fits: names from outside made harmless, measured in terminal cells, cut and wrapped.

Must not know what is being shown.
"""

from __future__ import annotations

import textwrap
import unicodedata

from rich.cells import cell_len, set_cell_size

WIDTH = 80
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def safe(text: str) -> str:
    """The text without anything a terminal would obey: control characters become visible escapes."""
    if text.isprintable() and not _BIDI.intersection(text):
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character.isprintable() and character not in _BIDI:
        return character
    if character == "\u200d":  # joins emoji; does nothing to the terminal
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    code = ord(character)
    escaped = f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character, escaped)


def width(text: str) -> int:
    """Terminal cells the text takes."""
    return cell_len(text)


def cut(text: str, cells: int) -> str:
    """The text in at most that many cells; what is missing is marked by `…`."""
    if width(text) <= cells:
        return text
    return set_cell_size(text, max(0, cells - 1)).rstrip() + "…"


def pad(text: str, cells: int) -> str:
    """Exactly that many cells: cut or filled with spaces."""
    shown = cut(text, cells)
    return shown + " " * (cells - width(shown))


def wrap(text: str, *, indent: str = "", hang: str | None = None, cells: int = WIDTH) -> list[str]:
    """The text as lines of at most that many cells, each made safe; blank lines of the text are kept.

    Words are never broken, so that a path can be copied from the screen; a line that is a temoctl command is never
    wrapped at all, for the same reason.
    """
    lines: list[str] = []
    following = indent if hang is None else hang
    for paragraph in text.split("\n"):
        first = following if lines else indent
        if paragraph.startswith("temoctl "):
            lines.append(first + safe(paragraph))
            continue
        wrapped = textwrap.wrap(
            safe(paragraph),
            width=cells,
            initial_indent=first,
            subsequent_indent=following,
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines.extend(wrapped or [""])
    return lines


def age(seconds: float) -> str:
    """`just read`, `38 s old`."""
    return "just read" if seconds < 2 else f"{duration(seconds)} old"


def duration(seconds: float) -> str:
    """`0.4 s`, `38 s`, `2 min 5 s`, `3 h 10 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 change`, `3 changes`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listing(items: list[str]) -> str:
    """`a, b and c`."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1] if items else ""
