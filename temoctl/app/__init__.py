"""The use cases that command line, worker and server share. A use case takes a serialisable request and a principal.

Ties spec, blueprint, planner, engine, systems and systemdata together; renders nothing and exits nothing.
"""
