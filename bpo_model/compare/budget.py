"""What the calls of a run may cost."""


class BudgetSpentError(RuntimeError):
    """No further call may be made; everything so far is in the store."""


class Budget:
    """What the calls of all endpoints together may cost; without a limit it only adds up.

    It is asked before every call, so calls already on their way may go beyond the limit: at most one for
    every place in the endpoints' concurrency. Attempts without an answer have no known price and do not count.
    """

    def __init__(self, max_usd: float | None = None) -> None:
        """Nothing is spent yet."""
        self.max_usd = max_usd
        self.spent = 0.0
        """USD of the calls whose price is known."""
        self.unknown = 0
        """Calls whose price is not."""
        self._closed = ""

    @property
    def total(self) -> float | None:
        """USD of all calls; None once the price of one is unknown."""
        return None if self.unknown else self.spent

    def close(self, why: str) -> None:
        """Allow no further call, for whoever wants to stop; calls on their way may end."""
        self._closed = why

    def check(self) -> None:
        """Allow one more call.

        Raises:
            BudgetSpentError: If the limit is reached, or can no longer be kept, or the budget was closed.
        """
        if self._closed:
            raise BudgetSpentError(self._closed)
        if self.max_usd is None:
            return
        if self.unknown:
            raise BudgetSpentError(f"{self.unknown} answers came without token counts: the limit cannot be kept")
        if self.spent >= self.max_usd:
            raise BudgetSpentError(f"${self.spent:.4f} of ${self.max_usd:.4f} are spent")

    def add(self, usd: float | None) -> None:
        """Note the price of a call, None if it is unknown."""
        self.unknown += usd is None
        self.spent += usd or 0.0
