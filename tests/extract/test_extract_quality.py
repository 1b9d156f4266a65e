"""Floors under the quality of the rules, on the labelled halves; benchmarks/extraction.py prints the figures."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "extraction.py"
    spec = importlib.util.spec_from_file_location("extraction_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FLOORS = {
    "dev": {"small talk F1": 0.9, "memory type right": 0.82, "first category accepted": 0.82, "dates right": 0.98},
    "heldout": {"small talk F1": 0.88, "memory type right": 0.68, "first category accepted": 0.7, "dates right": 0.95},
}


@pytest.mark.parametrize("split", FLOORS)
def test_floors(bench: ModuleType, split: str) -> None:
    measured = {**bench.measure_sentences(bench.extract_all(), split), **bench.measure_dates(split)}
    below = {name: measured[name] for name, floor in FLOORS[split].items() if measured[name][0] < floor}
    assert not below
