"""SQLite in a file keeps every promise of the suite."""

from conformance.backends import SQLiteBackend
from memu.testing import BackendTests


class TestSQLite(BackendTests):
    backend_type = SQLiteBackend
