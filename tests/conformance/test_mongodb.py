"""MongoDB, or what stands in for it, keeps every promise of the suite."""

from conformance.backends import MongoBackend
from memu.testing import BackendTests


class TestMongoDB(BackendTests):
    backend_type = MongoBackend
