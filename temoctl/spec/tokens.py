"""Texts that look like secrets: found, named and masked. Must not know where they were found.

A spec lives in git; a token in it is lost even when it is removed later. So the shapes are searched in the whole text
of a file, comments included, and whatever is shown of a file goes through `mask` first.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_SHAPES = {
    "a Telegram bot token": r"\d{6,12}:[A-Za-z0-9_-]{30,}",
    "a Stripe key": r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{8,}|whsec_[A-Za-z0-9+/=]{16,}",
    "a Supabase key": r"sb_(?:secret|publishable)_[A-Za-z0-9_-]{8,}|sbp_[0-9a-f]{20,}",
    "an API key (sk-…)": r"sk-(?=[\w-]{0,200}\d)[\w-]{16,}",
    "a signed token (JWT)": r"eyJ[A-Za-z0-9_-]{12,}(?:\.[A-Za-z0-9_-]+)*",
    "a Meta access token": r"(?:EAA|IGA|IGQ)[A-Za-z0-9]{20,}",
    "a Google key": r"AIza[\w-]{30,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{16,}|1//0[\w-]{20,}",
    "a Slack token": r"xox[abeoprs]-[A-Za-z0-9-]{10,}",
    "a GitHub token": r"gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}",
    "an AWS key": r"(?:AKIA|ASIA)[0-9A-Z]{16}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "an address with a password in it": r"[a-z][a-z0-9+.-]{1,20}://[^\s:/@'\"]*:[^\s/@'\"]{1,200}@",
}
_NAMES = tuple(_SHAPES)
_ANY = re.compile(r"(?<![A-Za-z0-9_])(?:" + "|".join(f"({shape})" for shape in _SHAPES.values()) + ")")

_SENSITIVE = r"(?:token|passw(?:or)?d|secret|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|dsn)"
_SECRET_FIELD = re.compile(
    rf"(?i)(?P<head>{_SENSITIVE}[\w-]{{0,40}}[\"']?[ \t]{{0,20}}[:=][ \t]{{0,20}})"
    r"(?P<value>\"[^\"]*\"?|'[^']*'?|[^\s,{}\[\]#][^,}\n\r]*)"
)
_REFERENCE_VALUE = re.compile(r"[\"']?[A-Za-z0-9_.-]{1,40}(?:/[A-Za-z0-9_.-]{1,40})*[\"']?\s*(?:#.*)?")


@dataclass(frozen=True, slots=True)
class Found:
    """One text that looks like a secret: where it starts and ends in the text searched, and what it looks like."""

    start: int
    end: int
    what: str


def search(text: str) -> Iterator[Found]:
    """Every text of a known shape."""
    for found in _ANY.finditer(text):
        yield Found(found.start(), found.end(), _NAMES[(found.lastindex or 1) - 1])


def search_fields(text: str) -> Iterator[Found]:
    """Long random texts in fields whose name says secret (`password: …`), whatever their shape."""
    for found in _SECRET_FIELD.finditer(text):
        bare = found["value"].split(" #")[0].strip().strip("\"'")
        if looks_random(bare):
            start = found.start("value")
            yield Found(start, start + len(found["value"].rstrip()), "a secret")


def looks_random(text: str) -> bool:
    """True for a long run of letters and digits with the entropy of a generated key."""
    if not re.fullmatch(r"[A-Za-z0-9+/=_.-]{20,}", text) or not re.search(r"\d", text):
        return False
    counts = Counter(text)
    entropy = -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
    return entropy > 3.0


def mask(text: str) -> str:
    """The text with everything that looks like a secret, or stands where one belongs, replaced by stars."""
    masked = _ANY.sub(lambda found: "*" * len(found[0]), text)
    return _SECRET_FIELD.sub(_mask_field, masked)


def _mask_field(found: re.Match[str]) -> str:
    value = found["value"]
    bare = value.strip().strip("\"'")
    before = found.string[: found.start()][-1:]
    is_reference = found["head"].startswith("secret") and not before.strip("{, \"'")
    if is_reference and _REFERENCE_VALUE.fullmatch(value) and not looks_random(bare):
        return found[0]  # {secret: telegram/token}: a path, not a secret
    return found["head"] + "*" * len(value)


def visible(text: str) -> str:
    """The text without what a terminal would act on: control characters, invisible and direction marks."""
    return "".join(c if c.isprintable() or c == "\t" else " " if c.isspace() else "\ufffd" for c in text)


def shown(value: object, limit: int = 40) -> str:
    """A value fit to be told to people: one line, cut, masked."""
    text = visible(mask(" ".join(str(value)[:2000].split())))
    return text if len(text) <= limit else text[: limit - 1] + "…"
