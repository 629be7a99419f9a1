"""temoctl: infrastructure-as-code for the tenants of a chat-automation agency.

The package map is in docs/architecture.md. Importing this package must stay free: no third-party import
happens here, because `temoctl --help` pays for it.
"""

__version__ = "0.1.0"
