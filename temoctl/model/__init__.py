"""The nouns of temoctl: frozen values and pure functions on them.

Nothing here does I/O, knows a vendor, or imports another temoctl package. Everything else imports this one.
"""
