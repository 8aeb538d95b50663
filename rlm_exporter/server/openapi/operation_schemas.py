"""Operations, steps, decisions and alerts, as the API tells them. Pure."""

from rlm_exporter.failover.reasons import Reason
from rlm_exporter.failover.trigger import TriggerKind
from rlm_exporter.server.openapi.shapes import (
    Schema,
    answer,
    listed,
    maybe,
    moment,
    ref,
    text,
    truth,
    whole,
    word,
)
from rlm_exporter.store.records import AlertStatus, OperationKind, OperationState, StepOutcome

SCHEMAS: dict[str, Schema] = {
    "Operation": answer(
        "A move, or a finding about who is active.",
        {
            "id": whole(minimum=1),
            "cluster": text(),
            "kind": word(OperationKind),
            "rule": text("the rule that led to it; `operator` for a move by hand"),
            "state": word(OperationState),
            "outcome": text("in words what came of it; empty while it runs"),
            "from": maybe(text("the server that was active before")),
            "to": text("the server that is to be active"),
            "epoch": whole("grows with each move"),
            "requested_by": text("`controller` where nobody asked"),
            "reason": text("why, in the words of who asked"),
            "trigger": text("what asked, as a word; may be empty"),
            "started_at": moment(),
            "committed_at": maybe(moment("from then on the new server counts as the active one")),
            "ended_at": maybe(moment()),
            "steps": listed(ref("Step")),
            "alerts": listed(ref("Alert"), "those of the same incident"),
        },
    ),
    "Step": answer(
        "One step of an operation, written before it runs.",
        {
            "number": whole(minimum=1),
            "step": text("fence, apply, verify, commit and so on"),
            "target": text("what it is done to"),
            "epoch": whole(),
            "intent_at": moment(),
            "done_at": maybe(moment("null while it runs")),
            "outcome": maybe(word(StepOutcome)),
            "detail": text(),
        },
    ),
    "Alert": answer(
        "An alert of Alertmanager that asked for a failover.",
        {
            "fingerprint": text(),
            "alertname": text(),
            "server": maybe(text()),
            "status": word(AlertStatus),
            "starts_at": moment(),
            "first_seen": moment(),
            "last_seen": moment(),
            "deliveries": whole("how often it was delivered", minimum=1),
        },
    ),
    "HeldDecision": answer(
        "A decision to do nothing.",
        {
            "id": whole(minimum=1),
            "at": moment(),
            "rule": text("the rule that held"),
            "trigger": text("what asked, as a word; may be empty"),
            "detail": text(),
        },
    ),
    "Decision": answer(
        "What the controller decided last.",
        {
            "number": maybe(whole("the rule's number in docs/failover.md", minimum=1)),
            "rule": word(Reason),
            "detail": text(),
            "at": moment(),
            "trigger": maybe(word(TriggerKind)),
        },
    ),
    "Events": answer(
        "The journal of a cluster, newest first.",
        {"operations": listed(ref("Operation")), "decisions": listed(ref("HeldDecision"))},
    ),
    "Plan": answer(
        "What a move would do.",
        {
            "from": text(),
            "to": text(),
            "kind": word(OperationKind),
            "steps": listed(text()),
            "warnings": listed(text()),
            "rules": listed(ref("SeenRule"), "what the rules for automatic moves make of the moment"),
        },
    ),
    "SeenRule": answer(
        "One rule for automatic moves, at this moment.",
        {"number": whole(minimum=1), "rule": word(Reason), "applies": truth(), "detail": text()},
    ),
}
