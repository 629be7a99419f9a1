"""The tests of temoctl. Each package tests the package of the same name."""
