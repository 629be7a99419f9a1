"""What the tests of MongoDB share."""

from __future__ import annotations

from tests.systems.mongodb.forgotten import forgotten_sockets

__all__ = ["forgotten_sockets"]
