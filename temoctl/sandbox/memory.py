"""What the stand-ins hold, kept over a stop. Written when the serving process ends, gone as soon as it is read.

Gone, because after a crash an old memory would be worse than none: objects made since would be missing, and deleted
ones back. Must not know what the things held mean.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from temoctl.sandbox.folder import write_private_bytes
from temoctl.sandbox.mongo.listener import MongoListener
from temoctl.systems.fake_http import FakeHttp
from temoctl.systems.n8n.fake import FakeN8n
from temoctl.systems.stripe.fake import FakeStripe
from temoctl.systems.supabase.fake import FakeStorage
from temoctl.systems.telegram.fake import FakeTelegram


def save(fakes: Mapping[str, FakeHttp], path: Path) -> None:
    held = {f"{name}.{part}": dict(table) for name, fake in fakes.items() for part, table in _tables(fake)}
    held |= {name: fake.engine.dump() for name, fake in fakes.items() if isinstance(fake, MongoListener)}
    write_private_bytes(path, pickle.dumps(held))


def load(fakes: Mapping[str, FakeHttp], path: Path) -> None:
    """Give the stand-ins back what they held. A file of another version of temoctl counts as none."""
    held: dict[str, dict[Any, Any]] = {}
    with contextlib.suppress(FileNotFoundError, pickle.UnpicklingError, AttributeError, ImportError, EOFError):
        held = pickle.loads(path.read_bytes())  # noqa: S301 - our own file, in a folder only we can write to
    path.unlink(missing_ok=True)
    for name, fake in fakes.items():
        if isinstance(fake, MongoListener) and name in held:
            fake.engine.restore(held[name])
        for part, table in _tables(fake):
            table.update(held.get(f"{name}.{part}", {}))


def _tables(fake: FakeHttp) -> Iterator[tuple[str, MutableMapping[Any, Any]]]:
    """The tables of a stand-in that make up its world, each changed in place only."""
    match fake:
        case FakeTelegram():
            yield "bots", fake.bots
        case FakeStripe():
            yield "tables", fake.ledger.tables
        case FakeStorage():
            yield "buckets", fake.buckets
        case FakeN8n():
            yield "credentials", fake.credentials
            yield "workflows", fake.workflows
            yield "hooks", fake.publication.hooks
            yield "running", fake.publication.running
