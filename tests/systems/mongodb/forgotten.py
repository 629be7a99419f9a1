"""Sockets that pymongo forgets, collected where they were forgotten and not during somebody else's test."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def forgotten_sockets() -> Iterator[None]:
    """pymongo's monitor doesn't close the socket of a connection that it was about to open when it was told to end."""
    yield
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
        gc.collect()
