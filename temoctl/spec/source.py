"""The text of a spec file, and what is wrong with it before it is even read as YAML. Must not know what a spec says.

Whatever is shown of a file goes through `Source.snippet`, which hides everything that looks like a secret.
"""

from __future__ import annotations

import os
import re
import stat
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from temoctl.model.diagnostic import Diagnostic, Where
from temoctl.spec.tokens import mask, search, search_fields, visible

LARGEST = 1024 * 1024
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML counts as the end of a line
_CONFLICT = re.compile(r"^(?:<{7}|>{7}|\|{7})(?= |$)", re.MULTILINE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass
class Source:
    """A file's text. `hidden` are places whose value must never be shown."""

    file: str
    text: str
    hidden: list[Where] = field(default_factory=list)

    @cached_property
    def lines(self) -> list[str]:
        return _BREAK.split(self.text)

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in _BREAK.finditer(self.text))]

    def at(self, start: int, end: int) -> Where:
        """The place of a stretch of the text."""
        line = bisect_right(self._starts, start)
        return Where(self.file, line, start - self._starts[line - 1] + 1, max(1, end - start))

    def line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def snippet(self, number: int) -> str:
        """One line, fit to be shown."""
        line = self.line(number)
        for place in self.hidden:
            if place.line == number and place.length > 0:
                start, end = place.column - 1, place.column - 1 + place.length
                line = line[:start] + "*" * len(line[start:end]) + line[end:]
        return visible(mask(line[:4000])[:400])

    def with_snippets(self, problems: Iterable[Diagnostic]) -> list[Diagnostic]:
        """The problems with the line they are about."""
        return [
            replace(one, snippet=self.snippet(one.where.line))
            if one.where and one.where.file == self.file and not one.snippet
            else one
            for one in problems
        ]


def read_source(path: Path, file: str) -> tuple[Source | None, list[Diagnostic]]:
    """Read a file that people wrote; `file` is how it is called in messages."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None, [Diagnostic("TEMO200", "this is not a file", Where(file))]
            raw = stream.read(LARGEST + 1)
    except OSError as problem:
        why = problem.strerror or "it can't be opened"
        return None, [Diagnostic("TEMO200", "the file can't be read", Where(file), detail=why)]
    return decode(raw, file)


def decode(raw: bytes, file: str) -> tuple[Source | None, list[Diagnostic]]:
    """Bytes -> text, and what is wrong with the bytes."""
    if len(raw) > LARGEST:
        fix = "Move long texts and lists into a knowledge-base file."
        return None, [Diagnostic("TEMO212", "the file is larger than 1 MiB", Where(file), fix=fix)]
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None, [_not_utf8(Where(file, 1, 1), "it is UTF-16")]
    try:
        return Source(file, raw.decode("utf-8-sig")), []
    except UnicodeDecodeError as problem:
        before = raw[: problem.start].decode("utf-8-sig", "replace")
        place = Source(file, before).at(len(before), len(before) + 1)
        return None, [_not_utf8(place, "the character here is not UTF-8")]


def _not_utf8(place: Where, why: str) -> Diagnostic:
    fix = "Save the file as UTF-8 (in most editors: Save as, encoding UTF-8)."
    return Diagnostic("TEMO215", "the file is not UTF-8 text", place, span=why, fix=fix)


def look_over(source: Source) -> list[Diagnostic]:
    """What can be seen without YAML: conflict markers, control characters, texts that look like secrets."""
    return [*blockers(source), *leaked(source)]


def blockers(source: Source) -> list[Diagnostic]:
    """What makes reading on pointless."""
    conflict = _CONFLICT.search(source.text)
    if conflict:
        return [
            Diagnostic(
                "TEMO214",
                "two versions of this file were never merged",
                source.at(conflict.start(), conflict.end()),
                span="left by git",
                fix="Decide which lines stay, remove the lines with <<<<<<<, ======= and >>>>>>>, and save.",
            )
        ]
    control = _CONTROL.search(source.text)
    if control:
        place = source.at(control.start(), control.end())
        code = f"U+{ord(control[0]):04X}"
        fix = "Delete the invisible character here and type the text again."
        return [Diagnostic("TEMO215", f"a control character ({code}) stands in the text", place, fix=fix)]
    return []


def leaked(source: Source) -> list[Diagnostic]:
    """Texts that look like secrets, anywhere, comments included; never with the text itself."""
    found = [*search(source.text), *search_fields(source.text)]
    return [
        Diagnostic(
            "TEMO239",
            f"this looks like {one.what}; secrets never stand in a spec",
            source.at(one.start, one.end),
            span="a secret",
            fix="Take it out, write {secret: path} instead and store the value with `temoctl secrets set`. If the file "
            "was ever committed or sent to anybody, treat the secret as stolen and get a new one.",
        )
        for one in found
    ]
