"""The whole project at once: platform file, plans, tenants, and everything that is wrong with them.

Nothing here raises for what people wrote: a broken file is diagnostics, and its neighbours load all the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from temoctl.model.diagnostic import Diagnostic, Severity, Where
from temoctl.model.value import digest
from temoctl.spec.knowledge import KnowledgeFile, KnowledgeReader
from temoctl.spec.plan_spec import PlanSpec
from temoctl.spec.platform_spec import Defaults, PlatformSpec
from temoctl.spec.source import read_source
from temoctl.spec.suggest import closest
from temoctl.spec.tenant import TenantSpec
from temoctl.spec.tenant_file import LoadedTenant, TenantLoader, called, errors
from temoctl.spec.translate import validated
from temoctl.spec.yaml_reader import Document, read_document

TENANTS = "tenant_specs"
PLANS = "plans"


@dataclass(frozen=True, slots=True)
class Project:
    """`tenants` holds the valid ones only. `digests` has a key per tenant id, and "plans" and "platform".

    `knowledge` maps paths (from the root) to what is known of the files that tenants name; `counted` are the row
    counts of those that were read and found sound, for `known_rows` of a later run. A diagnostic without a tenant
    concerns all of them. `beyond` are tenants whose only fault is that they have more than their plan allows.
    """

    root: Path
    profile: str
    platform: PlatformSpec | None
    plans: Mapping[str, PlanSpec]
    tenants: Mapping[str, TenantSpec]
    diagnostics: tuple[Diagnostic, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    knowledge: Mapping[str, KnowledgeFile] = field(default_factory=dict)
    counted: Mapping[str, int] = field(default_factory=dict)
    beyond: Mapping[str, TenantSpec] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(one for one in self.diagnostics if one.severity is Severity.ERROR)

    def problems_of(self, tenant: str) -> tuple[Diagnostic, ...]:
        """What stops this tenant: its own errors and those across files."""
        return tuple(one for one in self.errors if one.tenant in ("", tenant))


def load_project(
    root: Path, profile: str = "", *, known_rows: Mapping[str, int] | None = None, read_files: bool = True
) -> Project:
    """Load and check everything below `root`.

    `known_rows` (by `knowledge.rows_key`) spares reading files that were counted before; `read_files` False checks
    only that knowledge-base files are there.
    """
    root = root.resolve()
    platform, problems = load_platform(root, profile)
    plans, broken, wrong = _load_plans(root)
    problems += wrong
    defaults = platform.defaults if platform else Defaults()
    reader = KnowledgeReader(root, root / TENANTS, known_rows or {}, read_files)
    loader = TenantLoader(root, defaults, plans, frozenset(broken), reader)
    loaded = [loader.load(path) for path in _specs(root / TENANTS)]
    if not loaded:
        fix = f"Make one with `temoctl new`; specs lie in {TENANTS}/."
        where = Where(TENANTS)
        problems.append(Diagnostic("TEMO260", "there are no tenants yet", where, fix=fix, severity=Severity.NOTE))
    for one in loaded:
        problems += one.problems
    twice, wrong = _same_id(loaded)
    problems += wrong
    tenants = {one.spec.id: one.spec for one in loaded if one.spec is not None and one.id not in twice}
    digests = {name: spec.digest for name, spec in tenants.items()}
    digests["plans"] = digest({name: plan.digest for name, plan in plans.items()})
    digests["platform"] = platform.digest if platform else ""
    beyond = {one.id: one.beyond for one in loaded if one.beyond is not None and one.id not in twice}
    found = _sorted(problems)
    return Project(root, profile, platform, plans, tenants, found, digests, reader.files, reader.counted, beyond)


def load_platform(root: Path, profile: str = "") -> tuple[PlatformSpec | None, list[Diagnostic]]:
    """The platform file of a profile. None without a problem where the default profile has no file."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", profile):
        fix = "Use letters, digits, - and _."
        return None, [Diagnostic("TEMO281", "not the name of a profile", Where("platform.yaml"), fix=fix)]
    path = platform_path(root, profile)
    if not path.exists():
        return None, [_no_platform(root, path, profile)] if profile else []
    document, problems = _document(path, root)
    if document is None or document.value is None:
        return None, problems
    spec, wrong = validated(PlatformSpec, document.value, document)
    problems += wrong
    if spec is None or errors(problems):
        return None, problems
    spec._document, spec._path = document, path
    return spec, problems


def platform_path(root: Path, profile: str) -> Path:
    """Where a profile's platform file lies."""
    if profile == "sandbox":
        return Path(os.environ.get("TEMOCTL_SANDBOX_DIR") or root / ".sandbox") / "platform.yaml"
    return root / (f"platform.{profile}.yaml" if profile else "platform.yaml")


def _no_platform(root: Path, path: Path, profile: str) -> Diagnostic:
    if profile == "sandbox":
        return Diagnostic("TEMO280", "the sandbox isn't running", Where(str(path)), fix="Run `temoctl sandbox start`.")
    known = sorted(one.name.split(".")[1] for one in root.glob("platform.*.yaml"))
    return Diagnostic(
        "TEMO280",
        f"there is no profile {profile}",
        Where(called(path, root)),
        suggestion=closest(profile, known),
        allowed=tuple(known),
        fix=f"Write {path.name}, or choose another profile with --profile.",
    )


def _document(path: Path, root: Path) -> tuple[Document | None, list[Diagnostic]]:
    source, problems = read_source(path, called(path, root))
    if source is None:
        return None, problems
    document = read_document(source)
    return document, [*problems, *document.problems]


def _specs(folder: Path) -> list[Path]:
    """The YAML files of a folder, hidden ones left out."""
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in (".yaml", ".yml") and path.name[0] not in ".#~"
    )


def _load_plans(root: Path) -> tuple[dict[str, PlanSpec], set[str], list[Diagnostic]]:
    """The valid plans, the ids of broken ones (so that a tenant isn't told that its plan doesn't exist), problems."""
    plans: dict[str, PlanSpec] = {}
    broken: set[str] = set()
    problems: list[Diagnostic] = []
    for path in _specs(root / PLANS):
        document, wrong = _document(path, root)
        spec = None
        if document is not None and document.value is not None:
            spec, more = validated(PlanSpec, document.value, document)
            wrong += more
        if document is None or spec is None or errors(wrong):
            broken |= {path.stem.upper(), str(((document and document.value) or {}).get("id"))}
        elif spec.id in plans:
            first = plans[spec.id].where("id").file
            where = document.positions.value("id")
            wrong.append(Diagnostic("TEMO255", f"plan {spec.id} stands in two files", where, span=f"also in {first}"))
        else:
            spec._positions = document.positions
            plans[spec.id] = spec
        problems += wrong
    return plans, broken, problems


def _same_id(loaded: Iterable[LoadedTenant]) -> tuple[set[str], list[Diagnostic]]:
    """Two tenants with one id: an error across files, which stops everybody."""
    first: dict[str, LoadedTenant] = {}
    twice: set[str] = set()
    problems: list[Diagnostic] = []
    for one in loaded:
        before = first.setdefault(one.id, one)
        if before is one or not (one.sure and before.sure):
            continue
        twice.add(one.id)
        problems.append(
            Diagnostic(
                "TEMO228",
                f"two tenants have the id {one.id}",
                one.where,
                span="the second of the two",
                detail=f"The other one: {before.where}.",
                fix="Give one of them another id. Nothing is planned or applied until then.",
            )
        )
    return twice, problems


def _sorted(problems: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(problems, key=lambda one: (one.where or Where(""), one.code, one.summary)))
