"""PostgreSQL with pgvector keeps every promise of the suite."""

from conformance.backends import PostgresBackend
from memu.testing import BackendTests


class TestPostgres(BackendTests):
    backend_type = PostgresBackend
