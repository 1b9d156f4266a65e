"""The conformance suite, shipped so that any backend can run it whole; nothing of the library imports it."""

from memu.testing.backend import ALICE, BOB, Backend, Rows, Suite
from memu.testing.changing import ChangeTests
from memu.testing.conditions import ConditionTests
from memu.testing.deciding import DecisionTests
from memu.testing.editing import EditTests
from memu.testing.finding import MeaningTests, RetrieveTests
from memu.testing.keeping import DatabaseTests
from memu.testing.listing import ListTests
from memu.testing.machine import MachineTests, MemoryMachine
from memu.testing.memorizing import MemorizeTests
from memu.testing.moving import ReembedTests
from memu.testing.requirements import require, required
from memu.testing.rows import RowTests
from memu.testing.tools import ToolTests
from memu.testing.transactions import TransactionTests


class RecordStoreTests(RowTests, ConditionTests, TransactionTests):
    """The contract of the record store."""


class BackendTests(
    RecordStoreTests,
    MemorizeTests,
    ListTests,
    EditTests,
    ChangeTests,
    DecisionTests,
    ToolTests,
    DatabaseTests,
    RetrieveTests,
    MeaningTests,
    ReembedTests,
    MachineTests,
):
    """Everything that a backend keeps to."""


__all__ = [
    "ALICE",
    "BOB",
    "Backend",
    "BackendTests",
    "MemoryMachine",
    "RecordStoreTests",
    "Rows",
    "Suite",
    "require",
    "required",
]
