"""`memorize`: load, compare, extract, embed, write; everything before the one transaction only reads."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from memu.app.asking import Asking, extract
from memu.app.categories import plan_summaries, read_categories, refresh_stale
from memu.app.compare import Plan, compare
from memu.app.present import category_dict, item_dicts, relations_of, resource_dict
from memu.app.spending import Spending
from memu.app.summarizing import refresh_by_model, summarize
from memu.app.wiring import Parts, Progress
from memu.app.work import work_out
from memu.app.write import Written, afterwards, write
from memu.database.core import Database
from memu.errors import ConflictError, MemuError, NotFoundError
from memu.extract.base import Extraction
from memu.scope import Scope
from memu.sources.base import Source

logger = logging.getLogger("memu.app")

ATTEMPTS = 5
"""How often the work is done anew when others change the same source meanwhile."""


async def memorize(
    parts: Parts,
    source: Source,
    metadata: Mapping[str, Any],
    spending: Spending,
    asking: Asking | None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Turn a source into memory, once, whatever others do meanwhile; see `MemoryService.memorize`."""
    scope, database = spending.scope, parts.database.bound(spending.scope)
    for _ in range(ATTEMPTS):
        plan = await parts.store(_plan, parts, scope, source)
        if plan.status == "unchanged":
            warnings = _metadata_warnings(plan, metadata)
            await _refresh(parts, database, asking, warnings)
            found = await parts.store(_result, parts, scope, Written(plan), warnings)
            return {**found, **_told(parts, spending)}
        extraction = await extract(parts, asking, source, plan)
        work = await work_out(parts, source, plan, extraction, progress)
        work.summaries = await parts.store(plan_summaries, parts, scope, work.ids, work.items, work.vectors, work.filed)
        if plan.status != "replaced":  # which makes them anew afterwards, from what is left
            work.summaries = await summarize(asking, work.summaries, work.warnings)
        try:
            written = await parts.write(write, parts, scope, source, plan, work, metadata)
        except NotFoundError:  # what the model found superseded was deleted meanwhile
            if asking is None:
                raise
            written = None
        if written is not None:
            warnings = [*work.warnings, *written.warnings]
            await _refresh(parts, database, asking, warnings)
            found = await parts.store(_result, parts, scope, written, warnings)
            return {**found, **_told(parts, spending, extraction)}
        logger.info("the source changed during the call; working it out again")
    raise ConflictError(
        f"{source.url or 'the source'} was changed by others {ATTEMPTS} times during this call: repeat it."
    )


async def _refresh(parts: Parts, database: Database, asking: Asking | None, warnings: list[str]) -> None:
    """Make stale summaries anew, by the model if there is one; what is left of them is made by the rules."""
    if asking is not None:
        try:
            await refresh_by_model(asking, database, warnings)
        except (MemuError, OSError) as error:
            logger.warning("after the commit: %s", error)
            warnings.append(f"the memories are kept, but afterwards: {error}")
    await parts.write(afterwards, warnings, partial(refresh_stale, parts, database))


def _told(parts: Parts, spending: Spending, extraction: Extraction | None = None) -> dict[str, Any]:
    """Who read the source, and what endpoints were asked."""
    windows = extraction.windows if extraction else {"model": 0, "rules": 0}
    return {"extraction": windows, "usage": spending.used() if parts.asks_endpoints else None}


def _metadata_warnings(plan: Plan, metadata: Mapping[str, Any]) -> list[str]:
    if plan.resource is None or not metadata or dict(metadata) == plan.resource["metadata"]:
        return []
    return ["the content is known already: the metadata of this call was not kept; change it with update_memory_item."]


def _plan(parts: Parts, scope: Scope, source: Source) -> Plan:
    with parts.database.handle.reader(scope) as reader:
        return compare(reader, source)


def _result(parts: Parts, scope: Scope, written: Written, warnings: list[str]) -> dict[str, Any]:
    """What `memorize` returns: the resource, what was added, what holds no longer, and what there is to say of it."""
    database = parts.database.bound(scope)
    plan, item_ids = written.plan, written.item_ids
    resource = database.resource_repo.get(plan.resource["id"]) if plan.resource else None
    items = item_dicts(database, item_ids)
    shown = resource_dict(resource) if resource else None
    return {
        "status": plan.status,
        "resource": shown,
        "resources": [shown] if shown else [],
        "items": items,
        "categories": [category_dict(one) for one in read_categories(parts, database)],
        "relations": relations_of(database, item_ids),
        "superseded": item_dicts(database, written.superseded),
        "reinforced": item_dicts(database, written.reinforced),
        "operation_id": written.operation_id,
        "stale_categories": written.stale,
        "warnings": warnings,
    }
