"""What one call of the service may use: requests to models, and tokens."""

from memu.errors import BudgetExceeded
from memu.forked import Lock


class Budget:
    """A limit on requests and on tokens, shared by all that one call of the service does; safe in several threads.

    Every request counts, repeated ones too. How many tokens an answer takes is known when it is there: the request
    that crosses the line is finished, and the next is refused.

    Args:
        calls: the greatest number of requests; None for no limit.
        tokens: the greatest number of tokens, of questions and answers together; None for no limit.
    """

    def __init__(self, calls: int | None = None, tokens: int | None = None) -> None:
        self.calls, self.tokens = calls, tokens
        self.calls_used = self.tokens_used = 0
        self._lock = Lock()

    def admit(self, step: str) -> None:
        """Count a request that is about to be sent.

        Raises:
            BudgetExceeded: nothing is left for it.
        """
        with self._lock:
            for name, used, limit in (
                ("requests", self.calls_used, self.calls),
                ("tokens", self.tokens_used, self.tokens),
            ):
                if limit is not None and used >= limit:
                    raise BudgetExceeded(
                        f"{step}: {used} of {limit} {name} to language models are used up: allow more, or give less "
                        "text at once."
                    )
            self.calls_used += 1

    def spend(self, tokens: int) -> None:
        """Count the tokens of an answer that came."""
        with self._lock:
            self.tokens_used += tokens
