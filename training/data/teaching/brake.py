"""When to ask a teacher no more: the money is spent, or it is out of order for everybody.

Without this a wrong key costs one request for every row, and a server that is down half a minute for each.
"""

STOPPING = {
    "http_401": "the key is refused",
    "http_402": "the account is empty",
    "http_404": "model or address is unknown",
    "no_quota": "the account is empty",
    "not_stored": "answers cannot be stored",
}
"""Failures that the next row would meet as well."""


class Brake:
    """Counts what comes back, until there is a reason to stop."""

    def __init__(self, max_usd: float | None, spent: float, patience: int) -> None:
        """`spent` USD are paid already; `patience` rows in a row may fail."""
        self.max_usd = max_usd
        self.spent = spent
        self.reason = ""
        """Why no more is asked; empty: go on."""
        self._patience = patience
        self._failed = 0
        self._check()

    def paid(self, usd: float | None) -> None:
        """Note an answer and its price, None if that is unknown."""
        self._failed = 0
        self.spent += usd or 0.0
        if usd is None and self.max_usd is not None:
            self._stop("an answer came without token counts: the limit on cost cannot be kept")
        self._check()

    def failed(self, status: str, detail: str) -> None:
        """Note a row that brought no answer."""
        self._failed += 1
        if status in STOPPING:
            self._stop(f"{STOPPING[status]}: {detail}")
        elif self._failed >= self._patience:
            self._stop(f"{self._failed} rows failed one after another, the last with {detail}")

    def _check(self) -> None:
        """Stop where the money ends."""
        if self.max_usd is not None and self.spent >= self.max_usd:
            self._stop(f"${self.spent:.4f} of ${self.max_usd:.4f} are spent")

    def _stop(self, reason: str) -> None:
        """The first reason stands."""
        self.reason = self.reason or reason
