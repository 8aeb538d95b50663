"""The errors that the API tells, by status and kind. Pure."""

from collections.abc import Iterable, Mapping

from rlm_exporter.failover.release import NotReleasedKind
from rlm_exporter.failover.trigger import RefusalKind
from rlm_exporter.server.auth import Role
from rlm_exporter.server.openapi.entry import Entry, Problems
from rlm_exporter.server.openapi.shapes import Schema, answer, ref, text, whole
from rlm_exporter.server.problem import STATUS
from rlm_exporter.server.release import STATUS as RELEASE_STATUS

PROBLEM = "Problem"
CONTENT = "application/problem+json"

MEANINGS: Mapping[str, str] = {
    "invalid": "the request cannot be understood; the detail says where",
    "unauthenticated": "no token, or one that the daemon does not know",
    "forbidden": "the token's role does not go so far",
    "foreign_host": "without tokens, only requests to a loopback address are answered",
    "not_found": "no such address",
    "method_not_allowed": "that address has other methods, which `Allow` names",
    "unknown_cluster": "no cluster of that name",
    "unknown_server": "the cluster has no such server",
    "unknown_feature": "nothing is known of that feature",
    "unknown_operation": "the cluster has no such operation",
    "timeout": "the body did not arrive in time",
    "too_large": "the body is too large",
    "unsupported_encoding": "the body is packed in another way than gzip or deflate",
    "no_page": "a defect keeps the page of metrics from being made; the daemon's log has it",
    "too_much": "too many sessions for one answer; take a shorter time",
    "store_unavailable": "the journal cannot be read or written now",
    "store_slow": "the journal took too long; for a report ask for a shorter time",
    "no_answer": "no answer yet; the wish stands, and the events tell what becomes of it",
    "not_ready": "who is active is not known yet",
    "expectation_failed": "another server is active than the one given in `from`",
    "operation_open": "another operation runs",
    "target_unhealthy": "the server to move to does not look healthy",
    "active_unhealthy": "a planned move needs an active server that is healthy; use failover",
    "serves_now": "the server serves clients now; move them first, or ask for it with `switchover`",
    "balancer_unknown": "not every balancer can be read or steered",
    "not_leader": "another daemon acts for the cluster; `leader_url` says where, if it is known",
    "server_unknown": "what the license server holds cannot be read now",
    "unknown_handle": "nobody holds a seat by that handle",
    "ambiguous_handle": "several seats fit; name ISV and product",
    "isv_unknown": "the ISV server's address is not known",
    "rlm_refused": "RLM refused, for example for min_remove",
    "not_verified": "it was asked for, and whether the seat came back could not be seen",
    "not_recorded": "this daemon records no usage",
    "read_here": "the daemon reads that log itself",
    "stale_place": "the batch does not follow the newest one; ask for the place again",
    "fixed": "this daemon's clusters cannot be changed",
    "invalid_manifest": "the manifest is wrong; the detail has every problem with its line",
    "owned_by_file": "the cluster stands in a file of the daemon's: change it there",
    "would_move": "clients would be moved by it",
    "changed_meanwhile": "somebody else has deployed it meanwhile; look again",
    "past_balancer": "clients would pass by the load balancer",
    "unsafe_mode": "two servers that serve at once would give out more seats than were bought",
    "no_sinks": "no sink is configured",
    "outbox_full": "too many alerts wait already",
}
"""Every kind of problem, in words."""

REFUSALS: Problems = {
    status: tuple(kind.value for kind in RefusalKind if STATUS[kind] == status)
    for status in sorted(set(STATUS.values()))
}
"""Why a wish is not carried out."""

NOT_RELEASED: Problems = {
    status: tuple(kind.value for kind in NotReleasedKind if RELEASE_STATUS[kind] == status)
    for status in sorted(set(RELEASE_STATUS.values()))
}

ANYWHERE: Problems = {404: ("not_found",), 405: ("method_not_allowed",)}
"""Told of what is no entry at all."""

JOURNAL: Problems = {503: ("store_slow", "store_unavailable")}


def problem_schema() -> Schema:
    """What they have in common."""
    return answer(
        "An error (RFC 9457). `kind` is for programs, `detail` for people.",
        {
            "type": text("`urn:rlm-ha:` and the kind", pattern="^urn:rlm-ha:[a-z_]+$"),
            "title": text("the kind, as words"),
            "status": whole("the status of the answer", minimum=400, maximum=599),
            "detail": text("what, where, and what to do"),
            "kind": text("one word", enum=list(MEANINGS)),
        },
        sometimes={"leader_url": text("with not_leader: the daemon that acts for the cluster")},
    )


def problems_of(entry: Entry) -> dict[int, tuple[str, ...]]:
    """All that may go wrong: what the entry names, and what can go wrong with every one like it."""
    found: dict[int, list[str]] = {}
    for problems in (entry.problems, _common(entry)):
        for status, kinds in problems.items():
            found.setdefault(status, []).extend(kinds)
    return {status: tuple(dict.fromkeys(found[status])) for status in sorted(found)}


def response(kinds: Iterable[str]) -> Schema:
    """One status of a problem."""
    kinds = list(kinds)
    return {
        "description": "; ".join(f"{kind}: {MEANINGS[kind]}" for kind in kinds),
        "content": {
            CONTENT: {
                "schema": {"allOf": [ref(PROBLEM), {"properties": {"kind": {"enum": kinds}}}]},
            }
        },
    }


def _common(entry: Entry) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    if entry.role is not None:
        found[401] = ("unauthenticated",)
        found[403] = ("forbidden", "foreign_host")
    if "{" in entry.path:
        found[404] = ("not_found",)
    if "{name}" in entry.path:
        found[404] = ("unknown_cluster", "not_found")
    if entry.body is not None:
        found |= {
            400: ("invalid",),
            408: ("timeout",),
            413: ("too_large",),
            415: ("unsupported_encoding",),
        }
    return found


ROLES: Mapping[Role, tuple[Role, ...]] = {
    Role.VIEWER: (Role.VIEWER, Role.OPERATOR),
    Role.OPERATOR: (Role.OPERATOR,),
    Role.SHIPPER: (Role.SHIPPER, Role.OPERATOR),
    Role.WEBHOOK: (Role.WEBHOOK,),
}
"""The roles that a token may have where one is needed."""
