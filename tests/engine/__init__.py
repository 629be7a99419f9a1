"""Tests of the engine, on virtual time and toy systems."""
