"""What a server says when it says no: codes with their names, as drivers expect them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CODES: Mapping[str, int] = {
    "InternalError": 1,
    "BadValue": 2,
    "FailedToParse": 9,
    "UserNotFound": 11,
    "UnsupportedFormat": 12,
    "Unauthorized": 13,
    "TypeMismatch": 14,
    "ProtocolError": 17,
    "AuthenticationFailed": 18,
    "IllegalOperation": 20,
    "NamespaceNotFound": 26,
    "IndexNotFound": 27,
    "RoleNotFound": 31,
    "CursorNotFound": 43,
    "NamespaceExists": 48,
    "CommandNotFound": 59,
    "ImmutableField": 66,
    "CannotCreateIndex": 67,
    "InvalidOptions": 72,
    "InvalidNamespace": 73,
    "IndexOptionsConflict": 85,
    "IndexKeySpecsConflict": 86,
    "InvalidIndexSpecificationOption": 197,
    "CommandNotSupported": 115,
    "DocumentValidationFailure": 121,
    "NotImplemented": 238,
    "MechanismUnavailable": 334,
    "BSONObjectTooLarge": 10334,
    "DuplicateKey": 11000,
    "DatabaseDifferCase": 13297,
    "Location17419": 17419,
    "Location40415": 40415,
    "Location51003": 51003,
}


class CommandFailed(Exception):
    """A command that is answered with `ok: 0`, or one write of several that failed. `more` are further fields."""

    def __init__(self, name: str, words: str, **more: Any) -> None:
        super().__init__(words)
        self.name, self.words, self.more = name, words, more

    @property
    def code(self) -> int:
        return CODES[self.name]

    def reply(self) -> dict[str, Any]:
        return {"ok": 0.0, "errmsg": self.words, "code": self.code, "codeName": self.name, **self.more}

    def write_error(self, index: int) -> dict[str, Any]:
        return {"index": index, "code": self.code, "errmsg": self.words, **self.more}


def beyond(what: str) -> CommandFailed:
    """A real server does it; this one doesn't, and says so rather than pretend."""
    return CommandFailed("NotImplemented", f"the sandbox's MongoDB does not do this: {what}")
