"""A whole world on one machine: stand-ins behind real sockets, an embedded PostgreSQL, or a real n8n.

Everything listens on 127.0.0.1 and keeps its data in one folder. Knows the systems' stand-ins and SystemData; must not
know planning, applying or how anything is shown.
"""
