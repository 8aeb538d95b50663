"""Parameters that several entries take. Pure."""

from rlm_exporter.server.openapi.entry import Parameter
from rlm_exporter.server.openapi.shapes import Schema, moment, text, whole, word
from rlm_exporter.server.requests import LISTED_DEFAULT, LISTED_LARGEST, LONGEST_WORD
from rlm_exporter.server.usage_requests import LASTS
from rlm_exporter.store.report_records import REFUSALS_BY, Dimension

NAME = Parameter(
    name="name",
    place="path",
    schema=text(minLength=1),
    meaning="the cluster, by the name in its manifest",
    required=True,
    example="rlm-ha-cluster",
)


def query(name: str, schema: Schema, meaning: str, *, required: bool = False) -> Parameter:
    """A parameter of the query."""
    return Parameter(name=name, place="query", schema=schema, meaning=meaning, required=required)


LAST = query("last", word(LASTS), "the last day, week or month; a month where nothing else is said")
SINCE = query("since", moment(), "the beginning of the time, in place of `last`; with its zone")
UNTIL = query("until", moment(), "its end; now where it is not given")
WINDOW = (LAST, SINCE, UNTIL)

_BY = "what each line is about; feature where it is not given"
BY = query("by", word(Dimension), _BY)
DENIED_BY = query("by", word(REFUSALS_BY), _BY)
FEATURE = query("feature", text(), "this feature alone")

LISTED = (
    query("since", moment(), "nothing older than this; with its zone"),
    query(
        "limit",
        {**whole(minimum=1, maximum=LISTED_LARGEST), "default": LISTED_DEFAULT},
        "at most so many of each kind, the newest",
    ),
)

IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    place="header",
    schema=text(minLength=1, maxLength=LONGEST_WORD, pattern="^[!-~]([ -~]*[!-~])?$"),
    meaning="with the same key the wish may be sent again, and is carried out once",
)
