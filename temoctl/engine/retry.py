"""How long and how often is tried again. Only what is known to have had no effect is repeated from here.

Own code (stamina and tenacity sleep on the machine's clock): delays must run on the injected one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from temoctl.engine.ports import Ids


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds, all of them. `step` bounds one effect: no change is sent later than this after its intent was written.

    Recovery relies on `step`: what a dead process may still have sent is bounded by it. `skew` is how far two
    machines' clocks may differ. `first` and `longest` shape the backoff; `tries` bounds repeats of one effect.
    """

    step: float = 600.0
    skew: float = 2.0
    first: float = 0.5
    longest: float = 30.0
    tries: int = 6
    outage: float = 60.0  # how long a read that gets no answer is repeated


def backoff(patience: Patience, ids: Ids) -> Iterator[float]:
    """Delays that double up to `longest`, each spread over its upper half so that clients don't move in step."""
    delay = patience.first
    while True:
        yield delay * (0.5 + ids.jitter() / 2)
        delay = min(delay * 2, patience.longest)


def looks(ids: Ids) -> Iterator[float]:
    """Pauses between looks at something that is expected to change soon."""
    return backoff(Patience(first=0.2, longest=5.0), ids)
