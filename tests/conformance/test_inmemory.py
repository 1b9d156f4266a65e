"""SQLite in RAM keeps every promise of the suite."""

from conformance.backends import InMemoryBackend
from memu.testing import BackendTests


class TestInMemory(BackendTests):
    backend_type = InMemoryBackend
