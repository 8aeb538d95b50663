import pytest

from rlm_exporter.cli.answers import EventsAnswer
from rlm_exporter.cli.decode import decode
from rlm_exporter.cli.events_sheet import events_sheet
from rlm_exporter.cli.output import draw
from tests.cli.documents import Document, open_operation, operation

EVENTS: Document = {
    "operations": [
        operation(
            id=13, state="aborted", outcome="aborted", started_at="2025-11-25T09:30:00Z", ended_at=None
        ),
        operation(),
        operation(
            id=1, kind="first_start", rule="adopted", **{"from": None}, started_at="2025-11-20T09:30:00Z"
        ),
    ],
    "decisions": [
        {
            "id": 5,
            "at": "2025-11-25T08:11:50.000Z",
            "rule": "below_threshold",
            "trigger": "detector",
            "detail": "rlm1 failed 1 of 2 checks",
        }
    ],
}


def drawn(
    document: Document, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    monkeypatch.setenv("COLUMNS", "80")
    draw(events_sheet(decode(EventsAnswer, document)))
    return capsys.readouterr().out.splitlines()


def test_the_newest_stands_last(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = drawn(EVENTS, capsys, monkeypatch)
    begins = [line[:19] for line in lines if line.startswith("2025")]
    assert begins == [
        "2025-11-20 09:30:00",
        "2025-11-25 08:11:50",
        "2025-11-25 08:12:02",
        "2025-11-25 09:30:00",
    ]


def test_a_long_reason_goes_on_in_the_next_line_and_nothing_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = " ".join(f"word{number}" for number in range(40))
    lines = drawn({"operations": [operation(reason=reason)], "decisions": []}, capsys, monkeypatch)
    assert max(map(len, lines)) <= 80
    what = lines[0].index("WHAT")
    told = " ".join(line[what:] for line in lines[1:])
    assert f"by controller, failed_over: {reason}; alerts: RLMActiveServerDown" in told


def test_an_operation_says_from_where_to_where_and_how_it_ended(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = " ".join(" ".join(drawn(EVENTS, capsys, monkeypatch)).split())
    assert "failover 12 rlm1 -> rlm2, committed in 1.2 s, epoch 7" in text
    assert "held below_threshold: rlm1 failed 1 of 2 checks" in text
    assert "first_start 1 rlm2, committed" in text


def test_an_open_operation_has_no_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = " ".join(drawn({"operations": [open_operation()], "decisions": []}, capsys, monkeypatch))
    assert "rlm1 -> rlm2, open, epoch 7" in text


def test_an_empty_journal_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert drawn({"operations": [], "decisions": []}, capsys, monkeypatch) == [
        "Nothing happened in that time."
    ]
