"""What temoctl answers over HTTP: an address for Stripe's events, and whether it is well.

Turns requests into use cases and their outcomes into status codes. Must not know anything below the use cases.
"""

from temoctl.serve.listening import Listener, run
from temoctl.serve.routes import application

__all__ = ["Listener", "application", "run"]
