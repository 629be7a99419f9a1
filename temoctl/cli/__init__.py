"""The command line: words in, one use case called, a screen and an exit code out. Decides nothing itself.

Importing it must stay cheap (`temoctl --help` answers at once): commands import what they need when they run.
"""
