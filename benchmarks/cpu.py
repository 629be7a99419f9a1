"""(c) CPU per step of planner and engine, in one process without any system behind them."""

from __future__ import annotations

from benchmarks.cases import Row


def per_step() -> list[Row]:
    return []
