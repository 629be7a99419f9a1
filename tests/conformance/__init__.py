"""One suite that every system passes, whatever it is wired to."""
