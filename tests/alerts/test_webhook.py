import contextlib
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_exporter.alerts.webhook import Delivery, Result, Sorted, parse_delivery, sort_out
from rlm_exporter.errors import FormatError
from rlm_exporter.store.records import AlertResult, ReceivedAlert
from tests.alerts.payloads import FIRED, alert, body, delivery, labelled

CLUSTERS = frozenset({"prod", "lab"})


def sorted_out(*alerts: dict[str, Any], **changes: Any) -> Sorted:
    return sort_out(parse_delivery(body(*alerts, **changes)), clusters=CLUSTERS)


def test_a_delivery_is_read_for_what_we_need_of_it() -> None:
    read = parse_delivery(body(alert()))
    assert read.truncated == 0
    (one,) = read.alerts
    assert (one.status, one.fingerprint) == ("firing", "93ab1c0f5b2d7e11")
    assert one.labels["server"] == "rlm1"
    assert one.starts_at == datetime(2026, 3, 2, 8, 0, 0, 123000, tzinfo=UTC)
    assert one.ends_at == datetime(1, 1, 1, tzinfo=UTC)


def test_an_empty_delivery_is_one() -> None:
    assert parse_delivery(body()) == Delivery(alerts=(), truncated=0)


def test_keys_that_we_do_not_know_are_ignored() -> None:
    """Alertmanager adds some with its releases."""
    read = parse_delivery(body(alert(silenceURL="x", notes=[1]), notificationReason="new", more={"a": 1}))
    assert read == parse_delivery(body(alert()))


def test_keys_that_we_do_not_need_may_be_missing() -> None:
    entry = alert(annotations=None, generatorURL=None, endsAt=None)
    read = parse_delivery(body(entry, groupKey=None, receiver=None, truncatedAlerts=None))
    assert read.alerts[0].ends_at is None
    assert read.truncated == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02T08:00:00Z", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("2026-03-02T08:00:00.5Z", datetime(2026, 3, 2, 8, 0, 0, 500000, tzinfo=UTC)),
        ("2026-03-02T08:00:00.123456789Z", datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=UTC)),
        ("2026-03-02T09:00:00.000000001+01:00", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_as_go_writes_them(text: str, expected: datetime) -> None:
    (read,) = parse_delivery(body(alert(startsAt=text))).alerts
    assert read.starts_at == expected
    assert read.starts_at.tzinfo is UTC


MALFORMED: dict[str, tuple[Any, str]] = {
    "a list": ([], "the payload: not a mapping"),
    "a text": ("4", "the payload: not a mapping"),
    "null": (None, "the payload: not a mapping"),
    "no version": (delivery(version=None), 'version is None, and only "4" is understood'),
    "version 3": (delivery(version="3"), "version is '3', and only \"4\" is understood"),
    "the version as a number": (delivery(version=4), 'version is 4, and only "4" is understood'),
    "a version without end": (
        delivery(version="9" * 5000),
        f'version is \'{"9" * 59}…, and only "4" is understood',
    ),
    "no alerts": ({"version": "4"}, "alerts: not a list"),
    "alerts as a mapping": (delivery() | {"alerts": {}}, "alerts: not a list"),
    "an alert that is none": (delivery(alert(), 7), "alerts[1]: not a mapping"),
    "truncated as a text": (delivery(truncatedAlerts="0"), "truncatedAlerts: not a count"),
    "truncated as a truth value": (delivery(truncatedAlerts=True), "truncatedAlerts: not a count"),
    "truncated below zero": (delivery(truncatedAlerts=-1), "truncatedAlerts: not a count"),
    "truncated as a fraction": (delivery(truncatedAlerts=0.5), "truncatedAlerts: not a count"),
    "no status": (delivery(alert(status=None)), "alerts[0].status: not a text"),
    "another status": (
        delivery(alert(status="Firing")),
        "alerts[0].status: 'Firing' is neither firing nor resolved",
    ),
    "no labels": (delivery(alert(labels=None)), "alerts[0].labels: not a mapping"),
    "labels as a list": (delivery(alert(labels=["a"])), "alerts[0].labels: not a mapping"),
    "a label as a number": (
        delivery(alert(labels={"cluster": 5})),
        "alerts[0].labels: 'cluster' is not a text",
    ),
    "no fingerprint": (delivery(alert(fingerprint=None)), "alerts[0].fingerprint: not a text"),
    "a fingerprint as a number": (delivery(alert(fingerprint=5)), "alerts[0].fingerprint: not a text"),
    "an empty fingerprint": (
        delivery(alert(fingerprint="")),
        "alerts[0].fingerprint: empty or longer than 64 characters",
    ),
    "a long fingerprint": (
        delivery(alert(fingerprint="f" * 65)),
        "alerts[0].fingerprint: empty or longer than 64 characters",
    ),
    "no start": (delivery(alert(startsAt=None)), "alerts[0].startsAt: not a text"),
    "a start in seconds": (delivery(alert(startsAt=1772438400)), "alerts[0].startsAt: not a text"),
    "a start in words": (
        delivery(alert(startsAt="yesterday")),
        "alerts[0].startsAt: 'yesterday' is not a time",
    ),
    "a start without a zone": (
        delivery(alert(startsAt="2026-03-02T08:00:00")),
        "alerts[0].startsAt: '2026-03-02T08:00:00' has no time zone",
    ),
    "a start before all years": (
        delivery(alert(startsAt="0001-01-01T00:00:00+14:00")),
        "alerts[0].startsAt: '0001-01-01T00:00:00+14:00' is outside of all years",
    ),
    "an end in words": (delivery(alert(endsAt="later")), "alerts[0].endsAt: 'later' is not a time"),
}


@pytest.mark.parametrize(("document", "expected"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_delivery_is_refused_with_its_place(document: Any, expected: str) -> None:
    with pytest.raises(FormatError) as refused:
        parse_delivery(orjson.dumps(document))
    assert str(refused.value) == expected


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff\xfe", b"version=4", b'{"version": "4"', b'"\\ud800"', b"[" * 5000, b"NaN"],
    ids=["empty", "cut", "not UTF-8", "a form", "cut later", "half a character", "too deep", "NaN"],
)
def test_what_is_not_json_is_refused(raw: bytes) -> None:
    with pytest.raises(FormatError, match="not JSON: "):
        parse_delivery(raw)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_KEYS = st.sampled_from(["status", "labels", "startsAt", "endsAt", "fingerprint"])


@given(document=_JSON, changes=st.dictionaries(_KEYS, _JSON), start=st.datetimes() | st.text())
def test_nothing_raises_but_the_error_of_formats(
    document: Any, changes: dict[str, Any], start: datetime | str
) -> None:
    written = start if isinstance(start, str) else start.isoformat()
    for raw in (
        orjson.dumps(document),
        body(alert() | changes),
        body(alert(startsAt=f"{written}+14:00")),
        body(alert(startsAt=written)),
    ):
        with contextlib.suppress(FormatError):
            sort_out(parse_delivery(raw), clusters=CLUSTERS)


@given(raw=st.binary(max_size=64), cut=st.integers(0, 400))
def test_no_bytes_raise_but_the_error_of_formats(raw: bytes, cut: int) -> None:
    for each in (raw, body(alert())[:cut], body(alert())[:cut] + raw):
        with contextlib.suppress(FormatError):
            parse_delivery(each)


# ---- sorting out


def test_an_alert_that_asks_for_a_failover_of_a_known_cluster_is_for_the_journal() -> None:
    assert sorted_out(alert(), alert(status="resolved", endsAt="2026-03-02T08:05:00Z")) == Sorted(
        failover=(
            ReceivedAlert(
                fingerprint="93ab1c0f5b2d7e11",
                starts_at=datetime.fromisoformat(FIRED),
                status="firing",
                cluster="prod",
                alertname="RLMPrimaryServerDown",
                server="rlm1",
                ends_at=None,
            ),
            ReceivedAlert(
                fingerprint="93ab1c0f5b2d7e11",
                starts_at=datetime.fromisoformat(FIRED),
                status="resolved",
                cluster="prod",
                alertname="RLMPrimaryServerDown",
                server="rlm1",
                ends_at=datetime(2026, 3, 2, 8, 5, tzinfo=UTC),
            ),
        ),
        counts={},
        truncated=False,
    )


def test_labels_that_a_rule_of_ones_own_may_lack_are_not_needed() -> None:
    (received,) = sorted_out(labelled(rlm_action="failover", cluster="lab")).failover
    assert (received.cluster, received.alertname, received.server) == ("lab", "", None)


@pytest.mark.parametrize(
    ("labels", "status", "expected"),
    [
        ({"alertname": "RLMLicenseExpiring", "cluster": "prod"}, "firing", Result.IGNORED),
        ({}, "firing", Result.IGNORED),
        ({"rlm_action": "Failover", "cluster": "prod"}, "firing", Result.IGNORED),
        ({"rlm_action": "failover", "cluster": "other"}, "firing", Result.UNKNOWN_CLUSTER),
        ({"rlm_action": "failover", "cluster": "Prod"}, "firing", Result.UNKNOWN_CLUSTER),
        ({"rlm_action": "failover"}, "firing", Result.UNKNOWN_CLUSTER),
        ({"rlm_action": "watchdog", "alertname": "Alive"}, "firing", Result.WATCHDOG),
        ({"alertname": "Watchdog"}, "firing", Result.WATCHDOG),
        ({"alertname": "Watchdog", "rlm_action": "none"}, "firing", Result.IGNORED),
        ({"alertname": "Watchdog"}, "resolved", Result.IGNORED),
        ({"rlm_action": "watchdog"}, "resolved", Result.IGNORED),
    ],
)
def test_all_others_are_counted(labels: dict[str, str], status: str, expected: Result) -> None:
    done = sorted_out(alert(labels=labels, status=status))
    assert (done.failover, done.counts) == ((), {expected: 1})


def test_each_alert_is_taken_by_itself() -> None:
    done = sorted_out(
        labelled("a", rlm_action="failover", cluster="lab"),
        labelled("b", rlm_action="failover", cluster="other"),
        labelled("c", alertname="Watchdog"),
        labelled("d", alertname="RLMLicenseExpiring"),
        labelled("e", alertname="RLMLicenseExpiring"),
        labelled("f", rlm_action="failover", cluster="prod"),
    )
    assert [(each.fingerprint, each.cluster) for each in done.failover] == [("a", "lab"), ("f", "prod")]
    assert done.counts == {Result.UNKNOWN_CLUSTER: 1, Result.WATCHDOG: 1, Result.IGNORED: 2}


@pytest.mark.parametrize(("count", "expected"), [(0, False), (1, True), (40, True)])
def test_that_alerts_were_left_out_is_told(count: int, expected: bool) -> None:
    assert sorted_out(alert(), truncatedAlerts=count).truncated is expected


def test_every_answer_of_the_journal_is_a_result() -> None:
    assert {result.value for result in AlertResult} <= {result.value for result in Result}
