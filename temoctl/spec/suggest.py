"""Did-you-mean: the nearest of the allowed words, or nothing. Must not know what the words stand for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from temoctl.spec.confusables import plain_ascii


def closest(word: str, allowed: Iterable[str]) -> str:
    """The allowed word that was probably meant; "" when none is near enough to be worth saying."""
    plain = _folded(word)
    candidates = {_folded(one): one for one in sorted(allowed, reverse=True)}
    if plain in candidates:
        return candidates[plain]
    near = difflib.get_close_matches(plain, candidates, n=1, cutoff=0.7 if len(plain) > 3 else 0.6)
    return candidates[near[0]] if near else ""


def _folded(word: str) -> str:
    return plain_ascii(word).lower().replace("_", "").replace("-", "").replace(" ", "")
