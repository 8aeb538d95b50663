"""The errors of the journal that a caller answers instead of reporting."""

from rlm_exporter.errors import JournalError


class ConflictError(JournalError):
    """Somebody else was first: read the journal again and decide again.

    `operation_id` is the operation in the way (an open one, or the one that has the same idempotency
    key); None when the cluster's record was written meanwhile.
    """

    def __init__(self, message: str, *, operation_id: int | None = None) -> None:
        super().__init__(message)
        self.operation_id = operation_id


class LeaseLostError(ConflictError):
    """Another daemon may act for the cluster by now, so nothing was written."""


class StalePlaceError(JournalError):
    """Another reader of the same report log was quicker: go on from where it is now."""


class OutboxFullError(JournalError):
    """Too many alerts wait already."""
