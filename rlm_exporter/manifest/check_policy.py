"""What must hold among a manifest's numbers, hooks and features."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from rlm_exporter.manifest.document import Part, Problem
from rlm_exporter.manifest.durations import format_duration
from rlm_exporter.manifest.model import ClientOrder, Detection
from rlm_exporter.manifest.reading import (
    FAILOVER,
    HEALTH_CHECK,
    duration,
    flag,
    server_parts,
    whole,
    word,
)

SPACING = timedelta(seconds=1)
"""Least time from the start of one attempt to the start of the next, as the prober keeps it."""

_SECOND, _HOUR = timedelta(seconds=1), timedelta(hours=1)
_RANGES: Mapping[tuple[str, ...], tuple[timedelta, timedelta]] = {
    ("healthCheck", "interval"): (_SECOND, _HOUR),
    ("healthCheck", "timeout"): (_SECOND / 10, _HOUR / 12),
    ("failover", "cooldown"): (timedelta(0), 168 * _HOUR),
}
_FAILBACK_RANGE = (_SECOND, 168 * _HOUR)
_HARD_STOP_RANGE = (_SECOND, _HOUR / 6)
_CONNECT_RANGE = (timedelta(seconds=5), timedelta(minutes=5))
_HOOK_RANGE = (_SECOND / 10, _HOUR / 6)
_RLMDOWN_RANGE = (3 * _SECOND, _HOUR / 6)
_KEEP_RANGE = (24 * _HOUR, 100_000 * _HOUR)


def check_policy(manifest: Part) -> Iterator[Problem]:
    """Every problem of spec.monitoring and spec.features."""
    monitoring = manifest.at("spec", "monitoring")
    for path, limits in _RANGES.items():
        yield from check_range(monitoring.at(*path), *limits)
    yield from check_range(manifest.at("spec", "highAvailability", "failbackAfter"), *_FAILBACK_RANGE)
    for haproxy in manifest.at("spec", "loadBalancer", "haproxy").children():
        yield from check_range(haproxy.at("hardStopAfter"), *_HARD_STOP_RANGE)
    yield from _check_times(monitoring)
    yield from _check_web(monitoring.at("healthCheck"))
    failover = monitoring.at("failover")
    yield from check_repeats(failover.at("triggers"))
    yield from _check_quarantine(failover)
    yield from _check_hooks(failover)
    yield from _check_features(manifest.at("spec", "features"))
    yield from _check_client_settings(manifest.at("spec", "clientSettings"))
    yield from _check_tuning(manifest)


def check_settings(settings: Part) -> Iterator[Problem]:
    """Every problem of the daemon's own numbers."""
    yield from check_range(settings.at("spec", "usage", "keep"), *_KEEP_RANGE)


def check_range(part: Part, low: timedelta, high: timedelta) -> Iterator[Problem]:
    """A duration outside its limits."""
    given = duration(part, low)
    if given is not None and not low <= given <= high:
        limits = f"{format_duration(low)} to {format_duration(high)}"
        yield part.problem(f"{part.text} is out of range; write a duration from {limits}")


def _check_times(monitoring: Part) -> Iterator[Problem]:
    """One check must have ended when the next is due, however each attempt fails."""
    check = monitoring.at("healthCheck")
    interval = duration(check.at("interval"), HEALTH_CHECK.interval)
    timeout = duration(check.at("timeout"), HEALTH_CHECK.timeout)
    retries = whole(check.at("retries"), HEALTH_CHECK.retries)
    if interval is None or timeout is None:
        return
    if timeout >= interval:
        how = "is longer than" if timeout > interval else "is as long as"
        text = f"{format_duration(timeout)} {how} interval ({format_duration(interval)}); make it shorter"
        yield _given(check, "timeout", "interval").problem(text)
        return
    detection = word(monitoring.at("failover", "detection"), FAILOVER.detection)
    if retries is None or detection in {None, Detection.FAST}:
        return  # the fast preset fixes the attempts
    longest = timeout + (retries - 1) * max(timeout, SPACING)
    if longest > interval:
        yield _given(check, "retries", "timeout", "interval").problem(
            f"a check of {retries} attempts of {format_duration(timeout)}, begun at least "
            f"{format_duration(SPACING)} apart, takes up to {format_duration(longest)}, longer than interval "
            f"({format_duration(interval)}); lower retries or timeout, or raise interval"
        )


def _given(part: Part, *keys: str) -> Part:
    """The first of the keys that is written down: that line can be changed."""
    return next((part.at(key) for key in keys if part.at(key).is_given), part)


def _check_web(check: Part) -> Iterator[Problem]:
    checked = flag(check.at("checkWeb"), default=HEALTH_CHECK.check_web)
    required = flag(check.at("webRequired"), default=HEALTH_CHECK.web_required)
    if required and checked is False:
        yield check.at("webRequired").problem(
            "true needs checkWeb: true; a web interface that nobody asks counts for nothing"
        )


def check_repeats(part: Part) -> Iterator[Problem]:
    """Items of a list that stand in it before."""
    seen: set[str] = set()
    for item in part.children():
        if item.text in seen:
            yield item.problem(f"{item.text} stands here again; keep one")
        seen.add(item.text or "")


def _check_quarantine(failover: Part) -> Iterator[Problem]:
    if flag(failover.at("quarantine"), default=False) and not failover.at("fence").is_given:
        yield failover.at("quarantine").problem("true needs a fence; write down what takes a server out")


def _check_hooks(failover: Part) -> Iterator[Problem]:
    after = tuple(failover.at("hooks", "after").children())
    yield from _check_fence(failover.at("fence"))
    for hook in (*failover.at("hooks", "before").children(), *after):
        yield from check_range(hook.at("timeout"), *_HOOK_RANGE)
    for hook in after:
        if hook.at("required").text == "true":
            text = "nothing is left to abort after a move; leave the key out, or put the hook under before"
            yield hook.at("required").problem(text)


def _check_fence(fence: Part) -> Iterator[Problem]:
    rlmdown = flag(fence.at("rlmdown"), default=False)
    yield from check_range(fence.at("timeout"), *(_RLMDOWN_RANGE if rlmdown else _HOOK_RANGE))
    if rlmdown is False and fence.at("rlmdown").is_given:
        yield fence.at("rlmdown").problem("false fences nobody; leave the fence out")
    if rlmdown and flag(fence.at("required"), default=False):
        yield fence.at("required").problem(
            "a server that is dead or hangs cannot be told to stop, so a required rlmdown would hold every "
            "failover from it; leave the key out, or fence with exec"
        )


def _check_client_settings(settings: Part) -> Iterator[Problem]:
    yield from check_range(settings.at("connectTimeout"), *_CONNECT_RANGE)
    taken: set[str] = set()
    for file in settings.at("files").children():
        path = file.at("path").text or ""
        if path in taken:
            yield file.at("path").problem(f"{path} stands here again; one file holds one format")
        taken.add(path)
    for hook in settings.at("hooks").children():
        yield from check_range(hook.at("timeout"), *_HOOK_RANGE)
        if hook.at("required").text == "true":
            yield hook.at("required").problem("the files are written already; leave the key out")
    if settings.at("hooks").is_given and not settings.at("files").is_given:
        yield settings.at("hooks").problem("nothing is written that they could be told of; add files")


def _check_tuning(manifest: Part) -> Iterator[Problem]:
    order = manifest.at("spec", "tuning", "clientOrder")
    if order.text == ClientOrder.SITE and not any(
        server.part.at("site").is_given for server in server_parts(manifest)
    ):
        yield order.problem(
            "site needs to know what stands where; write `site:` at each server under spec.highAvailability"
        )


def _check_features(features: Part) -> Iterator[Problem]:
    taken: dict[tuple[str, str], Part] = {}
    for feature in features.children():
        name, isv = feature.at("name").text, feature.at("vendor").text
        if name is None or isv is None:
            continue
        first = taken.setdefault((name, isv.casefold()), feature)
        if first is not feature:
            text = f"{name} of {isv} stands here again, first in line {first.line}; keep one of the two"
            yield feature.at("name").problem(text)
