"""What temoctl costs, measured as whole processes: `make bench`. Not tests: these numbers depend on the machine."""
