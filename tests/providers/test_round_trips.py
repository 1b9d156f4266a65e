"""Any document comes back as it was given: from a row, after an update, and from a database."""

from datetime import timedelta, timezone
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memorizz.enums import MemoryType
from memorizz.memory_provider.documents import Given, changed, to_document
from memorizz.memory_provider.provider import RecordProvider

from .places import OWN, TYPES, bare

LONG = MemoryType.LONG_TERM_MEMORY
TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"))
TIMES = st.datetimes() | st.datetimes(timezones=st.timedeltas(-timedelta(hours=14), timedelta(hours=14)).map(timezone))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | TIMES
    | st.dates()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS | st.just("$memorizz"), inner), max_leaves=8
)
STRICT = {"name": TEXTS | st.none(), "memory_id": TEXTS | st.none(), "user_id": TEXTS | st.none()}
KEYS = (TEXTS | st.sampled_from(["content", "role", "metadata", "agent_id", "$memorizz"])).filter(
    lambda key: key not in (*OWN, *STRICT)
)
DOCUMENTS = st.builds(
    lambda some, named: {**some, **named},
    st.dictionaries(KEYS, VALUES, max_size=5),
    st.fixed_dictionaries({}, optional=STRICT),
)


@given(DOCUMENTS, DOCUMENTS, st.sampled_from(TYPES))
@settings(max_examples=100)
def test_documents_survive_rows_and_updates(document: dict[str, Any], other: dict[str, Any], kind: MemoryType) -> None:
    row = Given.of(kind, document).row(None)
    assert bare(to_document(kind, row, include_embedding=False)) == document
    changes = {key: value for key, value in other.items() if key not in ("user_id", "memory_id")}
    merged = to_document(kind, changed(kind, row, changes), include_embedding=False)
    assert bare(merged) == {**document, **changes}


@given(st.lists(DOCUMENTS, min_size=1, max_size=4))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_documents_survive_databases(provider: RecordProvider, documents: list[dict[str, Any]]) -> None:
    for document in documents:
        assert bare(provider.retrieve_by_id(provider.store(document, LONG), LONG)) == document
