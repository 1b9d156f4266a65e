"""Category summaries by a language model: all that are wanted in one request, over the ones that the rules chose."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from memu.app.asking import Asking, NoAnswer
from memu.app.categories import CategoryPlan, plan_stale, put_summary
from memu.backends.base import Row
from memu.database.core import Database
from memu.extract.model_summaries import answer_form, read_summaries, summaries_prompt

logger = logging.getLogger("memu.app")


async def summarize(
    asking: Asking | None, plans: Mapping[str, CategoryPlan], warnings: list[str]
) -> dict[str, CategoryPlan]:
    """The plans with the model's summaries; where it gives none, the rules' own stays, and a warning says so."""
    materials = [plan.material for plan in plans.values() if plan.material is not None]
    if asking is None or not materials:
        return dict(plans)
    names, settings = [one.category for one in materials], asking.parts.memorize
    prompt = await asking.parts.compute(summaries_prompt, settings, materials)
    answer = await asking.ask("summarize", prompt, answer_form(names))
    if isinstance(answer, NoAnswer):
        return _by_rules(plans, warnings, answer.reason)
    read = read_summaries(settings, materials, answer)
    if missing := [name for name in names if name not in read]:
        _by_rules(plans, warnings, f"the model gave none for {', '.join(missing)}.")
    return {
        name: replace(plan, summary=read[name], by_model=True) if name in read else plan for name, plan in plans.items()
    }


def _by_rules(plans: Mapping[str, CategoryPlan], warnings: list[str], reason: str) -> dict[str, CategoryPlan]:
    told = f"summaries were made by the rules: {reason}"
    logger.warning("memorize: %s", told)
    warnings.append(told)
    return dict(plans)


async def refresh_by_model(asking: Asking, database: Database, warnings: list[str]) -> None:
    """Make all stale summaries of the scope anew; those that others change meanwhile stay stale."""
    found = await asking.parts.store(plan_stale, asking.parts, database)
    if not found:
        return
    plans = await summarize(asking, {row["name"]: plan for row, plan in found}, warnings)
    await asking.parts.write(_put, asking, database, [(row, plans[row["name"]]) for row, _ in found])


def _put(asking: Asking, database: Database, made: list[tuple[Row, CategoryPlan]]) -> None:
    for row, plan in made:
        put_summary(database, asking.spending.scope, row, plan)
