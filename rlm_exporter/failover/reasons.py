"""The rule table: number, word and meaning of every decision, in the order in which rules are tried.

The first rule that matches wins; the safest stand first. The word is the journal's, the metric label's,
the API's and the documentation's; `docs/failover.md` is compared with this table by a test.
"""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """The rule that gave a decision."""

    SNAPSHOT_STALE = "snapshot_stale"
    NOT_LEADER = "not_leader"
    STORE_UNAVAILABLE = "store_unavailable"
    OPERATION_OPEN = "operation_open"
    BALANCER_UNKNOWN = "balancer_unknown"
    EPOCH_CONTESTED = "epoch_contested"
    EPOCH_BEHIND = "epoch_behind"
    ADOPTED = "adopted"
    BALANCER_DIFFERS = "balancer_differs"
    BALANCER_WRONG = "balancer_wrong"
    FOLLOWED_RLM = "followed_rlm"
    FAILBACK_DUE = "failback_due"
    ACTIVE_HEALTHY = "active_healthy"
    PAUSED = "paused"
    NOBODY_ASKED = "nobody_asked"
    NOT_AUTOMATIC = "not_automatic"
    WEB_ONLY = "web_only"
    POOLS_MISSING = "pools_missing"
    NATIVE_WAITING = "native_waiting"
    BELOW_THRESHOLD = "below_threshold"
    MONITOR_DISAGREES = "monitor_disagrees"
    REPORT_DISAGREES = "report_disagrees"
    NO_CANDIDATE = "no_candidate"
    ONLY_PINNED_LEFT = "only_pinned_left"
    IN_COOLDOWN = "in_cooldown"
    LAST_ATTEMPT_FAILED = "last_attempt_failed"
    CHASING = "chasing"
    FAILED_OVER = "failed_over"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table."""

    number: int
    reason: Reason
    when: str
    then: str


RULES: tuple[Rule, ...] = tuple(
    Rule(number=number, reason=reason, when=when, then=then)
    for number, reason, when, then in (
        (1, Reason.SNAPSHOT_STALE, "the newest check is older than two checks take", "hold, check now"),
        (
            2,
            Reason.NOT_LEADER,
            "of several daemons another one acts for this cluster, or our lease has under 5 s left",
            "hold",
        ),
        (3, Reason.STORE_UNAVAILABLE, "the journal cannot be written", "hold; HAProxy goes on alone"),
        (4, Reason.OPERATION_OPEN, "an operation is open for this cluster", "hold"),
        (5, Reason.BALANCER_UNKNOWN, "there are balancers, and none can be read", "hold, alert"),
        (
            5,
            Reason.EPOCH_CONTESTED,
            "a balancer is above our epoch again within 30 s, or a 4th time in 10 min: a second controller",
            "hold, alert",
        ),
        (
            5,
            Reason.EPOCH_BEHIND,
            "a balancer knows a higher epoch than the journal: it was restored from a backup",
            "go above it; nobody is moved",
        ),
        (
            6,
            Reason.ADOPTED,
            "another, healthy one is active at the balancer; ours failed a check, or this has lasted 60 s",
            "adopt: the record follows what is; neither cooldown nor `automatic: false` holds it",
        ),
        (7, Reason.BALANCER_DIFFERS, "the same, not lasting yet", "hold until the next look"),
        (
            7,
            Reason.BALANCER_WRONG,
            "ours is healthy; a balancer has one that is down, or for 60 s one in maintenance or of its own",
            "apply the wanted one again",
        ),
        (
            8,
            Reason.FOLLOWED_RLM,
            "`takeover: native`: the active server has no pools, and another has had them for two checks",
            "move after it: RLM has taken over, or given back",
        ),
        (
            9,
            Reason.FAILBACK_DUE,
            "`failback: automatic`: the preferred server has been good for long enough, inside the window",
            "move back to it",
        ),
        (
            9,
            Reason.ACTIVE_HEALTHY,
            "the active server answers",
            "hold: late, repeated and forged alerts end here",
        ),
        (10, Reason.PAUSED, "an operator has paused the cluster, until the pause ends", "hold"),
        (10, Reason.NOBODY_ASKED, "only alerts may ask (`triggers: [alerts]`) and none fires", "hold"),
        (11, Reason.NOT_AUTOMATIC, "the manifest says `automatic: false`", "hold, alert"),
        (12, Reason.WEB_ONLY, "only the web interface is down", "hold, alert"),
        (
            12,
            Reason.POOLS_MISSING,
            "the server answers without wanted pools, and the policy is to warn",
            "hold, alert",
        ),
        (
            13,
            Reason.NATIVE_WAITING,
            "`takeover: native`: less than 240 s since the fault, in which RLM takes over by itself",
            "hold, check now",
        ),
        (14, Reason.BELOW_THRESHOLD, "the active server is not confirmed down yet", "hold, check now"),
        (
            15,
            Reason.MONITOR_DISAGREES,
            "our checks fail, but the balancer saw the server send bytes to clients meanwhile",
            "hold, alert",
        ),
        (
            15,
            Reason.REPORT_DISAGREES,
            "our checks fail and no balancer confirms it, but another monitor reports it healthy meanwhile",
            "hold, alert",
        ),
        (16, Reason.NO_CANDIDATE, "nobody else is healthy", "hold, alert"),
        (
            17,
            Reason.ONLY_PINNED_LEFT,
            "the only healthy one is pinned by us",
            "fail over to it, cooldown or not",
        ),
        (
            18,
            Reason.IN_COOLDOWN,
            "the cooldown of the last automatic move runs, and nobody acknowledged it",
            "hold, alert",
        ),
        (
            19,
            Reason.LAST_ATTEMPT_FAILED,
            "the last operation of this incident failed: 30 s, doubling to 15 min (17 too; 6, 7, 8 for 30 s)",
            "hold, alert",
        ),
        (
            20,
            Reason.CHASING,
            "three automatic moves, adoptions included, within an hour",
            "hold until acknowledged, alert",
        ),
        (21, Reason.FAILED_OVER, "otherwise", "fail over to the best candidate"),
    )
)
NUMBERS: dict[Reason, int] = {rule.reason: rule.number for rule in RULES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Nothing moves, and why."""

    reason: Reason
    detail: str
    check_now: bool = False
    """Whether the active server should be checked at once, so that the next look knows more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Somebody else is to be active: by a failover, or because the balancer did it already (adoption)."""

    reason: Reason
    candidate: str
    detail: str


Decision = Hold | Move


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one rule made of a situation."""

    reason: Reason
    applies: bool
    detail: str = ""
