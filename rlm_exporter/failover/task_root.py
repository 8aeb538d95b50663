"""The root of every task of the controller: a defect of ours costs one turn, and nothing beside it."""

import contextlib
import logging
from collections.abc import Iterator

from rlm_exporter.failover.ports import Observer

log = logging.getLogger(__name__)


@contextlib.contextmanager
def surviving(cluster: str, what: str, *, observer: Observer) -> Iterator[None]:
    """Log and count what nobody has foreseen, and go on: it would end every loop of the cluster.

    Errors that are expected belong to the caller, inside; cancellation passes.
    """
    try:
        yield
    except Exception as error:
        log.exception("cluster=%s %s failed", cluster, what)
        observer.stumbled(cluster, error)
