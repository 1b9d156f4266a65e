"""What may be filtered on, and how a filter on categories or resources becomes conditions on rows."""

from collections.abc import Iterable, Mapping
from typing import Any

from memu.backends.base import Condition, RowsOf
from memu.backends.filters import Field, parse
from memu.backends.schema import CATEGORIES, ITEMS, LINKS, RESOURCES
from memu.backends.tables import Kind
from memu.database.unit import ScopedReader
from memu.errors import FilterError, ScopeError
from memu.scope import Scope, check_value

_COMMON = (Field("id", Kind.ID), Field("created_at", Kind.TIME), Field("updated_at", Kind.TIME))

FIELDS: dict[str, tuple[Field, ...]] = {
    ITEMS: (
        *_COMMON,
        Field("memory_type", Kind.NAME),
        Field("category", Kind.NAME),
        Field("resource", Kind.NAME),
        Field("resource_id", Kind.ID),
        Field("speaker", Kind.NAME),
        Field("said_at", Kind.TIME),
        Field("happened_at", Kind.TIME),
        Field("metadata", Kind.JSON),
    ),
    RESOURCES: (
        *_COMMON,
        Field("url", Kind.URL),
        Field("modality", Kind.NAME),
        Field("metadata", Kind.JSON),
    ),
    CATEGORIES: (*_COMMON, Field("name", Kind.NAME)),
    LINKS: (*_COMMON, Field("item_id", Kind.ID), Field("category_id", Kind.ID)),
}
"""The fields that each table may be filtered on, scope fields apart."""


def split_scope(where: Mapping[str, Any] | None, scope_fields: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part a filter into its scope fields and the rest.

    Raises:
        ScopeError: a scope field comes with an operator: a call reads one scope, never several.
    """
    scope, rest = {}, {}
    for key, value in (where or {}).items():
        name = str(key).partition("__")[0].partition(".")[0]
        if name not in scope_fields:
            rest[key] = value
        elif key != name:
            raise ScopeError(f"filter {key!r}: a scope field takes one value, without an operator.")
        else:
            scope[key] = check_value(name, value)
    return scope, rest


def check_pair(scope: Scope, named: Mapping[str, Any] | None) -> None:
    """Refuse a mapping that names another owner than the one the handle is bound to.

    Raises:
        ScopeError: naming the field; the other owner's existence is not told.
    """
    own = scope.as_dict()
    for name, value in (named or {}).items():
        if name not in own:
            raise ScopeError(f"unknown scope field {name!r}: this store's are {', '.join(own)}.")
        if check_value(name, value) != own[name]:
            raise ScopeError(
                f"this handle is bound to {name}={own[name]!r} and cannot touch {name}={value!r}: "
                "make a service for that user, or an unbound one and name the user in each call."
            )


def conditions(table: str, where: Mapping[str, Any] | None, reader: ScopedReader) -> list[Condition]:
    """Parse a filter for a table; categories (by name) and resources (by id or URL) are looked up in the scope.

    Raises:
        FilterError: an unknown field or operator, or a value that does not fit.
    """
    return [
        condition
        for one in parse(where, FIELDS[table])
        for condition in (_looked_up(one, reader) if one.field in _LOOKUPS else [one])
    ]


_LOOKUPS = {"category": ("category_id", CATEGORIES, "name"), "resource": ("resource_id", RESOURCES, "url")}


def _looked_up(one: Condition, reader: ScopedReader) -> list[Condition]:
    if one.op not in ("eq", "ne", "in"):
        raise FilterError(f"filter '{one.field}__{one.op}': {one.field} takes equality, __ne and __in only.")
    field, table, column = _LOOKUPS[one.field]
    values = tuple(one.value) if one.op == "in" else (one.value,)
    ids = [row["id"] for row in reader.find(table, [Condition(column, "in", values)], columns=("id",))]
    ids += values if one.field == "resource" else ()
    if one.op == "ne":
        return [Condition(field, "ne", each) for each in ids]
    return [Condition(field, "in", tuple(ids))]


def on_rows(parsed: Iterable[Condition]) -> list[Condition]:
    """The same conditions as rows know them: an item's row does not hold its categories, the links do."""
    return [_by_links(one) if one.field == "category_id" and one.op in ("in", "ne") else one for one in parsed]


def _by_links(one: Condition) -> Condition:
    values = one.value if one.op == "in" else (one.value,)
    linked = RowsOf(LINKS, "item_id", (Condition("category_id", "in", tuple(values)),))
    return Condition("id", "in_rows" if one.op == "in" else "not_in_rows", linked)
