"""`python -m temoctl`: the command line, for whoever starts it with an interpreter of their choice."""

from temoctl.cli.main import run

run()
