"""SystemData: the one database that knows who owns what. PostgreSQL, embedded or by DSN; in memory for simulations.

Knows the model and the engine's ports; must not know any vendor, the spec, or how things are shown.
"""
