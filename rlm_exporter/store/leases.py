"""Who of several daemons may act for a cluster. Everything here runs in a transaction on PostgreSQL.

Time is the server's alone: two daemons' clocks may differ by more than a lease lasts. A row lock orders a
guarded write and a takeover, so that whoever takes over reads all that was written before.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from sqlalchemy import ColumnElement, Connection, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from rlm_exporter.store.errors import LeaseLostError
from rlm_exporter.store.tables import lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """A daemon that wants to act."""

    name: str
    """As people know it; that two have the same does no harm, tokens tell them apart."""
    url: str | None = None
    """Where the others find it; None where it does not say."""
    instance: str = ""
    """The same in each life of one installation, of which never two live at once; empty where nobody sees to
    that. What an earlier life had is taken up at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """A lease as it stands."""

    cluster: str
    holder: str
    url: str | None
    token: int
    """Grows by one with each new holder."""
    expired: bool
    instance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasesTaken:
    """What came of an attempt."""

    tokens: Mapping[str, int]
    """By cluster, those that were renewed or taken now, for as long as was asked."""
    rows: tuple[LeaseRow, ...]
    """Every lease as it stands."""


class Guard(Protocol):
    """Looks, in the transaction of a write and before it, whether it may be made; raises `LeaseLostError`."""

    def __call__(self, connection: Connection) -> None:
        """Nothing, where it may."""
        ...


def take_leases(
    connection: Connection,
    *,
    claimant: Claimant,
    clusters: Iterable[str],
    held: Mapping[str, int],
    resumed: Collection[str],
    lasting: timedelta,
) -> LeasesTaken:
    """Renew those of `clusters` that are held, by cluster and token, and take those that have run out.

    Of `resumed`, those are taken too that the same instance holds. A life that has had a lease once and finds
    it taken under its own instance has a twin, and two that took it from each other would never end.

    One that has run out is not renewed, but taken again under a new token: nobody can tell what happened in
    between.
    """
    known = {row.cluster: row for row in read_leases(connection)}
    tokens: dict[str, int] = {}
    for name in sorted(clusters):
        row = known.get(name)
        if name in held and _renew(connection, name, claimant, held[name], lasting):
            tokens[name] = held[name]
            continue
        resume = name in resumed and claimant.instance != ""
        if row is None or row.expired or (resume and row.instance == claimant.instance):
            token = _take_if_free(connection, name, claimant, lasting, resume=resume)
            if token is not None:
                tokens[name] = token
    return LeasesTaken(tokens=tokens, rows=read_leases(connection))


def release_leases(connection: Connection, *, claimant: Claimant, held: Mapping[str, int]) -> None:
    """Let go of leases at once: another daemon need not wait for their end."""
    for name, token in sorted(held.items()):
        connection.execute(
            update(lease).where(*_is_held(name, claimant, token)).values(expires_at=func.clock_timestamp())
        )


def read_leases(connection: Connection) -> tuple[LeaseRow, ...]:
    """Every lease, by cluster."""
    expired = (lease.c.expires_at <= func.clock_timestamp()).label("expired")
    rows = connection.execute(select(lease, expired).order_by(lease.c.cluster)).mappings()
    return tuple(
        LeaseRow(
            cluster=row["cluster"],
            holder=row["holder"],
            url=row["url"],
            token=row["token"],
            expired=row["expired"],
            instance=row["instance"],
        )
        for row in rows
    )


def lease_guard(*, cluster: str, claimant: Claimant, token: Callable[[], int | None]) -> Guard:
    """Refuses writes unless the lease is held under what is then the token; None = we do not act."""

    def guard(connection: Connection) -> None:
        _require_lease(connection, cluster=cluster, claimant=claimant, token=token())

    return guard


def _require_lease(connection: Connection, *, cluster: str, claimant: Claimant, token: int | None) -> None:
    """The row stays locked: nobody can take the lease before this transaction ends."""
    if token is not None:
        held = select(lease.c.token).where(
            *_is_held(cluster, claimant, token), lease.c.expires_at > func.clock_timestamp()
        )
        if connection.execute(held.with_for_update(read=True)).first() is not None:
            return
    raise LeaseLostError(f"cluster {cluster}: another daemon may act for it; nothing was written")


def _renew(connection: Connection, cluster: str, claimant: Claimant, token: int, lasting: timedelta) -> bool:
    renewed = connection.execute(
        update(lease)
        .where(*_is_held(cluster, claimant, token), lease.c.expires_at > func.clock_timestamp())
        .values(expires_at=func.clock_timestamp() + lasting)
    )
    return renewed.rowcount == 1


def _take_if_free(
    connection: Connection, cluster: str, claimant: Claimant, lasting: timedelta, *, resume: bool
) -> int | None:
    until = func.clock_timestamp() + lasting
    is_free: ColumnElement[bool] = lease.c.expires_at <= func.clock_timestamp()
    if resume:
        is_free = or_(is_free, lease.c.instance == claimant.instance)
    wanted = insert(lease).values(
        cluster=cluster,
        holder=claimant.name,
        url=claimant.url,
        instance=claimant.instance,
        token=1,
        taken_at=func.clock_timestamp(),
        expires_at=until,
    )
    taken = wanted.on_conflict_do_update(
        index_elements=[lease.c.cluster],
        set_={
            "holder": claimant.name,
            "url": claimant.url,
            "instance": claimant.instance,
            "token": lease.c.token + 1,
            "taken_at": func.clock_timestamp(),
            "expires_at": until,
        },
        where=is_free,
    )
    return connection.execute(taken.returning(lease.c.token)).scalar_one_or_none()


def _is_held(cluster: str, claimant: Claimant, token: int) -> tuple[ColumnElement[bool], ...]:
    return (
        lease.c.cluster == cluster,
        lease.c.holder == claimant.name,
        lease.c.instance == claimant.instance,
        lease.c.token == token,
    )
