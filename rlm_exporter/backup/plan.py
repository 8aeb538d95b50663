"""What a restore would do, from what was saved and what there is now. Pure.

Five steps, in the order of the sheet in the backup. A license server that serves is never stopped, and its
files are left alone: what it has read is what clients use.
"""

from collections.abc import Iterator

from rlm_exporter.backup.actions import ALL, Action, Deed, Look, Rules, State
from rlm_exporter.backup.contents import Contents, Entry
from rlm_exporter.backup.journal_look import Found, JournalLook
from rlm_exporter.backup.members import BackupSettings, Member, Role
from rlm_exporter.backup.serving import Serves, Standing


def plan(
    contents: Contents,
    settings: BackupSettings,
    look: Look,
    rules: Rules,
    *,
    steps: frozenset[int] = ALL,
) -> tuple[Action, ...]:
    """Every action of these steps, in order. The look needs no more than these steps are about."""
    servers, balancers = settings.of(Role.SERVER), settings.of(Role.BALANCER)
    actions: list[Action] = []
    if 1 in steps:
        actions += [
            *(_put(member, contents, look, rules) for member in servers),
            *_homeless(contents, settings, rules),
            *_store(look.journal, rules),
        ]
    if 2 in steps:
        actions += [_mount(member, path, look) for member in servers for path in member.mounts]
    if 3 in steps:
        actions += [_start(member, look) for member in start_order(servers, contents, look)]
    if 4 in steps:
        actions += [*(_balancer(member, contents, look, rules) for member in balancers), _deploy(look)]
    if 5 in steps:
        actions.append(_drill(look))
    return tuple(actions)


def start_order(servers: tuple[Member, ...], contents: Contents, look: Look) -> tuple[Member, ...]:
    """Standbys first: until the one that is to serve is there, nobody serves who is not to."""
    last = look.active or contents.active
    return tuple(sorted(servers, key=lambda member: member.called == last))


def _put(member: Member, contents: Contents, look: Look, rules: Rules) -> Action:
    saved = contents.of(member.key)
    if not saved:
        return _action(Deed.PUT, member.name, State.HELD, "nothing of it was saved")
    if member.key in look.trouble:
        return _action(Deed.PUT, member.name, State.BLOCKED, look.trouble[member.key])
    differing = look.differing[member.key]
    if not differing:
        return _action(Deed.PUT, member.name, State.DONE, f"{_files(saved)} as saved")
    if not rules.even_serving and (kept := _kept_from_writing(member, look, differing)):
        return kept
    return Action(
        deed=Deed.PUT,
        subject=member.name,
        state=State.TODO,
        text=f"put back {_named(differing)}",
        files=differing,
    )


def _kept_from_writing(member: Member, look: Look, differing: tuple[Entry, ...]) -> Action | None:
    """Only one that is known not to serve is written to."""
    standing = look.serving.get(member.called)
    if standing is None:
        return _action(Deed.PUT, member.name, State.BLOCKED, f"{_stranger(member, look)}, or --even-serving")
    match standing.serves:
        case Serves.NO:
            return None
        case Serves.UNKNOWN:
            text = f"{_doubt(standing)}; see to it and run it again, or write its files with --even-serving"
            return _action(Deed.PUT, member.name, State.BLOCKED, text)
        case Serves.YES | Serves.PARTLY:
            text = f"it serves, so its files are left alone; not as saved: {_named(differing)}"
            return _action(Deed.PUT, member.name, State.HELD, text)


def _stranger(member: Member, look: Look) -> str:
    """Of one that the saved manifest does not have: it may serve under any of its names."""
    known = ", ".join(sorted(look.serving)) or "none"
    return (
        f"the saved manifest has no server {member.called} (it has: {known}), so nobody can tell whether "
        f"it serves; say in the settings which it is: {{server: NAME}}"
    )


def _doubt(standing: Standing) -> str:
    return f"nobody can tell whether it serves: {standing.detail}"


def _homeless(contents: Contents, settings: BackupSettings, rules: Rules) -> Iterator[Action]:
    """A machine that the settings do not have, or have under another name."""
    known = {member.key for member in settings.members}
    for key in contents.members:
        if key not in known and contents.of(key):
            text = f"{_files(contents.of(key))} of it in the backup, and the settings do not have it"
            if rules.allow_missing:
                yield _action(Deed.PUT, key, State.HELD, f"{text}; they go nowhere")
            else:
                text += "; name it there as the backup does, or leave it out with --allow-missing"
                yield _action(Deed.PUT, key, State.BLOCKED, text)


def _store(journal: JournalLook | None, rules: Rules) -> Iterator[Action]:
    if journal is not None:
        yield _action(Deed.STORE, "journal", *_of_journal(journal, rules))


def _of_journal(journal: JournalLook, rules: Rules) -> tuple[State, str]:
    match journal.found:
        case Found.UNUSABLE:
            return State.BLOCKED, journal.detail
        case Found.APART:
            return State.HELD, journal.detail
        case Found.SAVED:
            return State.DONE, "as saved"
        case Found.OTHER if rules.journal_was_put:
            return State.DONE, "was put back, and has been written to since"
        case Found.OTHER if not rules.replace_journal:
            return State.HELD, (
                f"there is one, which is left alone: {journal.detail}; "
                "--replace-journal puts the saved one in its place"
            )
    if journal.used_by:
        return State.BLOCKED, f"{journal.used_by}; stop it, and run the same again"
    if journal.found is Found.OTHER:
        return State.TODO, f"put the saved journal in the place of the one there: {journal.detail}"
    return State.TODO, "put the journal back"


def _mount(member: Member, path: str, look: Look) -> Action:
    subject = f"{member.name}:{path}"
    mounted = look.mounted.get((member.name, path))
    if mounted is None:
        why = look.trouble.get(member.key, "it does not answer; the mount may be stale")
        return _action(Deed.MOUNT, subject, State.BLOCKED, why)
    if mounted:
        return _action(Deed.MOUNT, subject, State.DONE, "mounted, and answers")
    return _action(Deed.MOUNT, subject, State.BLOCKED, f"not mounted; mount it: mount {path}")


def _start(member: Member, look: Look) -> Action:
    standing = look.serving.get(member.called)
    if standing is None:
        return _action(Deed.START, member.name, State.BLOCKED, _stranger(member, look))
    match standing.serves:
        case Serves.YES:
            return _action(Deed.START, member.name, State.DONE, "serves; it is left alone")
        case Serves.PARTLY:
            text = (
                f"{standing.detail}; what runs is never started over: mend it there (--even-serving writes "
                "its files too), or stop it, and run the same again"
            )
            return _action(Deed.START, member.name, State.BLOCKED, text)
        case Serves.UNKNOWN:
            text = f"{_doubt(standing)}, and what may run is never started over; see to it and run it again"
            return _action(Deed.START, member.name, State.BLOCKED, text)
        case Serves.NO:
            return _start_of_one_that_does_not_serve(member)


def _start_of_one_that_does_not_serve(member: Member) -> Action:
    if not member.start:
        text = "does not serve, and its settings have no `start`; start it by hand"
        return _action(Deed.START, member.name, State.BLOCKED, text)
    return _action(Deed.START, member.name, State.TODO, f"start it: {' '.join(member.start)}")


def _balancer(member: Member, contents: Contents, look: Look, rules: Rules) -> Action:
    if member.key in look.trouble:
        return _action(Deed.BALANCER, member.name, State.BLOCKED, look.trouble[member.key])
    differing = look.differing.get(member.key, ())
    if differing or member.name in rules.reload_due:
        parts = [f"put back {_named(differing)}"] if differing else []
        parts += ["check it"] if member.check else []
        parts += ["reload"] if member.reload else []
        return Action(
            deed=Deed.BALANCER,
            subject=member.name,
            state=State.TODO,
            text=", ".join(parts) or "nothing but to forget that a reload was due",
            files=differing,
        )
    if not contents.of(member.key):
        return _action(Deed.BALANCER, member.name, State.HELD, "nothing of it was saved")
    return _action(Deed.BALANCER, member.name, State.DONE, "its files are as saved")


def _deploy(look: Look) -> Action:
    match look.knows_cluster:
        case True:
            return _action(Deed.DEPLOY, "daemon", State.DONE, "looks after the cluster")
        case False:
            return _action(Deed.DEPLOY, "daemon", State.TODO, "deploy the saved manifest")
        case None:
            text = "does not answer; start it with rlm-ha serve, the saved manifest and the journal"
            return _action(Deed.DEPLOY, "daemon", State.BLOCKED, text)


def _drill(look: Look) -> Action:
    if look.failed_checks is None:
        return _action(Deed.DRILL, "cluster", State.TODO, "run the drill")
    if look.failed_checks:
        return _action(Deed.DRILL, "cluster", State.BLOCKED, f"failed: {'; '.join(look.failed_checks)}")
    return _action(Deed.DRILL, "cluster", State.DONE, "the drill passed")


def _action(deed: Deed, subject: str, state: State, text: str) -> Action:
    return Action(deed=deed, subject=subject, state=state, text=text)


def _files(entries: tuple[Entry, ...]) -> str:
    count = sum(entry.kind == "file" for entry in entries)
    return "1 file" if count == 1 else f"{count} files"


def _named(entries: tuple[Entry, ...]) -> str:
    shown = [entry.path for entry in entries[:3]]
    more = len(entries) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
