"""What a restore would do: one row a situation."""

from dataclasses import replace
from pathlib import Path

import pytest

from rlm_exporter.backup.actions import STEP, Action, Deed, Look, Rules, State
from rlm_exporter.backup.contents import Contents, Entry
from rlm_exporter.backup.info import STEPS
from rlm_exporter.backup.journal_look import Found, JournalLook
from rlm_exporter.backup.members import Member, Role
from rlm_exporter.backup.plan import plan
from rlm_exporter.backup.serving import Serves, Standing
from tests.backup.sites import NOW, member
from tests.backup.sites import settings as settings_of


def entry(key: str, path: str) -> Entry:
    return Entry(
        member=key, path=path, kind="file", mode=0o644, owner="rlm", group="rlm", mtime=0, sha256="x"
    )


RLM1 = replace(member(Path("/r"), name="rlm1"), start=("start", "rlm1"), mounts=("/opt/rlm/shared",))
RLM2 = replace(member(Path("/r"), name="rlm2"), start=("start", "rlm2"))
LB1 = Member(
    role=Role.BALANCER,
    name="lb1",
    ssh=None,
    command=(),
    root="/",
    paths=("/h.cfg",),
    logs=(),
    check=("check",),
    reload=("reload",),
)
UP, DOWN = Standing(serves=Serves.YES), Standing(serves=Serves.NO)
SLOW = Standing(serves=Serves.UNKNOWN, detail="no whole answer within 20 s")
HALF = Standing(serves=Serves.PARTLY, detail="rlm answers, and ISV server b does not")
KEYS = ("servers/rlm1", "servers/rlm2", "balancers/lb1")
FILES = {key: entry(key, "/h.cfg" if "lb1" in key else "/a.lic") for key in KEYS}
CONTENTS = Contents(
    cluster="site",
    made_at=NOW,
    active="rlm1",
    active_host="h",
    epoch=1,
    members=KEYS,
    entries=tuple(FILES.values()),
    parts=(),
)
WELL = Look(
    serving={"rlm1": UP, "rlm2": UP},
    differing=dict.fromkeys(KEYS, ()),
    mounted={("rlm1", "/opt/rlm/shared"): True},
    trouble={},
    active="rlm1",
    knows_cluster=True,
    journal=JournalLook(found=Found.SAVED),
    failed_checks=(),
)
LOST = replace(
    WELL,
    serving={"rlm1": DOWN, "rlm2": DOWN},
    differing={key: (each,) for key, each in FILES.items()},
    knows_cluster=False,
    journal=JournalLook(found=Found.NONE),
    failed_checks=None,
)


def planned(
    look: Look, *, members: tuple[Member, ...] = (RLM1, RLM2, LB1), rules: Rules | None = None
) -> tuple[Action, ...]:
    return plan(CONTENTS, settings_of(Path("/b"), *members), look, rules or Rules())


def state(actions: tuple[Action, ...], deed: Deed, subject: str) -> tuple[State, str]:
    return next((each.state, each.text) for each in actions if (each.deed, each.subject) == (deed, subject))


@pytest.mark.row(45)
def test_where_all_is_lost_everything_is_to_do_in_the_order_of_the_sheet() -> None:
    actions = planned(LOST)

    assert [action.step for action in actions] == sorted(action.step for action in actions)
    assert {action.step for action in actions} == set(range(1, len(STEPS) + 1)) == set(STEP.values())
    todo = [(action.deed, action.subject) for action in actions if action.state is State.TODO]
    assert todo == [
        (Deed.PUT, "rlm1"),
        (Deed.PUT, "rlm2"),
        (Deed.STORE, "journal"),
        (Deed.START, "rlm2"),  # the one that is to serve comes last
        (Deed.START, "rlm1"),
        (Deed.BALANCER, "lb1"),
        (Deed.DEPLOY, "daemon"),
        (Deed.DRILL, "cluster"),
    ]


def test_where_all_is_well_nothing_is_to_do() -> None:
    assert {action.state for action in planned(WELL)} == {State.DONE}


@pytest.mark.row(45)
@pytest.mark.parametrize(
    ("look", "deed", "subject", "is_", "said"),
    [
        (
            replace(LOST, serving={"rlm1": UP, "rlm2": DOWN}),
            Deed.PUT,
            "rlm1",
            State.HELD,
            "it serves, so its files are left alone; not as saved: /a.lic",
        ),
        (replace(LOST, serving={"rlm1": UP}), Deed.START, "rlm1", State.DONE, "left alone"),
        (
            replace(LOST, serving={"rlm1": SLOW}),
            Deed.PUT,
            "rlm1",
            State.BLOCKED,
            "nobody can tell whether it serves: no whole answer within 20 s; see to it",
        ),
        (replace(LOST, serving={"rlm1": SLOW}), Deed.START, "rlm1", State.BLOCKED, "never started over"),
        (replace(LOST, serving={"rlm1": HALF}), Deed.PUT, "rlm1", State.HELD, "left alone"),
        (
            replace(LOST, serving={"rlm1": HALF}),
            Deed.START,
            "rlm1",
            State.BLOCKED,
            "rlm answers, and ISV server b does not; what runs is never started over",
        ),
        (replace(LOST, trouble={KEYS[0]: "no route"}), Deed.PUT, "rlm1", State.BLOCKED, "no route"),
        (replace(LOST, trouble={KEYS[2]: "no route"}), Deed.BALANCER, "lb1", State.BLOCKED, "no route"),
        (replace(WELL, mounted={}), Deed.MOUNT, "rlm1:/opt/rlm/shared", State.BLOCKED, "may be stale"),
        (
            replace(WELL, mounted={("rlm1", "/opt/rlm/shared"): False}),
            Deed.MOUNT,
            "rlm1:/opt/rlm/shared",
            State.BLOCKED,
            "not mounted; mount it",
        ),
        (replace(WELL, knows_cluster=None), Deed.DEPLOY, "daemon", State.BLOCKED, "does not answer"),
        (
            replace(WELL, failed_checks=("web rlm1",)),
            Deed.DRILL,
            "cluster",
            State.BLOCKED,
            "failed: web rlm1",
        ),
    ],
)
def test_what_is_not_ours_to_do_is_held_or_told(
    look: Look, deed: Deed, subject: str, is_: State, said: str
) -> None:
    found, text = state(planned(look), deed, subject)
    assert (found, said in text) == (is_, True)


def test_who_is_active_now_counts_for_more_than_who_was() -> None:
    actions = planned(replace(LOST, active="rlm2"))
    assert [action.subject for action in actions if action.deed is Deed.START] == ["rlm1", "rlm2"]


def test_a_reload_that_did_not_come_is_still_due() -> None:
    actions = planned(WELL, rules=Rules(reload_due=frozenset({"lb1"})))
    assert state(actions, Deed.BALANCER, "lb1") == (State.TODO, "check it, reload")


def test_files_of_one_that_serves_are_written_on_demand_and_it_goes_on() -> None:
    serving = replace(LOST, serving={"rlm1": UP, "rlm2": UP})
    actions = planned(serving, rules=Rules(even_serving=True))
    assert state(actions, Deed.PUT, "rlm1")[0] is State.TODO
    assert state(actions, Deed.START, "rlm1")[0] is State.DONE


OTHER = JournalLook(found=Found.OTHER, detail="it holds site under epoch 9")
IN_USE = "a daemon is at work on it"


@pytest.mark.row(45)
@pytest.mark.parametrize(
    ("journal", "rules", "is_", "said"),
    [
        (JournalLook(found=Found.NONE), Rules(), State.TODO, "put the journal back"),
        (JournalLook(found=Found.NONE, used_by=IN_USE), Rules(), State.BLOCKED, f"{IN_USE}; stop it"),
        (JournalLook(found=Found.SAVED), Rules(replace_journal=True), State.DONE, "as saved"),
        (OTHER, Rules(), State.HELD, "left alone: it holds site under epoch 9; --replace-journal"),
        (OTHER, Rules(replace_journal=True), State.TODO, "in the place of the one there: it holds site"),
        (replace(OTHER, used_by=IN_USE), Rules(replace_journal=True), State.BLOCKED, IN_USE),
        (replace(OTHER, used_by=IN_USE), Rules(), State.HELD, "left alone"),
        # What the daemon has written since it was put back is not taken away by the next run.
        (OTHER, Rules(replace_journal=True, journal_was_put=True), State.DONE, "written to since"),
        # And one that is lost again is put back again.
        (JournalLook(found=Found.NONE), Rules(journal_was_put=True), State.TODO, "put the journal back"),
        (
            JournalLook(found=Found.APART, detail="by hand"),
            Rules(replace_journal=True),
            State.HELD,
            "by hand",
        ),
        (JournalLook(found=Found.UNUSABLE, detail="newer"), Rules(), State.BLOCKED, "newer"),
    ],
)
def test_a_journal_that_is_there_is_replaced_on_demand_alone(
    journal: JournalLook, rules: Rules, is_: State, said: str
) -> None:
    found, text = state(planned(replace(LOST, journal=journal), rules=rules), Deed.STORE, "journal")
    assert (found, said in text) == (is_, True)


def test_a_backup_without_a_journal_says_nothing_of_one() -> None:
    assert Deed.STORE not in {action.deed for action in planned(replace(LOST, journal=None))}


SRV1 = replace(RLM1, name="srv1", mounts=())
RENAMED = replace(
    CONTENTS, members=("servers/srv1",), entries=(replace(FILES[KEYS[0]], member="servers/srv1"),)
)
FOUND = replace(WELL, differing={"servers/srv1": RENAMED.entries})


@pytest.mark.row(45)
def test_one_that_the_manifest_does_not_have_is_not_taken_for_one_that_does_not_serve() -> None:
    actions = plan(RENAMED, settings_of(Path("/b"), SRV1), FOUND, Rules())

    for deed in (Deed.PUT, Deed.START):
        found, text = state(actions, deed, "srv1")
        assert (found, "no server srv1 (it has: rlm1, rlm2)" in text) == (State.BLOCKED, True), text
    actions = plan(RENAMED, settings_of(Path("/b"), SRV1), FOUND, Rules(even_serving=True))
    assert state(actions, Deed.PUT, "srv1")[0] is State.TODO
    assert state(actions, Deed.START, "srv1")[0] is State.BLOCKED


@pytest.mark.row(45)
def test_one_that_the_settings_call_otherwise_is_asked_by_its_name_in_the_manifest() -> None:
    actions = plan(RENAMED, settings_of(Path("/b"), replace(SRV1, server="rlm1")), FOUND, Rules())
    assert state(actions, Deed.PUT, "srv1")[0] is State.HELD
    assert state(actions, Deed.START, "srv1")[0] is State.DONE


@pytest.mark.row(45)
def test_a_machine_that_the_settings_do_not_have_is_left_out_on_demand_alone() -> None:
    """Of a balancer too: by a slip in its name nothing of it would come back, and nobody would know."""
    misspelt = replace(LB1, name="lb-1")

    actions = planned(WELL, members=(RLM1, misspelt))
    for key in ("servers/rlm2", "balancers/lb1"):
        found, text = state(actions, Deed.PUT, key)
        assert (found, "1 file of it" in text, "--allow-missing" in text) == (State.BLOCKED, True, True)
    assert state(actions, Deed.BALANCER, "lb-1") == (State.HELD, "nothing of it was saved")

    actions = planned(WELL, members=(RLM1, misspelt), rules=Rules(allow_missing=True))
    assert {state(actions, Deed.PUT, key)[0] for key in ("servers/rlm2", "balancers/lb1")} == {State.HELD}
