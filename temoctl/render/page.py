"""A page: lines of text with styles, built by the screens and printed by the command line.

A page says what is emphasised, never by what: `plain()` is the same page without any style, for pipes, tests and
`NO_COLOR`. Must not know what is being shown.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from temoctl.render.text import safe, wrap


class Page:
    """Lines in the order they are read. `line` takes texts and (text, style) pairs; all texts are made safe."""

    def __init__(self, cells: int = 80) -> None:
        self.cells = cells
        self.lines: list[Text] = []

    def line(self, *parts: str | tuple[str, str]) -> Page:
        text = Text(no_wrap=True)
        for part in parts:
            words, style = part if isinstance(part, tuple) else (part, "")
            text.append(safe(words), style or None)
        text.rstrip()
        self.lines.append(text)
        return self

    def blank(self) -> Page:
        if self.lines and self.lines[-1].plain:
            self.lines.append(Text())
        return self

    def prose(self, text: str, *, indent: str = "", hang: str | None = None, style: str = "") -> Page:
        """Wrapped words."""
        for words in wrap(text, indent=indent, hang=hang, cells=self.cells):
            self.lines.append(Text(words, style=style, no_wrap=True))
        return self

    def add(self, other: Page) -> Page:
        self.lines.extend(other.lines)
        return self

    def plain(self) -> str:
        return "".join(f"{line.plain}\n" for line in self.lines)


def joined(pages: Iterable[Page], cells: int = 80) -> Page:
    """Several pages with a blank line between them."""
    whole = Page(cells)
    for page in pages:
        whole.blank().add(page)
    return whole
