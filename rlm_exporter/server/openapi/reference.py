"""Writes `docs/api.md` from the entries: `python -m rlm_exporter.server.openapi.reference`."""

import sys

from rlm_exporter.server.openapi.document import ENTRIES
from rlm_exporter.server.openapi.entry import Entry
from rlm_exporter.server.openapi.problems import ANYWHERE, MEANINGS, problems_of

_HEAD = """\
# HTTP API

<!-- Made by `python -m rlm_exporter.server.openapi.reference > docs/api.md`; a test compares them. -->

The daemon answers on `http://127.0.0.1:10053`, or where `--listen` says. The command line uses nothing else.
`/api/v1/openapi.json` describes every request, answer and error in OpenAPI 3.1, for editors and for programs
that make clients; this page is what a person needs.

    curl http://127.0.0.1:10053/api/v1/clusters/rlm-ha-cluster/seats
    curl -H "Authorization: Bearer $(cat token)" https://ha1.example.com:10053/api/v1/clusters
    curl -H "Authorization: Bearer $(cat token)" -H "Content-Type: application/json" \\
         -H "Idempotency-Key: $(uuidgen)" -d '{"to": "rlm2", "from": "rlm1", "reason": "new disks"}' \\
         https://ha1.example.com:10053/api/v1/clusters/rlm-ha-cluster/failover

- On loopback without tokens nobody is asked for one. With tokens each request needs one, of a role that goes
  far enough: `viewer` reads, `operator` reads and changes, `shipper` brings report logs, and the webhook has
  a token of its own. The README says how tokens are made. In a command a token shows in the list of
  processes; `curl --header @FILE` reads the whole header from a file.
- A body is JSON with `Content-Type: application/json`. Fields that are not known are refused, and no type is
  turned into another. The webhook alone takes what it does not know.
- `null` is what is not known, never 0. Times are UTC in ISO 8601. Answers may get more fields with a newer
  version; those that are there stay.
- A move answers at once with the operation that it began (202). Ask for
  `/api/v1/clusters/NAME/operations/ID` until its `state` is no longer `open`. With an `Idempotency-Key` the
  same wish may be sent again after a broken connection: it is carried out once. `from` makes it fail with
  412 where another server is active than you believe.
- Where several daemons share the clusters, one of them acts for each. The others answer a wish with 409
  `not_leader`, and with its address in `leader_url`.
"""

_PROBLEMS = """
## Errors

An error is `application/problem+json` (RFC 9457):

    {"type": "urn:rlm-ha:unknown_cluster", "title": "unknown cluster", "status": 404,
     "kind": "unknown_cluster", "detail": "no such cluster; known: rlm-ha-cluster"}

`detail` is for people. Programs go by `status` and `kind`:

| Kind | Status | Meaning |
|---|---|---|
"""


def reference() -> str:
    """The page."""
    parts = dict.fromkeys(entry.part for entry in ENTRIES)
    return _HEAD + "".join(map(_chapter, parts)) + _PROBLEMS + "".join(map(_problem, MEANINGS))


def _chapter(part: str) -> str:
    rows = "".join(_row(entry) for entry in ENTRIES if entry.part == part)
    return f"\n## {part}\n\n| | | Role | |\n|---|---|---|---|\n{rows}"


def _row(entry: Entry) -> str:
    role = "anybody" if entry.role is None else entry.role.value
    asked = [each.name for each in entry.parameters if each.place == "query"]
    query = f"; `?{'`, `'.join(asked)}`" if asked else ""
    return f"| {entry.method} | `{entry.path}` | {role} | {entry.summary}{query} |\n"


def _problem(kind: str) -> str:
    told = [ANYWHERE, *map(problems_of, ENTRIES)]
    found = {status for problems in told for status, kinds in problems.items() if kind in kinds}
    return f"| `{kind}` | {', '.join(map(str, sorted(found)))} | {MEANINGS[kind]} |\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
