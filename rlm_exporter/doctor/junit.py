"""A report as JUnit's XML, which every CI system shows (pure): a check is a test, an error a failure."""

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from rlm_exporter.doctor.finding import Examined, Finding, Skipped, Weight


def junit(cluster: str, examined: Sequence[Examined]) -> str:
    """The document. Warnings stand in the output of their test, which passes."""
    failures = sum(any(_is_error(finding) for finding in each.findings) for each in examined)
    skipped = sum(isinstance(each.outcome, Skipped) for each in examined)
    seconds = sum(each.seconds for each in examined)
    head = (
        f"<testsuite name={quoteattr(f'rlm-ha doctor {cluster}')} tests={quoteattr(str(len(examined)))} "
        f'failures={quoteattr(str(failures))} errors="0" skipped={quoteattr(str(skipped))} '
        f"time={quoteattr(f'{seconds:.3f}')}>"
    )
    cases = "\n".join(_case(cluster, each) for each in examined)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{cases}\n</testsuite>\n'


def _case(cluster: str, each: Examined) -> str:
    head = (
        f"  <testcase classname={quoteattr(cluster)} name={quoteattr(each.about.name)} "
        f"time={quoteattr(f'{each.seconds:.3f}')}"
    )
    if isinstance(each.outcome, Skipped):
        return f"{head}><skipped message={quoteattr(_clean(each.outcome.why))}/></testcase>"
    errors = [finding for finding in each.outcome if _is_error(finding)]
    warnings = [finding for finding in each.outcome if not _is_error(finding)]
    inside = ""
    if errors:
        first = quoteattr(_clean(f"{errors[0].subject}: {errors[0].what}"))
        inside += f'<failure type="error" message={first}>{_told(errors)}</failure>'
    if warnings:
        inside += f"<system-out>{_told(warnings)}</system-out>"
    return f"{head}>{inside}</testcase>" if inside else f"{head}/>"


def _is_error(finding: Finding) -> bool:
    return finding.weight is Weight.ERROR


def _told(findings: Sequence[Finding]) -> str:
    lines = (f"{each.subject}: {each.what}\n  {each.why}\n  {each.remedy}" for each in findings)
    return escape(_clean("\n".join(lines)))


def _clean(text: str) -> str:
    """XML has no way to write most control characters."""
    return "".join(letter if letter == "\n" or letter.isprintable() else "?" for letter in text)
