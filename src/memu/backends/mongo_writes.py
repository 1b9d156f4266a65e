"""Writing rows to MongoDB: nothing is overwritten, new versions stand beside those that they replace."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from memu.backends.base import Conflict, Where, equals
from memu.backends.mongo_errors import lost
from memu.backends.mongo_lease import Turn
from memu.backends.mongo_reads import Key, MongoReader, key_of, light
from memu.backends.mongo_rows import BORN, DIED, NEVER, Document, changes, document
from memu.backends.tables import Table
from memu.errors import InputError, IntegrityError

if TYPE_CHECKING:
    from memu.backends.mongo import MongoRecordStore

T = TypeVar("T")

BATCH = 500
"""Rows that are loaded, changed and written at once."""


class MongoWriter(MongoReader):
    """The only writer of its time; what it writes is seen by nobody else before its commit."""

    def __init__(self, store: "MongoRecordStore", turn: Turn) -> None:
        super().__init__(store, turn.view)
        self.turn = turn
        self.touched: set[str] = set()
        self._made = 0

    def before(self) -> None:
        """Show that this writer lives, and is still the one."""
        self.turn.keep()

    def after(self) -> None:
        """Nothing: what a writer sees is never swept up before its end."""

    def put(self, table: str, rows: Sequence[Mapping[str, Any]], conflict: Conflict = "error") -> int:
        """Check the keys, insert the rows, and let those die that they replace."""
        target = self.store.schema.table(table)
        fresh, replaced = self._admit(target, [document(target, row) for row in rows], conflict)
        self._check_references(target, fresh)
        self._insert(target, fresh)
        self._end(target, replaced)
        return len(rows)

    def _admit(
        self, table: Table, documents: list[Document], conflict: Conflict
    ) -> tuple[list[Document], list[Document]]:
        """Those of some new rows that may come in, and the versions that go for them."""
        keys = Keyring(table, self._rivals(table, documents))
        replaced = []
        for one in documents:
            if conflict == "replace" and (old := keys.remove(key_of(one, table.key))) is not None:
                replaced.append(old)
            names = keys.clash(one)
            if names is None:
                keys.add(one)
            elif conflict != "ignore":
                raise taken(table, names)
        fresh = {key_of(one, table.key): one for one in documents if keys.holds(one)}
        return list(fresh.values()), [one for one in replaced if "_id" in one]

    def _rivals(self, table: Table, documents: Sequence[Document]) -> Iterator[Document]:
        """The versions that have a key of one of these rows."""
        for names in (table.key, *table.uniques):
            if wanted := [key for one in documents if None not in (key := key_of(one, names))]:
                yield from self.by_keys(table, names, wanted, light(table))

    def _check_references(
        self, table: Table, documents: Sequence[Document], among: Iterable[str] | None = None
    ) -> None:
        """Every row that the documents name must be there; with `among`, by way of these columns only."""
        for one in table.references:
            if among is not None and not set(one.columns) & set(among):
                continue
            wanted = {key for row in documents if None not in (key := key_of(row, one.columns))}
            if one.table == table.name:
                wanted -= {key_of(row, one.target) for row in documents}
            target = self.store.schema.table(one.table)
            found = (
                {key_of(row, one.target) for row in self.by_keys(target, one.target, wanted, ())} if wanted else set()
            )
            if wanted - found:
                raise IntegrityError(
                    f"a row breaks a key of the store: {table.name} ({', '.join(one.columns)}) names a row of "
                    f"{one.table} that is not there. Nothing of the call was kept."
                )

    def update(self, table: str, values: Mapping[str, Any], where: Where) -> int:
        """Give every row that meets `where` a new version."""
        if not values:
            return self.count(table, where)
        target = self.store.schema.table(table)
        change = changes(target, values)
        return self._change(target, [(old, change) for old in self._met(target, where)])

    def update_each(self, table: str, rows: Sequence[Mapping[str, Any]], key: Sequence[str]) -> int:
        """All rows are looked up at once."""
        if not rows:
            return 0
        target = self.store.schema.table(table)
        asked = {
            key_of(row, key): changes(target, {name: value for name, value in row.items() if name not in key})
            for row in rows
        }
        found = self.by_keys(target, key, asked, light(target))
        return self._change(target, [(old, asked[key_of(old, key)]) for old in found])

    def increment(self, table: str, key: Mapping[str, Any], column: str, fresh: Mapping[str, Any]) -> int:
        """A new version with one more, or the first one."""
        target = self.store.schema.table(table)
        found = self.documents(target, equals(**key), (column, *light(target)))
        if not found:
            self.put(table, [{**key, **fresh, column: 1}])
            return 1
        value = int(found[0][column]) + 1
        self._change(target, [(found[0], {column: value})])
        return value

    def delete(self, table: str, where: Where) -> int:
        """Let the rows die, and all that refer to them."""
        target = self.store.schema.table(table)
        found = self._met(target, where)
        self._end(target, found)
        self._cascade(target, found)
        return len(found)

    def _met(self, table: Table, where: Where) -> list[Document]:
        return [one for part in self._parts(table.name, where) for one in self.documents(table, part, light(table))]

    def _cascade(self, table: Table, gone: Sequence[Document]) -> None:
        for other in self.store.schema.tables:
            for one in other.references:
                if one.table == table.name and gone:
                    keys = [key_of(row, one.target) for row in gone]
                    children = self.by_keys(other, one.columns, keys, light(other))
                    self._end(other, children)
                    self._cascade(other, children)

    def _change(self, table: Table, pairs: Sequence[tuple[Document, Document]]) -> int:
        """New versions of some rows; each is given with what changes in it."""
        names = {name for _, change in pairs for name in change}
        self._check_changed(table, pairs, names)
        left = iter(pairs)
        while batch := list(islice(left, BATCH)):
            of = {old["_id"]: change for old, change in batch}
            self.before()
            whole = self.store.rows(table.name).find({"_id": {"$in": list(of)}})
            fresh = [{**old, **of[old["_id"]]} for old in whole]
            self._check_references(table, fresh, names)
            self._insert(table, fresh)
            self._end(table, [old for old, _ in batch])
        return len(pairs)

    def _check_changed(self, table: Table, pairs: Sequence[tuple[Document, Document]], names: set[str]) -> None:
        """Rows keep their primary keys, by which others refer to them, and must not get the other keys of others."""
        for old, change in pairs if names & set(table.key) else ():
            if key_of({**old, **change}, table.key) != key_of(old, table.key):
                raise InputError(f"the store cannot take the call: the key of a row of {table.name} would change.")
        if not any(names & set(unique) for unique in table.uniques):
            return
        fresh = [{**old, **change} for old, change in pairs]
        keys = Keyring(table, self._rivals(table, fresh))
        for old, _ in pairs:
            keys.remove(key_of(old, table.key))
        for one in fresh:
            if clash := keys.clash(one):
                raise taken(table, clash)
            keys.add(one)

    def _insert(self, table: Table, documents: Sequence[Document]) -> None:
        self.touched.add(table.name)
        for batch in batches(documents):
            fresh = [
                {**one, "_id": version(self.turn.number, self._made + place), BORN: self.turn.number, DIED: NEVER}
                for place, one in enumerate(batch)
            ]
            self._made += len(fresh)
            self.before()
            self.store.rows(table.name).insert_many(fresh)

    def _end(self, table: Table, documents: Sequence[Document]) -> None:
        """Let versions die; those of this writer are gone at once, since nobody has seen them."""
        own = [one["_id"] for one in documents if one[BORN] == self.turn.number]
        others = [one["_id"] for one in documents if one[BORN] != self.turn.number]
        rows = self.store.rows(table.name)
        self.touched.add(table.name)
        for batch in batches(own):
            self.before()
            rows.delete_many({"_id": {"$in": batch}})
        for batch in batches(others):
            self.before()
            alive = {"_id": {"$in": batch}, DIED: {"$in": [NEVER, *self.view.abandoned]}}
            done = rows.update_many(alive, {"$set": {DIED: self.turn.number}})
            if done.matched_count != len(batch):
                raise lost(self.store.address)  # only another writer can have ended them

    def roll_back(self) -> None:
        """Take everything back that was written, and end the turn; what cannot be reached is swept up by others."""
        for name in sorted(self.touched):
            take_back(self.store.rows(name), [self.turn.number])
        self.turn.give_back()


class Keyring:
    """The keys of some rows of a table: which of them are taken, and by which row."""

    def __init__(self, table: Table, documents: Iterable[Document]) -> None:
        self.table = table
        self._taken: dict[tuple[str, ...], dict[Key, Document]] = {names: {} for names in (table.key, *table.uniques)}
        for one in documents:
            self.add(one)

    def add(self, one: Document) -> None:
        """Take the keys of a row; a key with nothing in it is nobody's."""
        for names, taken_by in self._taken.items():
            if None not in (key := key_of(one, names)):
                taken_by[key] = one

    def remove(self, key: Key) -> Document | None:
        """Free the keys of the row that has a primary key; that row, if there is one."""
        one = self._taken[self.table.key].get(key)
        for names, taken_by in self._taken.items() if one is not None else ():
            taken_by.pop(key_of(one or {}, names), None)
        return one

    def clash(self, one: Document) -> tuple[str, ...] | None:
        """The columns by which a row would take the key of another one."""
        return next((names for names, taken_by in self._taken.items() if key_of(one, names) in taken_by), None)

    def holds(self, one: Document) -> bool:
        """Whether it is this very row that has its primary key."""
        return self._taken[self.table.key].get(key_of(one, self.table.key)) is one


def batches(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    """Pieces that take a small part of a lease each."""
    return (whole[start : start + BATCH] for start in range(0, len(whole), BATCH))


def taken(table: Table, names: Sequence[str]) -> IntegrityError:
    """The error of a row whose key another one has."""
    return IntegrityError(
        f"a row breaks a key of the store: another row of {table.name} has its ({', '.join(names)}). Nothing of the "
        "call was kept."
    )


def version(turn: int, place: int) -> str:
    """The id of a version: those of one turn lie together, so that they are found without a further index."""
    return f"{turn:012x}-{place:08x}"


def take_back(rows: Any, turns: Sequence[int]) -> None:
    """Undo in one collection what turns did that were never committed; it may be done again, and by anybody."""
    made = [{"_id": {"$gte": version(turn, 0), "$lt": version(turn + 1, 0)}} for turn in turns]
    rows.delete_many({"$or": made})
    rows.update_many({DIED: {"$in": list(turns)}}, {"$set": {DIED: NEVER}})
