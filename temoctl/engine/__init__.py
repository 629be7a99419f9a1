"""The engine runs a plan: order, journal, retries, rate limits, waits, probes, cancel. It knows no vendor."""
