"""The journal's tables, the same on SQLite and PostgreSQL; `docs/journal.md` says what they mean."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    Interval,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    event,
    false,
)
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from rlm_exporter.store.outbox_records import DeliveryState, MessageStatus
from rlm_exporter.store.records import (
    AlertStatus,
    OperationKind,
    OperationState,
    PinKind,
    RedundancyMode,
    StepOutcome,
)
from rlm_exporter.store.usage_records import EndReason, UsageSource


class NaiveTimeError(DontWrapMixin, ValueError):
    """A time without a zone was about to be stored: a defect of the caller, not of the database."""


class UtcDateTime(TypeDecorator[datetime]):
    """Aware times only, kept as UTC. SQLite holds them as text that sorts (`2026-03-01 02:14:07.250000`)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times; SQLite has no zone to store, so there the zone is dropped after conversion."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise NaiveTimeError(f"{value.isoformat()} has no time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always aware and in UTC, whatever zone the database session has."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class NaiveUtc(TypeDecorator[datetime]):
    """Aware times outside, UTC without a zone inside: the guide's `TIMESTAMP`."""

    impl = DateTime(timezone=False)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise NaiveTimeError(f"{value.isoformat()} has no time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always aware and in UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


class UtcNow(FunctionElement[datetime]):
    """The present, in UTC and without a zone, whatever zone a session has."""

    inherit_cache = True


@compiles(UtcNow)
def _utc_now(element: UtcNow, compiler: SQLCompiler, **options: object) -> str:
    return "CURRENT_TIMESTAMP"


@compiles(UtcNow, "postgresql")
def _utc_now_on_postgresql(element: UtcNow, compiler: SQLCompiler, **options: object) -> str:
    return "timezone('UTC', now())"


class Duration(TypeDecorator[timedelta]):
    """`INTERVAL` on PostgreSQL; on SQLite, which has none, seconds."""

    impl = Interval
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type there."""
        kind: TypeEngine[Any] = Float() if dialect.name == "sqlite" else INTERVAL()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: timedelta | None, dialect: Dialect) -> Any:
        """Seconds for SQLite."""
        return value.total_seconds() if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> timedelta | None:
        """A span of time again."""
        return timedelta(seconds=value) if isinstance(value, int | float) else value


# SQLite gives row ids only to columns declared INTEGER.
ROW_ID = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """Words are part of the schema: a daemon that does not know one refuses the schema, not a row."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


cluster = Table(
    "cluster",
    metadata,
    Column("name", String, primary_key=True),
    Column("active", String, nullable=False),
    Column("active_since", UtcDateTime, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("highest_epoch", BigInteger, nullable=False),
    Column("cooldown_until", UtcDateTime),
    Column("version", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("paused_until", UtcDateTime),
    Column("acknowledged_at", UtcDateTime),
    CheckConstraint("highest_epoch >= epoch", name="epochs"),
)

pin = Table(
    "pin",
    metadata,
    Column("cluster", String, ForeignKey("cluster.name", ondelete="CASCADE"), primary_key=True),
    Column("server", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime),
    _one_of("kind", PinKind),
)

# No foreign key to the cluster: its history outlives it.
operation = Table(
    "operation",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("cluster", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("state", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("source", String),
    Column("target", String, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("requested_by", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("trigger", String, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("committed_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("idempotency_key", String),
    _one_of("kind", OperationKind),
    _one_of("state", OperationState),
    CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended"),
    sqlite_autoincrement=True,  # a number that was printed once never means another operation
)
_is_open = operation.c.state == OperationState.OPEN.value
Index(
    "uq_operation_open",
    operation.c.cluster,
    unique=True,
    sqlite_where=_is_open,
    postgresql_where=_is_open,
)
_has_key = operation.c.idempotency_key.is_not(None)
Index(
    "uq_operation_idempotency_key",
    operation.c.cluster,
    operation.c.idempotency_key,
    unique=True,
    sqlite_where=_has_key,
    postgresql_where=_has_key,
)
Index(None, operation.c.cluster, operation.c.started_at)

operation_step = Table(
    "operation_step",
    metadata,
    Column("operation_id", ROW_ID, ForeignKey("operation.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("step", String, nullable=False),
    Column("target", String, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("intent_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime),
    Column("outcome", String),
    Column("detail", String, nullable=False),
    _one_of("outcome", StepOutcome),
    CheckConstraint("(outcome IS NULL) = (done_at IS NULL)", name="done"),
)

# Alerts and held decisions may come before the cluster's first record, so they do not refer to it.
alert = Table(
    "alert",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("status", String, nullable=False),
    Column("cluster", String, nullable=False),
    Column("alertname", String, nullable=False),
    Column("server", String),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("resolved_at", UtcDateTime),
    Column("deliveries", Integer, nullable=False),
    UniqueConstraint("fingerprint", "starts_at"),
    _one_of("status", AlertStatus),
    sqlite_autoincrement=True,
)
Index(None, alert.c.cluster, alert.c.status)

operation_alert = Table(
    "operation_alert",
    metadata,
    Column("operation_id", ROW_ID, ForeignKey("operation.id", ondelete="CASCADE"), primary_key=True),
    Column("alert_id", ROW_ID, ForeignKey("alert.id", ondelete="CASCADE"), primary_key=True),
)
Index(None, operation_alert.c.alert_id)

decision = Table(
    "decision",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("cluster", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("rule", String, nullable=False),
    Column("trigger", String, nullable=False),
    Column("detail", String, nullable=False),
    sqlite_autoincrement=True,
)
Index(None, decision.c.cluster, decision.c.at)

# Before the cluster's first record somebody has to write it: so no reference to the cluster.
lease = Table(
    "lease",
    metadata,
    Column("cluster", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("url", String),
    Column("instance", String, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("taken_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

# What an operator has set of the settings that clients get; before the cluster's first record, too.
client_config = Table(
    "client_config",
    metadata,
    Column("cluster", String, primary_key=True),
    Column("servers", String, nullable=False),
    Column("follows", Boolean, nullable=False),
    Column("mode", String, nullable=False),
    Column("set_by", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    _one_of("mode", RedundancyMode),
)

# The first ten columns are those of Vantage's guide, under its names. Its times have no zone: they are UTC.
# On PostgreSQL there is a partition for each month, made when the first row comes (`usage_months`).
usage_log = Table(
    "rlm_usage_log",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("server_name", String(255)),
    Column("feature_name", String(255)),
    Column("user_name", String(255)),
    Column("hostname", String(255)),
    Column("checkout_time", NaiveUtc),
    Column("checkin_time", NaiveUtc),
    Column("session_duration", Duration),
    Column("active_time", Duration),
    Column("created_at", NaiveUtc, server_default=UtcNow()),
    Column("cluster", String, nullable=False),
    Column("isv", String),
    Column("version", String),
    Column("count", Integer, nullable=False),
    Column("handle", String, nullable=False),
    Column("source", String, nullable=False),
    Column("session_key", String, nullable=False),
    Column("end_reason", String),
    Column("checkout_is_ambiguous", Boolean, nullable=False),
    Column("checkin_is_ambiguous", Boolean, nullable=False, server_default=false()),
    Column("end_is_exact", Boolean, nullable=False, server_default=false()),
    Column("month", Date, nullable=False),
    Column("project", String(255)),
    UniqueConstraint("session_key", "month"),
    _one_of("source", UsageSource),
    _one_of("end_reason", EndReason),
    CheckConstraint("(checkin_time IS NULL) = (end_reason IS NULL)", name="ended"),
    postgresql_partition_by="RANGE (month)",
)
# A key of a partitioned table has to name what it is parted by. SQLite counts up single columns only.
usage_log.primary_key.ddl_if(dialect="sqlite")
event.listen(
    usage_log,
    "after_create",
    DDL(  # type: ignore[no-untyped-call]  # untyped there
        "ALTER TABLE rlm_usage_log ADD CONSTRAINT pk_rlm_usage_log PRIMARY KEY (id, month)"
    ).execute_if(dialect="postgresql"),
)
Index("idx_rlm_usage_server", usage_log.c.server_name)
Index("idx_rlm_usage_feature", usage_log.c.feature_name)
Index("idx_rlm_usage_time", usage_log.c.checkout_time)
Index("idx_rlm_usage_end", usage_log.c.checkin_time)
Index("idx_rlm_usage_handle", usage_log.c.cluster, usage_log.c.server_name, usage_log.c.handle)
_is_out = usage_log.c.checkin_time.is_(None)
Index(
    "idx_rlm_usage_open",
    usage_log.c.cluster,
    usage_log.c.server_name,
    sqlite_where=_is_out,
    postgresql_where=_is_out,
)

# What report logs tell of requests that were refused.
denial = Table(
    "rlm_denial_log",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("cluster", String, nullable=False),
    Column("server_name", String(255), nullable=False),
    Column("isv", String, nullable=False),
    Column("feature_name", String(255), nullable=False),
    Column("version", String),
    Column("user_name", String(255)),
    Column("hostname", String(255)),
    Column("count", Integer, nullable=False),
    Column("reason", String, nullable=False),
    Column("code", Integer, nullable=False),
    Column("is_final", Boolean, nullable=False),
    Column("denied_at", UtcDateTime),
    Column("is_ambiguous", Boolean, nullable=False),
)
Index(None, denial.c.cluster, denial.c.denied_at)
Index(None, denial.c.denied_at)

# How many seats clients could get, each time that this changed: those of the server that they were sent to.
license_seats = Table(
    "rlm_license_seats",
    metadata,
    Column("cluster", String, primary_key=True),
    Column("isv", String, primary_key=True),
    Column("feature_name", String(255), primary_key=True),
    Column("since", UtcDateTime, primary_key=True),
    Column("seats", Integer),
    Column("reserved", Integer, nullable=False),
    Column("server_name", String(255), nullable=False),
)

# How far each report log has been read, written with what was found in it.
report_log = Table(
    "report_log",
    metadata,
    Column("cluster", String, primary_key=True),
    Column("server", String, primary_key=True),
    Column("isv", String, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("position", String, nullable=False),
    Column("read_at", UtcDateTime, nullable=False),
)

# Manifests of clusters that no file of the daemon holds. No foreign key: a cluster's record comes later.
manifest = Table(
    "manifest",
    metadata,
    Column("cluster", String, primary_key=True),
    Column("document", String, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("deployed_at", UtcDateTime, nullable=False),
    Column("deployed_by", String, nullable=False),
)

# Alerts that we send, and what became of each at each sink.
outbox = Table(
    "outbox",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("key", String, nullable=False),
    Column("status", String, nullable=False),
    Column("alertname", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("component", String, nullable=False),
    Column("message", String, nullable=False),
    Column("cluster", String),
    Column("server", String),
    Column("requested_by", String, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("asked", Integer, nullable=False),
    Column("last_asked_at", UtcDateTime, nullable=False),
    _one_of("status", MessageStatus),
    sqlite_autoincrement=True,
)
Index(None, outbox.c.key)

outbox_delivery = Table(
    "outbox_delivery",
    metadata,
    Column("message_id", ROW_ID, ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True),
    Column("sink", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("detail", String, nullable=False),
    _one_of("state", DeliveryState),
    CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="ended"),
)
Index(None, outbox_delivery.c.state)

# One row, rewritten to find out whether the journal can be written at all.
write_check = Table(
    "write_check",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
)
