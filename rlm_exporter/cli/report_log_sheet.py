"""A report log as tables for people: sums first, then the latest sessions and denials."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from rlm_exporter.cli.phrases import UNKNOWN, seconds_in_words
from rlm_exporter.cli.sheet import Block, Cell, Column, Facts, Line, Sheet, Table, Tone
from rlm_exporter.rlm.report_log_totals import Totals
from rlm_exporter.rlm.report_log_values import Denial, Ended, Header, Run, RunEnd, Session
from rlm_exporter.rlm.report_log_words import CHECKIN_REASONS, DENIAL_REASONS

_SHOWN_RUNS = 20
_SECOND = timedelta(seconds=1)
_EMPTY = Line(cells=(Cell(""),))


def sheet(header: Header, totals: Totals, peaks: Mapping[str, int]) -> Sheet:
    """The head, the server's runs, and sums by product and by reason."""
    blocks: list[Block] = [_head(header), _EMPTY, *_runs(totals.runs)]
    if totals.products:
        blocks += [_EMPTY, _products(totals, peaks)]
    if totals.refusals:
        blocks += [_EMPTY, _refusals(totals)]
    return tuple(blocks)


def latest(totals: Totals) -> Sheet:
    """The sessions and the denials themselves; of many, those that came last."""
    blocks: list[Block] = []
    if totals.sessions:
        blocks += [_EMPTY, _sessions(sorted(totals.latest_sessions))]
        blocks += _left_out(totals.sessions - len(totals.latest_sessions), "earlier sessions")
    if totals.denials:
        blocks += [_EMPTY, _denials(totals.latest_denials)]
        blocks += _left_out(totals.denials - len(totals.latest_denials), "earlier denials")
    return tuple(blocks)


def faults(totals: Totals, names: Sequence[str]) -> Sheet:
    """The first lines that could not be read, by the names of their files."""
    if not totals.warnings:
        return ()
    table = Table(
        columns=(Column(title="FILE"), Column(title="LINE", right=True), Column(title="WARNING", long=True)),
        rows=tuple(
            (Cell(names[each.file]), Cell(str(each.line)), Cell(each.text, Tone.WARNING))
            for each in totals.first_warnings
        ),
        wraps=True,
    )
    more = totals.warnings - len(totals.first_warnings)
    return (_EMPTY, table, *_left_out(more, "later warnings"))


def _left_out(number: int, what: str) -> Iterator[Block]:
    if number:
        yield Line(cells=(Cell(f"and {number} {what}; --json has all", Tone.QUIET),))


def _head(header: Header) -> Facts:
    authenticated = ", authenticated" if header.authenticated else ""
    form = UNKNOWN if header.format is None else header.format.value
    return Facts(
        pairs=(
            ("ISV", Cell(f"{header.isv or UNKNOWN}, RLM {header.rlm_version or UNKNOWN}")),
            ("format", Cell(f"{form}, version {header.log_version or UNKNOWN}{authenticated}")),
        )
    )


def _runs(runs: Sequence[Run]) -> Iterator[Block]:
    shown = runs[-_SHOWN_RUNS:]
    yield Table(
        columns=(
            Column(title="RUN", right=True), Column(title="SERVER", long=True), Column(title="FROM"),
            Column(title="TO"), Column(title="END"),
        ),
        rows=tuple(
            (
                Cell(str(run.number)), Cell(run.server or UNKNOWN), _moment(run.start), _moment(run.end),
                Cell(run.ended_by.value, Tone.BAD if run.ended_by is RunEnd.CRASH else Tone.PLAIN),
            )
            for run in shown
        ),
        wraps=True,
    )  # fmt: skip
    yield from _left_out(len(runs) - len(shown), "earlier runs")


def _products(totals: Totals, peaks: Mapping[str, int]) -> Table:
    return Table(
        columns=(
            Column(title="PRODUCT", long=True), Column(title="SESSIONS", right=True),
            Column(title="HOURS", right=True), Column(title="UNMEASURED", right=True),
            Column(title="OPEN", right=True), Column(title="PEAK", right=True),
            Column(title="DENIED", right=True), Column(title="PASSED ON", right=True),
        ),
        rows=tuple(
            (
                Cell(product or UNKNOWN), Cell(str(each.sessions)), Cell(f"{each.seconds / 3600:.1f}"),
                Cell(str(each.unmeasured)), Cell(str(each.open)),
                Cell(str(peaks.get(product or "", UNKNOWN)), Tone.STRONG),
                Cell(str(each.denied), Tone.WARNING if each.denied else Tone.PLAIN),
                Cell(str(each.passed_on)),
            )
            for product, each in sorted(totals.products.items(), key=lambda item: item[0] or "")
        ),
        wraps=True,
    )  # fmt: skip


def _refusals(totals: Totals) -> Table:
    return Table(
        columns=(
            Column(title="REFUSED", right=True), Column(title="PRODUCT", long=True),
            Column(title="WHY", long=True), Column(title="THEN"),
        ),
        rows=tuple(
            (Cell(str(number)), Cell(product), Cell(_why(why)), _then(is_final))
            for (product, why, is_final), number in totals.refusals.most_common()
        ),
        wraps=True,
    )  # fmt: skip


def _sessions(sessions: Sequence[Session]) -> Table:
    return Table(
        columns=(
            Column(title="RUN", right=True), Column(title="PRODUCT", long=True),
            Column(title="SEATS", right=True), Column(title="WHO", long=True), Column(title="OUT"),
            Column(title="LASTED", right=True), Column(title="END", long=True),
        ),
        rows=tuple(
            (
                Cell(str(session.run)), Cell(session.product or UNKNOWN), Cell(str(session.seats)),
                Cell(_who(session.user, session.host)), _begin(session),
                Cell(seconds_in_words(None if session.lasted is None else session.lasted / _SECOND)),
                _end(session),
            )
            for session in sessions
        ),
        wraps=True,
    )  # fmt: skip


def _begin(session: Session) -> Cell:
    """Since when it is known to be out, where the checkout itself is not in the log."""
    if session.out is None and session.seen_since is not None:
        return Cell(f"by {_minute(session.seen_since)}", Tone.QUIET)
    return Cell(_minute(session.out))


def _end(session: Session) -> Cell:
    """How it ended, and when if that does not follow from how long it lasted."""
    if session.not_after is not None:
        return Cell(f"{session.ended.value}, by {_minute(session.not_after)}", Tone.WARNING)
    words = session.ended.value
    if session.reason is not None:
        words = CHECKIN_REASONS.get(session.reason, f"reason {session.reason}")
    if session.lasted is None and session.back is not None:
        words = f"{words} {_minute(session.back)}"
    return Cell(words, Tone.GOOD if session.ended is Ended.OPEN else Tone.PLAIN)


def _denials(denials: Iterable[Denial]) -> Table:
    return Table(
        columns=(
            Column(title="REFUSED AT"), Column(title="PRODUCT", long=True), Column(title="SEATS", right=True),
            Column(title="WHO", long=True), Column(title="WHY", long=True), Column(title="THEN"),
        ),
        rows=tuple(
            (
                Cell(_minute(denial.at)), Cell(denial.product), Cell(str(denial.seats)),
                Cell(_who(denial.user, denial.host)), Cell(_why(denial.why)), _then(denial.is_final),
            )
            for denial in denials
        ),
        wraps=True,
    )  # fmt: skip


def _moment(moment: datetime | None) -> Cell:
    return Cell(UNKNOWN if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}")


def _minute(moment: datetime | None) -> str:
    return UNKNOWN if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _who(user: str | None, host: str | None) -> str:
    return UNKNOWN if user is None and host is None else f"{user or ''}@{host or ''}"


def _why(why: int) -> str:
    return f"{DENIAL_REASONS[why]} ({why})" if why in DENIAL_REASONS else str(why)


def _then(is_final: bool) -> Cell:
    return Cell("denied", Tone.WARNING) if is_final else Cell("next server", Tone.QUIET)
