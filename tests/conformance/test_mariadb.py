"""MariaDB keeps every promise of the suite."""

from conformance.backends import MariaDBBackend
from memu.testing import BackendTests


class TestMariaDB(BackendTests):
    backend_type = MariaDBBackend
