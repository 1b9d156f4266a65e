"""Statements that are made once for every form of question: to make one takes longer than a small answer does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from typing import Any

import sqlalchemy as sa

from memu.backends.base import Condition, Order, RowsOf, Where
from memu.backends.clauses import Slot, behind, clause, in_order
from memu.backends.dialects import Dialect

MOST_FORMS = 512
"""How many forms are remembered; users' own filters make further ones."""

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A SELECT but for its values.

    Attributes:
        where: conditions, whose values are slots where they can be.
        limited: whether there is a limit, called `most`.
    """

    table: str
    columns: tuple[str, ...]
    where: tuple[Condition, ...]
    order: tuple[str, ...] = ()
    limited: bool = False


class Statements:
    """The statements of a store's tables; what differs between two questions of one form is a parameter."""

    def __init__(self, dialect: Dialect, tables: Mapping[str, sa.Table]) -> None:
        self.dialect = dialect
        self.tables = tables
        self._remembered = lru_cache(MOST_FORMS)(self._select)

    def select(
        self,
        table: str,
        columns: Sequence[str],
        where: Where,
        order: Order,
        limit: int | None,
        after: Sequence[Any] | None,
    ) -> tuple[sa.Select[Any], Values]:
        """A SELECT, and the values to run it with; see `Transaction.find`."""
        values: Values = {} if limit is None else {"most": limit}
        numbers = count()
        lifted = tuple(_lifted(one, values, numbers) for one in where)
        asked = Asked(table, tuple(columns), lifted, tuple(order), limit is not None)
        if after is not None:
            return self._select(asked).where(behind(self.tables[table], order, after)), values
        return (self._remembered if _is_general(lifted) else self._select)(asked), values

    def _select(self, asked: Asked) -> sa.Select[Any]:
        target = self.tables[asked.table]
        statement = sa.select(*(target.c[name] for name in asked.columns)).where(*self.met(asked.table, asked.where))
        statement = statement.order_by(*(in_order(self.dialect, target, name) for name in asked.order))
        return statement.limit(sa.bindparam("most", type_=sa.BigInteger())) if asked.limited else statement

    def met(self, table: str, where: Where) -> Iterator[sa.ColumnElement[bool]]:
        """The clauses of conditions on the rows of a table."""
        return (clause(self.dialect, self.tables, table, one) for one in where)


def _lifted(one: Condition, values: Values, numbers: Iterator[int]) -> Condition:
    """A condition with its values taken out into `values`, if it means the same for all values of the kind."""
    if isinstance(one.value, RowsOf):
        inner = tuple(_lifted(part, values, numbers) for part in one.value.where)
        return replace(one, value=replace(one.value, where=inner))
    several = one.op == "in"
    if one.path or one.value is None or (several and None in one.value):
        return one
    name = f"value_{next(numbers)}"
    values[name] = list(one.value) if several else one.value
    return replace(one, value=Slot(name, several=several))


def _is_general(where: Where) -> bool:
    """Whether no value is left, but for None: what a forgotten user asked for is not to be remembered."""
    return all(
        _is_general(one.value.where)
        if isinstance(one.value, RowsOf)
        else one.value is None or isinstance(one.value, Slot)
        for one in where
    )
