"""The whole of temoctl in one process: real use cases, systems over stand-ins, virtual time, many faults."""
