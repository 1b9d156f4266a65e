"""`MemoryService`: the calls that users make; every one ends in one step of its own module."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from typing import Any

from memu.app import changes, crud, forget, inputs, retrieve
from memu.app import context as context_text
from memu.app.asking import Asking
from memu.app.base import ServiceBase
from memu.app.memorize import memorize
from memu.app.modalities import read_source
from memu.app.spending import Spending
from memu.database.rows import check_memory_type, check_metadata, check_text
from memu.database.toolcalls import ToolRecord
from memu.errors import InputError, InputTypeError, ModelError, NotFoundError
from memu.llm.budget import Budget


class MemoryService(ServiceBase):
    """A memory for agents: memorize what was said, retrieve what matters.

    Made with `user_id` or `agent_id` the service is bound to that pair (a missing part is "default") and refuses any
    other. Made without, it serves many users: `user=` or `where=` name the pair in each call, "default" where they name
    none. The constructor opens and checks the store; it calls no model and loads no weights.

    Example:
        async with MemoryService(user_id="alice", database_config={"provider": "sqlite"}) as memory:
            await memory.memorize("I moved to Lisbon in March.")
            answer = await memory.retrieve("Where do I live?")

    Args:
        user_id: the user whose memory this is.
        agent_id: the agent whose memory of the user this is.
        database_config: a `DatabaseConfig`, a dict of its options, or None for a store in RAM. `database` is another
            spelling.
        llm_config: one language model endpoint. `llm_profiles` names several, one of them "default".
        blob_config: where local copies are kept, and what may be read.
        memorize_config: categories, memory types, lengths.
        retrieve_config: how many results, from which tiers.
        embedding_config: the embedder.
        user_config: further scope fields, as a pydantic model.

    Raises:
        ConfigError: settings that contradict each other or do not exist.
        EmbedderMismatch: the store's vectors come from another embedder.
        StorageError: the store cannot be opened.
    """

    # --- memorize and retrieve -------------------------------------------------------------------------------------

    async def memorize(
        self,
        content: str | Sequence[Any] | None = None,
        *,
        resource_url: str | PathLike[str] | None = None,
        modality: str | None = None,
        user: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, Any]:
        """Turn text, messages, a file or a URL into memory; all of it in one transaction, or nothing.

        The same content again adds nothing. A conversation that goes on has only its new messages processed.

        Args:
            content: a text, or a list of messages `{"role": …, "content": …}`; a name, a time and an id of a message
                are kept (`name` or `speaker`; `created_at` or `timestamp`; `id`).
            resource_url: a path or an http(s) URL, instead of `content`.
            modality: "conversation", "document", "text", "image", "audio" or "video"; guessed when it is left out.
                The last three are read by a language model.
            user: whose memory, for a service that is not bound.
            metadata: a JSON object kept with every item, to filter on (`metadata.key`).
            progress: told, from another thread, how many texts are embedded, and of how many: where most time goes.

        Returns:
            `status` ("created", "unchanged", "extended", "replaced" or "new_version"), `resource`, `resources`,
            `items` that were added, `superseded` items that hold no longer because of them, `reinforced` older ones
            that were said again, `categories`, `relations`, `operation_id` for `undo` (None when nothing was written),
            `stale_categories` and `warnings`;
            `extraction` counts the parts of the source that a language model and that the rules read, `usage` what
            models were asked.

        Raises:
            InputError, SourceError: what was given cannot be meant or read; nothing was kept.
            StorageError: the store failed; nothing was kept.
            ModelKeyMissing, ModelForbidden, InterceptorError: the language model cannot be asked; nothing was kept.
            Where it is down, too slow or answers nonsense, the rules do its work, and `warnings` says so; for a
            picture, a recording or a video there are no rules, so that is a ModelError, and nothing was kept.
        """
        scope = self._scope(user)
        kept = check_metadata(metadata)
        text, messages = inputs.read_content(content, resource_url)
        limits = self.memorize_config
        spending = Spending(scope, Budget(limits.max_calls, limits.max_tokens))
        parts = self.parts.on_behalf(spending)
        asking = Asking.of(parts, spending)
        source = await read_source(
            parts, scope, resource_url=resource_url, text=text, messages=messages, modality=modality, asking=asking
        )
        return await memorize(parts, source, kept, spending, asking, progress)

    async def retrieve(
        self,
        queries: str | Sequence[Any],
        where: Mapping[str, Any] | None = None,
        *,
        top_k: int | None = None,
        min_score: float | None = None,
        as_of: datetime | str | None = None,
        user: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Find what matters for a question.

        Args:
            queries: the question, or the messages of a conversation whose last one is the question. The earlier ones
                are for a language model, where `retrieve_config` lets one rewrite the question.
            where: whose memory (`user_id`, `agent_id`), and filters: `memory_type`, `category`, `resource`, `speaker`,
                `created_at`, `said_at`, `happened_at`, `metadata.key`, each also with `__in`, `__ne`, `__gt`, `__gte`,
                `__lt`, `__lte`. A filter limits the tiers that have its field: items have all of these, resources only
                `created_at`, `metadata.key` and fields of their own, categories only `created_at`.
            top_k: how many results of each tier.
            min_score: leave out results below this score (0..1).
            as_of: a time, as a datetime or in ISO form: the items that held then, instead of those that hold now.
            user: whose memory; the same as naming it in `where`.

        Returns:
            `categories`, `items` and `resources`, best first, each with a `score`; items with their `source` and
            `categories`; `needs_retrieval`, `original_query`, `rewritten_query` and `next_step_query`; and `signals`:
            `lexical`, `dense` and `rerank` say what the search went by, `lexical_off` and `dense_off` why it did not,
            `items_without_vector` how many items only their words can find, `unfiltered` which tiers a filter did not
            limit. Where `retrieve_config` asks a language model, `steps` says for what it was asked, `model_calls` and
            `model_tokens` what that and vectors from an endpoint took, and `rerank_dropped` how many candidates of each
            tier it left out.

        Raises:
            InputError: no question, an unknown filter; StorageError: the store failed, never an empty answer.
            ModelError: a language model that was to be asked failed, or its budget is used up; likewise.
        """
        question, history = inputs.read_queries(queries)
        scope, rest = self._where(where, user)
        return await retrieve.retrieve(
            self.parts,
            scope,
            question,
            rest,
            history=history,
            top_k=inputs.read_limit("top_k", top_k, None),
            min_score=inputs.read_score(min_score),
            as_of=inputs.read_time("as_of", as_of),
        )

    async def context(
        self,
        question: str | Sequence[Any],
        where: Mapping[str, Any] | None = None,
        *,
        max_tokens: int = 1000,
        user: Mapping[str, Any] | None = None,
    ) -> str:
        """What is remembered about a question, as prompt text of at most about `max_tokens` tokens; "" for nothing.

        Memories that score below `retrieve_config.context_min_score` have nothing to do with the question and are left
        out.
        """
        budget = inputs.read_limit("max_tokens", max_tokens, 1000) or 1000
        floor = self.retrieve_config.context_min_score
        found = await self.retrieve(question, where, top_k=max(5, budget // 20), min_score=floor, user=user)
        return context_text.write_context(found["items"], budget)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """The embeddings of some texts; ModelError when there is no embedder."""
        if isinstance(texts, str | bytes) or not isinstance(texts, Sequence):
            raise InputTypeError(f"texts is a {type(texts).__name__}: expected a list of strings.")
        vectors = await self.parts.embed([check_text("text", one) for one in texts])
        if vectors is None:
            raise ModelError("there is no embedder: no model weights were found, or embedding_config names none.")
        return [[float(number) for number in vector] for vector in vectors]

    # --- lists and single memories ---------------------------------------------------------------------------------

    async def list_memory_items(
        self,
        where: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        include_superseded: bool = False,
    ) -> dict[str, Any]:
        """Items that meet a filter, oldest first: `{"items": […], "next_cursor": …}`; all of them without a `limit`."""
        scope, rest = self._where(where)
        limit = inputs.read_limit("limit", limit, None)
        return await self._read(crud.list_items, scope, rest, limit, cursor, include_superseded)

    async def list_memory_categories(
        self, where: Mapping[str, Any] | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> dict[str, Any]:
        """Categories with their summaries: `{"categories": […], "next_cursor": …}`."""
        scope, rest = self._where(where)
        return await self._read(crud.list_categories, scope, rest, inputs.read_limit("limit", limit, None), cursor)

    async def list_resources(
        self, where: Mapping[str, Any] | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> dict[str, Any]:
        """What was memorized: `{"resources": […], "next_cursor": …}`."""
        scope, rest = self._where(where)
        return await self._read(crud.list_resources, scope, rest, inputs.read_limit("limit", limit, None), cursor)

    async def get_memory_item(self, memory_id: str, *, user: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One item; NotFoundError when this scope does not hold it."""
        return await self._read(crud.get_item, self._scope(user), check_text("memory_id", memory_id))

    async def create_memory_item(
        self,
        *,
        memory_type: str,
        memory_content: str,
        memory_categories: Sequence[str] | None = None,
        user: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        propagate: bool = True,
        tool_record: ToolRecord | None = None,
    ) -> dict[str, Any]:
        """Store one memory in the caller's words; without `memory_categories` it is filed by the rules.

        `tool_record` is a call of a tool, or several (`ToolCallResult`s or their fields), for the memory type "tool".

        Returns:
            `{"memory_item": {…}, "category_updates": […], "superseded": […], "operation_id": …}`; with `propagate` the
            categories' summaries are brought up to date.
        """
        scope = self._scope(user)
        check_memory_type(memory_type)
        check_text("memory_content", memory_content)
        parts = self.parts.on_behalf(Spending(scope))
        vector, filed = await crud.embed_content(parts, memory_content, memory_type)
        names = filed if memory_categories is None else memory_categories
        return await self._write(
            crud.create_item, scope, memory_type, memory_content, names, vector, metadata, propagate, tool_record
        )

    async def update_memory_item(
        self,
        *,
        memory_id: str,
        memory_type: str | None = None,
        memory_content: str | None = None,
        memory_categories: Sequence[str] | None = None,
        user: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        propagate: bool = True,
        tool_record: ToolRecord | None = None,
    ) -> dict[str, Any]:
        """Change what is given of one memory; what is not given, its categories too, stays as it is.

        `tool_record` adds calls to those of a memory of the type "tool"; one whose `call_hash` it has counts once.

        Raises:
            InputError: nothing to change; NotFoundError: this scope does not hold the item.
        """
        scope = self._scope(user)
        if all(one is None for one in (memory_type, memory_content, memory_categories, metadata, tool_record)):
            raise InputError("nothing to update: give a type, content, categories, metadata or tool_record.")
        vector = None
        if memory_content is not None:
            check_text("memory_content", memory_content)
            parts = self.parts.on_behalf(Spending(scope))
            vector, _ = await crud.embed_content(parts, memory_content, memory_type or "profile")
        return await self._write(
            crud.update_item,
            scope,
            check_text("memory_id", memory_id),
            memory_type,
            memory_content,
            memory_categories,
            vector,
            metadata,
            propagate,
            tool_record,
        )

    async def delete_memory_item(
        self, *, memory_id: str, user: Mapping[str, Any] | None = None, propagate: bool = True
    ) -> dict[str, Any]:
        """Delete one memory for good, with its history, and its words from the summaries of its categories."""
        return await self._write(crud.delete_item, self._scope(user), check_text("memory_id", memory_id), propagate)

    async def history(self, item_id: str, *, user: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What became of one memory; NotFoundError when this scope does not hold it.

        Returns:
            `memory_item` as it is now; `history`, what it was `before` each `event` ("update", "supersede", "undo"),
            oldest first; `superseded`, the memories whose place it took.
        """
        return await self._read(changes.history, self._scope(user), check_text("item_id", item_id))

    async def undo(self, operation_id: str, *, user: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Take one call back: what it added goes, what it changed or superseded is as it was, all in one transaction.

        Undoing is an operation, too: undo its `operation_id`, and the call's work is there again. What was deleted is
        deleted for good and cannot be had back.

        Returns:
            `undone` and its `kind`, `restored` items, ids of `removed` items, `operation_id` and `warnings`.

        Raises:
            NotFoundError: this scope has no such operation, or no longer (`memorize_config`'s `operations_kept`).
            UndoError: it was undone already, deleted something, or later calls changed the same rows: it names them.
        """
        return await self._write(changes.undo, self._scope(user), check_text("operation_id", operation_id))

    async def delete_resource(self, resource: str, *, user: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Delete a resource, named by its id or URL, with every item that came from it, its text and its copy."""
        return await self._write(crud.delete_resource, self._scope(user), check_text("resource", resource))

    async def clear_memory(self, where: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Delete the items that meet a filter; with no filter but the scope, all items, categories and resources.

        Returns:
            `deleted_categories`, `deleted_items` and `deleted_resources`. To erase a user for good, use `forget`.
        """
        scope, rest = self._where(where)
        return await self._write(crud.clear, scope, rest)

    async def forget(self, *, user: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Erase everything of one user and agent: rows, vectors, history, indexes, copies of files, the mirror.

        Returns:
            `{"erased": {table: rows}, "files": n, "backups": […]}`; `backups` lists copies of the database that were
            made earlier, which still hold what they held.
        """
        return await self._write(forget.forget, self._scope(user))

    async def get_resource_text(self, resource_id: str, *, user: Mapping[str, Any] | None = None) -> str:
        """The verbatim text of a resource; `source["start"]` and `["end"]` of its items are offsets into it."""
        return (await self._text(resource_id, user))[0]

    async def get_resource_messages(
        self, resource_id: str, *, user: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The messages of a resource, verbatim: `{"id", "speaker", "role", "at", "text", …}`, in order."""
        text, messages = await self._text(resource_id, user)
        return [
            {**{name: value for name, value in one.items() if name != "hash"}, "text": text[one["start"] : one["end"]]}
            for one in messages
        ]

    async def _text(self, resource_id: str, user: Mapping[str, Any] | None) -> tuple[str, list[dict[str, Any]]]:
        database = self.parts.database.bound(self._scope(user))
        found = await self.parts.store(database.resource_repo.text, check_text("resource_id", resource_id))
        if found is None:
            raise NotFoundError(f"there is no text of a resource {resource_id!r} in this scope.")
        return found
