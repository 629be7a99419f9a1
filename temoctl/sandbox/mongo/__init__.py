"""A small MongoDB: the commands that temoctl and n8n's driver use, everything else refused by name.

What it does and how far it goes is written in docs/mongodb-compatibility.md, with a test for each line that also runs
against a real server. Documents, queries and updates are mongomock-ng's; the rest is here.
"""

ADMIN = "temoctl"
"""The name of temoctl's own login."""
