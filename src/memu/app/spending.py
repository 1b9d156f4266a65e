"""What one call of the service may ask of endpoints, for whom, and what it used."""

from dataclasses import dataclass, field
from typing import Any

from memu.llm.base import Call
from memu.llm.budget import Budget
from memu.llm.usage import UsageLog
from memu.scope import Scope


@dataclass(frozen=True, slots=True)
class Spending:
    """The budget and the account of one call, for language models and for vectors from an endpoint."""

    scope: Scope
    budget: Budget = field(default_factory=Budget)
    log: UsageLog = field(default_factory=UsageLog)

    def call(self, step: str) -> Call:
        """Why an endpoint is asked."""
        owner = self.scope.as_dict()
        return Call(step, owner["user_id"], owner["agent_id"], self.budget, self.log.add)

    @property
    def signals(self) -> dict[str, int]:
        """The same as a search says it: requests, and tokens."""
        return {"model_calls": self.budget.calls_used, "model_tokens": self.budget.tokens_used}

    def used(self) -> dict[str, Any]:
        """How much was asked, as the result says it; `cost` is None where no price is known.

        `unpriced` of the requests are not in it: those that failed, and those to models without a price.
        """
        total = self.log.total()
        return {
            "calls": total.requests,
            "failed": total.failed,
            "input_tokens": total.tokens.input,
            "output_tokens": total.tokens.output,
            "estimated": total.tokens.estimated,
            "cost": total.cost if total.unpriced < total.requests else None,
            "unpriced": total.unpriced,
        }
