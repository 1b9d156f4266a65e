"""SQLite in a file keeps every promise of the suite."""

from conformance.backends import SQLiteBackend

from memu.testing import RecordStoreTests


class TestSQLiteRecords(RecordStoreTests):
    backend_type = SQLiteBackend
