"""Puts a backup back in five steps. Each looks first, does what is to do, and looks again.

A run that ends early is taken up by the next: what is done already is seen, and only what cannot be seen
stands in the state file.
"""

import os
import posixpath
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rlm_exporter.backup.actions import ALL, STEP, Action, Deed, Look, Rules, State
from rlm_exporter.backup.contents import EXPORT, Contents, Entry
from rlm_exporter.backup.courier import Courier
from rlm_exporter.backup.info import STEPS
from rlm_exporter.backup.journal_look import Found, JournalLook
from rlm_exporter.backup.journals import journal_at
from rlm_exporter.backup.members import BackupSettings, Member, Role
from rlm_exporter.backup.plan import plan
from rlm_exporter.backup.ports import JournalStore, World
from rlm_exporter.backup.put import differing, put
from rlm_exporter.backup.serving import Serves
from rlm_exporter.backup.state import StateFile
from rlm_exporter.errors import BackupError

MOUNT_SECONDS = 10.0
"""For a look at a mount: one that takes longer is stale."""
START_SECONDS = 60.0
"""From a start to the first answer."""
PAUSE = 0.5
"""Seconds between two questions to a server that starts."""

Tell = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Restore:
    """One backup, the place that it goes to, and what is known so far."""

    contents: Contents
    folder: Path
    """The backup's files."""
    settings: BackupSettings
    world: World
    even_serving: bool = False
    allow_missing: bool = False
    replace_journal: bool = False
    start_seconds: float = START_SECONDS
    _failed_checks: tuple[str, ...] | None = field(default=None, init=False)

    def plan(self, state: StateFile, *, steps: frozenset[int] = ALL) -> tuple[Action, ...]:
        """What would be done now. Changes nothing."""
        rules = Rules(
            even_serving=self.even_serving,
            allow_missing=self.allow_missing,
            replace_journal=self.replace_journal,
            journal_was_put=state.state.journal_put,
            reload_due=frozenset(state.state.reload_due),
        )
        return plan(self.contents, self.settings, self._look(steps), rules, steps=steps)

    def apply(self, state: StateFile, tell: Tell) -> tuple[Action, ...]:
        """Do the five steps, and return how each thing stands. Raises BackupError at the step that failed."""
        with state.alone():
            ended = self._steps(state, tell)
            state.forget()
        return ended

    def _steps(self, state: StateFile, tell: Tell) -> tuple[Action, ...]:
        ended: list[Action] = []
        try:
            for number, title in enumerate(STEPS, start=1):
                tell(f"{number}. {title}")
                ended += self._step(number, state, tell)
                if number == STEP[Deed.START]:
                    self._give_back(state, tell)
                state.state.steps_done = sorted({*state.state.steps_done, number})
                state.save()
        finally:
            self._give_back(state, tell)
        return tuple(ended)

    def _step(self, number: int, state: StateFile, tell: Tell) -> tuple[Action, ...]:
        actions = self.plan(state, steps=frozenset({number}))
        todo = [action for action in actions if action.state is State.TODO]
        for action in todo:
            tell(f"   {action.subject}: {action.text}")
            self._do(action, state, tell)
        if todo:
            actions = self.plan(state, steps=frozenset({number}))
        left = [action for action in actions if action.state in {State.TODO, State.BLOCKED}]
        if left:
            told = "\n".join(f"  {action.subject}: {action.text}" for action in left)
            raise BackupError(f"step {number} of {len(STEPS)} did not come to its end:\n{told}\n{_AGAIN}")
        for action in actions:
            tell(f"   {action.subject}: {action.text}")
            if action.deed is Deed.STORE and action.state is State.DONE:
                self._journal_is_back(state)
        return actions

    # ---- looking

    def _look(self, steps: frozenset[int]) -> Look:
        wrong: dict[str, tuple[Entry, ...]] = {}
        trouble: dict[str, str] = {}
        mounted: dict[tuple[str, str], bool] = {}
        servers, balancers = self.settings.of(Role.SERVER), self.settings.of(Role.BALANCER)
        for member in (*(servers if 1 in steps else ()), *(balancers if 4 in steps else ())):
            try:
                wrong[member.key] = differing(member, self._courier(member), self.contents.of(member.key))
            except BackupError as error:
                trouble[member.key] = str(error)
        for member in servers if 2 in steps else ():
            for path in member.mounts:
                if (answer := self._is_mounted(member, path)) is not None:
                    mounted[member.name, path] = answer
        return Look(
            serving=self.world.serving() if steps & {1, 3} else {},
            differing=wrong,
            mounted=mounted,
            trouble=trouble,
            active=self.world.active() if 3 in steps else None,
            knows_cluster=self.world.knows_cluster() if 4 in steps else None,
            journal=self._look_at_journal() if STEP[Deed.STORE] in steps else None,
            failed_checks=self._failed_checks,
        )

    def _serves(self, member: Member) -> Serves:
        standing = self.world.serving().get(member.called)
        return Serves.UNKNOWN if standing is None else standing.serves

    def _is_mounted(self, member: Member, path: str) -> bool | None:
        """None where it does not answer."""
        place = posixpath.normpath(f"{member.root}/{path}") if member.root != "/" else path
        try:
            said, _ = self._courier(member, seconds=MOUNT_SECONDS).ask(["mountpoint", "-q", place])
        except BackupError:
            return None
        return said.status == 0

    def _look_at_journal(self) -> JournalLook | None:
        """How it stands; None where none was saved."""
        saved, url = self.contents.journal, self.settings.store
        if saved is None:
            return None
        if url is None:
            return JournalLook(found=Found.APART, detail="spec.store is not set, so nobody knows where to")
        store = self._store(url)
        if not saved.place.endswith(store.file):
            why = f"{saved.place} is not for such a database as spec.store names; it is left to you"
            return JournalLook(found=Found.APART, detail=why)
        return store.look(saved, self.folder / saved.place)

    def _store(self, url: str) -> JournalStore:
        return journal_at(url, seconds=self.settings.timeout.total_seconds(), environ=os.environ)

    def _courier(self, member: Member, *, seconds: float | None = None) -> Courier:
        limit = self.settings.timeout.total_seconds() if seconds is None else seconds
        return Courier(member, seconds=limit, largest=self.settings.largest)

    def _member(self, role: Role, name: str) -> Member:
        return next(member for member in self.settings.of(role) if member.name == name)

    # ---- doing

    def _do(self, action: Action, state: StateFile, tell: Tell) -> None:
        match action.deed:
            case Deed.PUT:
                member = self._member(Role.SERVER, action.subject)
                if self.even_serving or self._serves(member) is Serves.NO:  # since the look
                    self._put(member, action.files)
            case Deed.STORE:
                self._put_store(state, tell)
            case Deed.START:
                self._start(self._member(Role.SERVER, action.subject), state, tell)
            case Deed.BALANCER:
                self._balance(self._member(Role.BALANCER, action.subject), action.files, state)
            case Deed.DEPLOY:
                self.world.deploy((self.folder / EXPORT).read_text(encoding="utf-8"))
            case Deed.DRILL:
                self._failed_checks = self.world.drill()
            case Deed.MOUNT:
                raise AssertionError("a mount is never ours to do")

    def _put(self, member: Member, files: Sequence[Entry]) -> None:
        put(member, self._courier(member), files, self.folder)

    def _put_store(self, state: StateFile, tell: Tell) -> None:
        saved, url = self.contents.journal, self.settings.store
        if saved is None or url is None:
            raise AssertionError("nothing is to be put")
        told = self._store(url).put(
            saved,
            self.folder / saved.place,
            replace=self.replace_journal,
            beside=state.path.with_name("journal-before"),
        )
        if told:
            tell(f"   journal: {told}")
        self._journal_is_back(state)

    def _journal_is_back(self, state: StateFile) -> None:
        """From now on it is the daemon's: what he writes to it is no reason to put it back once more."""
        state.state.journal_put = True
        state.save()

    def _start(self, member: Member, state: StateFile, tell: Tell) -> None:
        """Start it with clients kept from it, unless it is the one that is to serve."""
        if self._serves(member) is not Serves.NO:
            return  # since the look: it is never started over
        if member.called not in {self.world.active(), *state.state.held_back}:
            state.state.held_back.append(member.called)
            state.save()
            if not self.world.maintain(member.called, enable=True):
                state.state.held_back.remove(member.called)
                state.save()
        self._run(member, member.start)
        until = time.monotonic() + self.start_seconds
        while self._serves(member) is not Serves.YES:
            if time.monotonic() > until:
                tell(f"   {member.name}: started, and does not answer within {self.start_seconds:g} s")
                return
            time.sleep(PAUSE)

    def _give_back(self, state: StateFile, tell: Tell) -> None:
        """Clients may come to every server again, however this ends."""
        for name in list(state.state.held_back):
            if self.world.maintain(name, enable=False):
                state.state.held_back.remove(name)
                state.save()
            else:
                tell(f"   {name}: is still in maintenance; give it back by `rlm-ha licenses maintenance`")

    def _balance(self, member: Member, files: Sequence[Entry], state: StateFile) -> None:
        """One that its own check refuses is not reloaded: it goes on with what it has."""
        if member.name not in state.state.reload_due:
            state.state.reload_due.append(member.name)
            state.save()
        if files:
            self._put(member, files)
        if member.check:
            self._run(member, member.check)
        if member.reload:
            self._run(member, member.reload)
        state.state.reload_due.remove(member.name)
        state.save()

    def _run(self, member: Member, words: Sequence[str]) -> None:
        said, _ = self._courier(member).ask(words)
        if said.status != 0:
            raise BackupError(f"{member.name}: {' '.join(words)}: {said.why}\n{_AGAIN}")


_AGAIN = "Mend it and run the same command again: what is done already is not done twice."
