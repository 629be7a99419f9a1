"""The error tree. Each class says what the caller can do, never what the vendor said.

TemoError                 code, summary, detail, where, fix
├── UserError             the input is wrong: mend it and try again (exit 5)
├── Refused               the system or a rule says no: repeating won't help
├── Conflict              the world changed since it was read, or somebody else owns it: read and plan again
├── Retryable             known to have had NO effect: may be repeated after `after` seconds
├── UnknownOutcome        may or may not have happened: look it up before anything is repeated
├── Unavailable           a read failed (outage, timeout): what is there is unknown
├── LeaseLost             this process no longer holds the tenant: stop at once, write nothing
├── Locked                somebody else holds the tenant (exit 6)
└── Bug                   temoctl's own fault
"""

from __future__ import annotations

from collections.abc import Sequence

from temoctl.model.diagnostic import Diagnostic, Where


class TemoError(Exception):
    """Base of every error temoctl raises on purpose; `code` is `TEMOnnn` with a page behind `temoctl explain`."""

    def __init__(
        self, code: str, summary: str, *, detail: str = "", fix: str = "", where: Where | None = None, tenant: str = ""
    ) -> None:
        super().__init__(f"{code}: {summary}")
        self.code = code
        self.summary = summary
        self.detail = detail
        self.fix = fix
        self.where = where
        self.tenant = tenant

    def diagnostic(self) -> Diagnostic:
        """The same problem as a value that can be gathered and shown with others."""
        return Diagnostic(
            self.code, self.summary, where=self.where, detail=self.detail, fix=self.fix, tenant=self.tenant
        )


class UserError(TemoError):
    """The input is wrong."""


class Problems(UserError):
    """Several diagnostics at once (all problems of a set of files)."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        first = diagnostics[0]
        super().__init__(first.code, first.summary, detail=first.detail, fix=first.fix, where=first.where)
        self.diagnostics = tuple(diagnostics)


class Refused(TemoError):
    """The system or a rule says no; repeating the call won't help."""


class Conflict(TemoError):
    """The object changed since it was read, or belongs to somebody else."""


class Retryable(TemoError):
    """Known to have had no effect. `after` is the wait the system asks for, in seconds; None where it doesn't say."""

    def __init__(self, code: str, summary: str, *, after: float | None = None, detail: str = "", fix: str = "") -> None:
        super().__init__(code, summary, detail=detail, fix=fix)
        self.after = after


class UnknownOutcome(TemoError):
    """The request may or may not have taken effect."""


class Unavailable(TemoError):
    """A read did not succeed; nothing is known about what it asked for."""


class LeaseLost(TemoError):
    """The lease on the tenant was lost: nothing more may be started or written."""


class Locked(TemoError):
    """Another run holds the tenant."""


class Bug(TemoError):
    """temoctl's own fault: never the user's."""
