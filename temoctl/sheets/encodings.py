"""In which encoding a text file is written: byte order mark, then strict UTF-8, then the likeliest old code page.

Libraries that guess (chardet, charset-normalizer) were measured to be worse on short price lists than this. Must not
know what the text means.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SAMPLE = 256 * 1024
_CHUNK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OLD = ("cp1251", "cp1252", "koi8-r", "cp866")
_COMMON = frozenset("оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфіїєґў")  # Russian, Ukrainian, Belarusian
_PAIR_TEXT = (
    "ст но то на ен ов ни ра во ко ро ла по го ре пр ер ал ли не от ка ор та ва ет ос ле ом ть ав ат за ес об ин ль "
    "од се че ми до ки ма да ло ск ой ый ий ая ие ые ку ти те ол ан ри ис ди ви бе бо са со ша ше жи же кр тр мя"
)
_PAIRS = frozenset(_PAIR_TEXT.split())
"""Pairs of letters that are everywhere in Russian and its neighbours, and rare in what a wrong reading gives."""

_WESTERN = frozenset("äöüßéèêëàâáãåçñóòôõíìîïúùûøæœ€£°§©®«»–—’‘“”„…•×ÄÖÜÉÀÇÑ")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class BadBytes:
    """The first place that can't be read: `line` counts from 1, `byte` is the offending byte."""

    line: int
    byte: int


def detect(path: Path) -> str:
    """A Python codec name. Never fails: whether the whole file can be read with it is `first_bad`'s to say."""
    with path.open("rb") as file:
        sample = file.read(SAMPLE)
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    if sample.count(0) > len(sample) // 10:
        return _utf16_without_mark(sample)
    if first_bad(path, "utf-8") is None or _mostly_utf8(sample):
        return "utf-8"
    with path.open("rb") as file:
        return _likeliest(b"".join(_lines_beyond_ascii(file)))


def known(name: str) -> str:
    """The codec's proper name; "" when Python has no such text encoding."""
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    is_text: bool = getattr(found, "_is_text_encoding", True)
    return found.name if is_text else ""


def first_bad(path: Path, encoding: str) -> BadBytes | None:
    """Read the whole file once and say where it can't be decoded."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                line += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                good = error.object[: error.start].decode(encoding, errors="ignore").count("\n")
                bad = error.object[error.start : error.start + 1]
                return BadBytes(line + good, bad[0] if bad else 0)
            if not chunk:
                return None


def _utf16_without_mark(sample: bytes) -> str:
    """The zero byte of a Latin letter, digit or separator comes second in little endian."""
    return "utf-16-le" if sample[1::2].count(0) >= sample[0::2].count(0) else "utf-16-be"


def _mostly_utf8(sample: bytes) -> bool:
    """Many proper sequences and a few broken ones: UTF-8 with an accident, which must be shown, not papered over."""
    text = sample.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    proper = sum(1 for sign in text if ord(sign) > 127) - broken
    return proper >= 8 and proper > 4 * broken


def _lines_beyond_ascii(file: Iterator[bytes]) -> Iterator[bytes]:
    """Lines with bytes above 127, up to a sample's worth: a long English beginning says nothing."""
    size = 0
    for line in file:
        if not line.isascii():
            size += len(line)
            yield line
            if size > SAMPLE:
                return


def _likeliest(sample: bytes) -> str:
    return max(_OLD, key=lambda name: _score(sample, name))


def _score(sample: bytes, name: str) -> float:
    """How much a decoding looks like words people write."""
    text = sample.decode(name, errors="replace")
    score = -50.0 * text.count("\ufffd")
    for sign in text:
        if sign < "\x80":
            continue
        low = sign.lower()
        if low in _COMMON:
            score += 0.5 if sign == low else 0.3
        elif sign in _WESTERN:
            score += 0.5
        elif sign not in "\u00a0№₴":
            score -= 2.0
    return score + sum(_word_score(word) for word in _WORD.findall(text))


def _word_score(word: str) -> float:
    """Words don't mix alphabets, don't go on in capitals after a small letter, and have vowels."""
    if word.isascii():
        return 0.0
    low = word.lower()
    cyrillic = sum("\u0400" <= sign <= "\u04ff" for sign in word)
    score = -3.0 if 0 < cyrillic < len(word) else 0.0
    score += 1.5 * sum(a + b in _PAIRS for a, b in itertools.pairwise(low))
    score -= 3.0 * sum(a.islower() and b.isupper() for a, b in itertools.pairwise(word))
    western = sum(sign in _WESTERN for sign in word)
    if western > 2 and western * 2 > len(word):
        score -= 2.0 * western
    return score
