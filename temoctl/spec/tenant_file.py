"""One tenant's file: read, validated, held against its plan and its knowledge-base files.

A file that can't be read still says which tenant it is about, so that what is wrong there stops that tenant alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from temoctl.model.diagnostic import Diagnostic, Severity, Where
from temoctl.spec.fields import PLAN_ID, TENANT_ID
from temoctl.spec.knowledge import KnowledgeReader
from temoctl.spec.plan_spec import PlanSpec
from temoctl.spec.platform_spec import Defaults
from temoctl.spec.policy import plan_problems, unknown_plan
from temoctl.spec.source import Source, read_source
from temoctl.spec.tenant import RESERVED_IDS, KnowledgeBase, TenantSpec, cross_checks, same_names
from temoctl.spec.tokens import visible
from temoctl.spec.translate import custom, validated
from temoctl.spec.yaml_reader import Document, read_document


def parse_tenant(text: str, file: str = "spec.yaml") -> tuple[TenantSpec | None, list[Diagnostic]]:
    """One spec on its own, without plans and without looking at files."""
    document = read_document(Source(file, text))
    spec, problems = _validated_tenant(document, Defaults())
    return (None if errors(problems) else spec), problems


def called(path: Path, root: Path) -> str:
    """How a file is called in messages."""
    return visible(path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path))


def errors(problems: Iterable[Diagnostic]) -> bool:
    """True when something among the problems stops."""
    return any(one.severity is Severity.ERROR for one in problems)


@dataclass(frozen=True, slots=True)
class LoadedTenant:
    """What one file came to. `sure` is False where the id was guessed from the file's name.

    `beyond` is a spec that is sound, but has more than its plan allows.
    """

    id: str
    spec: TenantSpec | None
    problems: list[Diagnostic]
    where: Where
    sure: bool
    beyond: TenantSpec | None = None


@dataclass(frozen=True, slots=True)
class TenantLoader:
    """Loads the files of one project. `broken` are ids of plans that exist but can't be read."""

    root: Path
    defaults: Defaults
    plans: Mapping[str, PlanSpec]
    broken: frozenset[str]
    reader: KnowledgeReader

    def load(self, path: Path) -> LoadedTenant:
        file, name = called(path, self.root), _by_file(path)
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(path.parent)):
            fix = "Copy the file itself into the folder instead of linking to it."
            outside = Diagnostic(
                "TEMO243", "this spec is a link to a file elsewhere", Where(file), fix=fix, tenant=path.stem
            )
            return LoadedTenant(name, None, [outside], Where(file), sure=False)
        source, problems = read_source(path, file)
        if source is None:
            return LoadedTenant(name, None, _of(name, problems), Where(file), sure=False)
        document = read_document(source)
        spec, problems = _validated_tenant(document, self.defaults)
        name, sure = _id_of(document, path)
        sound: TenantSpec | None = None
        if spec is None:
            problems += source.with_snippets(self._of_parts(document, name))
        else:
            bases, rows, wrong = self.reader.check(spec.knowledge_base, document.positions, spec.id)
            spec = spec.model_copy(update={"knowledge_base": bases})
            problems += source.with_snippets(wrong)
            sound = spec if not errors(problems) and spec.plan in self.plans else None
            if spec.plan not in self.broken or spec.plan in self.plans:
                problems += source.with_snippets(plan_problems(spec, self.plans, rows))
        valid, beyond = (None, sound) if errors(problems) else (sound, None)
        return LoadedTenant(name, valid, _of(name, problems), document.positions.value("id"), sure, beyond)

    def _of_parts(self, document: Document, tenant: str) -> list[Diagnostic]:
        """What can be said of the plan and of the tables while other parts of the spec are wrong."""
        value = document.value or {}
        problems: list[Diagnostic] = []
        plan = value.get("plan")
        if isinstance(plan, str) and re.fullmatch(PLAN_ID, plan) and plan not in {*self.plans, *self.broken}:
            problems.append(unknown_plan(plan, self.plans, document.positions.value("plan"), tenant))
        bases, _ = validated(KnowledgeBase, value.get("knowledge_base") or {}, document, ("knowledge_base",))
        if bases is not None:
            problems += [custom(problem, loc, document) for loc, problem in same_names(bases)]
            problems += self.reader.check(bases, document.positions, tenant)[2]
        return problems


def _validated_tenant(document: Document, defaults: Defaults) -> tuple[TenantSpec | None, list[Diagnostic]]:
    problems = list(document.problems)
    if document.value is None:
        return None, problems
    spec, wrong = validated(TenantSpec, _with_defaults(document.value, defaults), document)
    if spec is not None:
        spec._positions = document.positions
        wrong += [custom(problem, loc, document) for loc, problem in cross_checks(spec)]
    leaks = {one.where.line for one in problems if one.code == "TEMO239" and one.where}
    return spec, problems + [
        one for one in wrong if not (one.code == "TEMO239" and one.where and one.where.line in leaks)
    ]


def _with_defaults(value: dict[str, Any], defaults: Defaults) -> dict[str, Any]:
    """What the platform file says for tenants that don't say it themselves."""
    given = {
        "company": {"language": defaults.language, "time_zone": defaults.time_zone},
        "business": {"tone": defaults.tone},
    }
    filled = dict(value)
    for section, wanted in given.items():
        present = filled.get(section)
        if isinstance(present, dict):
            missing = {key: one for key, one in wanted.items() if one is not None and present.get(key) is None}
            filled[section] = {**present, **missing}
    return filled


def _id_of(document: Document, path: Path) -> tuple[str, bool]:
    """Which tenant a file is about, even when it can't be read: what is wrong there must stop that tenant alone."""
    written = (document.value or {}).get("id")
    if document.value is None:
        found = re.search(rf"^id:[ \t]*[\"']?({TENANT_ID})[\"']?[ \t]*(?:#.*)?$", document.source.text, re.MULTILINE)
        written = found[1] if found else None
    if isinstance(written, str) and re.fullmatch(TENANT_ID, written) and written not in RESERVED_IDS:
        return written, True
    return _by_file(path), False


def _by_file(path: Path) -> str:
    """The file's name as the tenant's: never one of the reserved ones, which would stop the platform itself."""
    return path.name if path.stem in RESERVED_IDS else path.stem


def _of(tenant: str, problems: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [replace(one, tenant=tenant) for one in problems]
