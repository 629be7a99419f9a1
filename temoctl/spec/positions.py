"""Where every value of a YAML file stands. Must not know what the values mean."""

from __future__ import annotations

from collections.abc import Sequence

from temoctl.model.diagnostic import Where

Path = tuple[str, ...]
Span = tuple[int, int, int]
"""Line and column, counted from 1, and the length in characters."""


def as_path(path: str | Sequence[str | int]) -> Path:
    """`channels.telegram.commands[0].command`, `….0.command` or a pydantic location, as a tuple of texts."""
    if isinstance(path, str):
        return tuple(part for part in path.replace("[", ".").replace("]", "").split(".") if part)
    return tuple(str(part) for part in path)


def readable(path: Path) -> str:
    """`channels.telegram.commands[0].command`: how a path is told to people."""
    text = ""
    for part in path:
        text += f"[{part}]" if part.isdecimal() else f".{part}" if text else part
    return text


class Positions:
    """Spans of keys and values by path. A path that isn't there answers with its nearest parent."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.keys: dict[Path, Span] = {}
        self.values: dict[Path, Span] = {}

    def value(self, path: str | Sequence[str | int]) -> Where:
        """The place of a value. Mappings and lists answer with their key, which is what people look for."""
        return self._nearest(as_path(path), self.values)

    def key(self, path: str | Sequence[str | int]) -> Where:
        """The place of a key (of a list item: the item)."""
        return self._nearest(as_path(path), self.keys)

    def _nearest(self, path: Path, first: dict[Path, Span]) -> Where:
        while path:
            span = first.get(path) or self.keys.get(path) or self.values.get(path)
            if span:
                return Where(self.file, *span)
            path = path[:-1]
        return Where(self.file, 1, 1, 1)
