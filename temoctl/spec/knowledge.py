"""The files of a tenant's knowledge base: that they are there, stay inside the specs' folder, and can be read.

What stands in a file is the business of `temoctl.sheets`; its problems are passed on with the tenant's name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from temoctl.model.diagnostic import Diagnostic, Severity, Where
from temoctl.model.value import digest
from temoctl.spec.positions import Positions
from temoctl.spec.suggest import closest
from temoctl.spec.tenant import GROUPS, Base, KnowledgeBase
from temoctl.spec.tokens import shown

EXTENSIONS = (".csv", ".tsv", ".txt", ".xlsx")


@dataclass(frozen=True, slots=True)
class KnowledgeFile:
    """A file of a knowledge base: its path from the project's root, SHA-256, and rows where they were counted."""

    path: str
    digest: str
    rows: int | None = None


def rows_key(file_digest: str, base: Base) -> str:
    """What a row count is remembered under: the same bytes read with other options may give other rows."""
    return digest([file_digest, base.options])


@dataclass
class KnowledgeReader:
    """Checks the files of many tenants; each file is hashed and read once.

    `known_rows` are counts of earlier runs by `rows_key`: such files are hashed, but not read again. `read` False
    leaves the contents alone altogether.
    """

    root: Path
    folder: Path
    known_rows: Mapping[str, int] = field(default_factory=dict)
    read: bool = True
    files: dict[str, KnowledgeFile] = field(default_factory=dict)
    _digests: dict[Path, str] = field(default_factory=dict)
    _checked: dict[tuple[Path, str], tuple[int | None, list[Diagnostic]]] = field(default_factory=dict)

    def check(
        self, bases: KnowledgeBase, positions: Positions, tenant: str
    ) -> tuple[KnowledgeBase, dict[str, int], list[Diagnostic]]:
        """The bases with paths from the project's root, rows by path of the base, and what is wrong."""
        problems: list[Diagnostic] = []
        rows: dict[str, int] = {}
        found: dict[str, tuple[Base, ...]] = {}
        for group in GROUPS:
            rooted: list[Base] = []
            for index, base in enumerate(getattr(bases, group)):
                path = f"knowledge_base.{group}.{index}"
                one, count, wrong = self._base(base, positions.value(f"{path}.file"))
                rooted.append(one)
                problems += [replace(problem, tenant=tenant) for problem in wrong]
                if count is not None:
                    rows[path] = count
            found[group] = tuple(rooted)
        return KnowledgeBase(**found), rows, problems

    def _base(self, base: Base, where: Where) -> tuple[Base, int | None, list[Diagnostic]]:
        if base.file is None:
            return base, None, []
        path, problem = self._locate(base.file)
        if problem is not None:
            return base, None, [replace(problem, where=where)]
        try:
            file_digest = self._digest(path)
        except OSError as error:
            why = error.strerror or "it can't be opened"
            return base, None, [Diagnostic("TEMO241", "the knowledge-base file can't be read", where, detail=why)]
        relative = self._shown(path)
        count, wrong = self._rows(path, file_digest, base)
        if any(one.severity is Severity.ERROR for one in wrong):
            count = None
        self.files[relative] = KnowledgeFile(relative, file_digest, count)
        told = [replace(one, where=replace(one.where, file=relative) if one.where else None) for one in wrong]
        return base.model_copy(update={"file": relative}), count, told

    def _locate(self, text: str) -> tuple[Path, Diagnostic | None]:
        """The real path behind what the spec says, which must lie inside the specs' folder."""
        pure = PurePosixPath(text)
        plain = Path(os.path.normpath(self.folder / text))
        outside = "\\" in text or "\0" in text or ":" in text or pure.is_absolute() or text.startswith("~")
        if outside or not plain.is_relative_to(self.folder):
            return plain, Diagnostic(
                "TEMO242",
                "the path leaves the folder of the specs",
                fix=f"Copy the file below {self.folder.name}/ and write the path from there, with / between folders.",
            )
        real = Path(os.path.realpath(plain))
        if not real.is_relative_to(os.path.realpath(self.folder)):
            return plain, Diagnostic(
                "TEMO243",
                "a link on this path leads out of the folder of the specs",
                fix=f"Copy the file itself below {self.folder.name}/ instead of linking to it.",
            )
        if not plain.exists():
            return plain, self._not_there(plain, text)
        if not plain.is_file() or plain.suffix.lower() not in EXTENSIONS:
            return plain, Diagnostic(
                "TEMO244", "not a table that can be read", allowed=EXTENSIONS, fix="Save the table as CSV or XLSX."
            )
        return plain, None

    def _not_there(self, path: Path, text: str) -> Diagnostic:
        near = [one.name for one in path.parent.iterdir() if one.is_file()] if path.parent.is_dir() else []
        name = closest(path.name, [one for one in near if one.lower().endswith(EXTENSIONS)])
        suggestion = (PurePosixPath(text).parent / name).as_posix() if name else ""
        return Diagnostic(
            "TEMO241",
            f"there is no file {shown(text, 100)}",
            span="not found",
            suggestion=suggestion,
            fix=f"Paths start at {self.folder.name}/.",
        )

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            with path.open("rb") as stream:
                self._digests[path] = hashlib.file_digest(stream, "sha256").hexdigest()
        return self._digests[path]

    def _rows(self, path: Path, file_digest: str, base: Base) -> tuple[int | None, list[Diagnostic]]:
        key = rows_key(file_digest, base)
        if key in self.known_rows:
            return self.known_rows[key], []
        if not self.read:
            return None, []
        if (path, key) not in self._checked:
            from temoctl.sheets import ReadOptions, check

            info, wrong = check(path, ReadOptions.from_tree(base.options), shown=self._shown(path))
            self._checked[path, key] = (info.count if info else None, list(wrong))
        return self._checked[path, key]

    @property
    def counted(self) -> dict[str, int]:
        """Rows by `rows_key` of the files that were read now and gave nothing to say."""
        return {key: rows for (_, key), (rows, wrong) in self._checked.items() if rows is not None and not wrong}

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()
