"""SQLite in RAM keeps every promise of the suite."""

from conformance.backends import InMemoryBackend

from memu.testing import RecordStoreTests


class TestInMemoryRecords(RecordStoreTests):
    backend_type = InMemoryBackend
