"""MySQL keeps every promise of the suite."""

from conformance.backends import MySQLBackend
from memu.testing import BackendTests


class TestMySQL(BackendTests):
    backend_type = MySQLBackend
