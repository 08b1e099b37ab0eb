"""Reload and upgrade: a generation of today's code and settings is to follow.

One at a time; what is asked for meanwhile is done after it. Runs in: supervisor, reactor thread.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve
from twisted.logger import Logger

from wsgicontainer.errors import ConfigurationError
from wsgicontainer.settings import Settings
from wsgicontainer.workers.generations import Generations
from wsgicontainer.workers.notices import Notices
from wsgicontainer.workers.places import Places
from wsgicontainer.workers.surroundings import Note, Surroundings

_log = Logger()
FIXED = ("ports", "backlog", "pid_file", "user", "group", "init", "name")
"""Settings that a reload can't change: what only the supervisor has, from its start on."""


class Changes:
    """What was asked for, and what is under way."""

    def __init__(
        self, generations: Generations, places: Places, around: Surroundings, notices: Notices, note: Callable[[], Note]
    ) -> None:
        """`note()` writes down what the next supervisor has to know."""
        self._generations, self._places, self._around, self._notices = generations, places, around, notices
        self._note = note
        self._reload_wanted = self._upgrade_wanted = self._upgrading = False

    # Reload

    def reload(self) -> None:
        """Have a new generation, of the code and the settings as they are now, take over."""
        generations = self._generations
        if generations.stopping:
            return
        if not generations.served or generations.coming is not None or self._upgrading:
            self._reload_wanted = True
            _log.info("A generation is under way: another one follows it")
            return
        _log.info("Reloading")
        self._notices.reloading()
        try:
            fresh = self._around.reread()
        except ConfigurationError as error:
            self.reload_failed(str(error))
            return
        self.have_follow(fresh)

    def have_follow(self, fresh: Settings) -> None:
        """Have a generation of these settings follow, but for what can't change."""
        serving = self._generations.settings
        fixed = {name: getattr(serving, name) for name in FIXED}
        changed = [name for name, value in fixed.items() if getattr(fresh, name) != value]
        if changed:
            words = ", ".join(f"--{name.removesuffix('s').replace('_', '-')}" for name in changed)
            _log.warn("{options} changed, which needs a restart: the old value stays", options=words)
        self._places.expect(serving.workers, fresh.workers)
        self._generations.have_follow(evolve(fresh, **fixed))

    def reload_failed(self, reason: str) -> None:
        """Say that the old generation goes on, and why."""
        _log.error("The reload failed, and the old code goes on serving: {reason}", reason=reason)
        self._notices.reloaded(reason)
        self.reload_again()

    def reload_again(self) -> None:
        """Reload if that was asked for meanwhile."""
        if self._reload_wanted:
            self._reload_wanted = False
            self._around.machine.reactor.callLater(0, self.reload)

    # Upgrade

    def upgrade(self) -> None:
        """Have a new interpreter, with all that is installed now, take this process over."""
        if self._generations.stopping:
            return
        if self._hindered():
            self._upgrade_wanted = True
            _log.info("Something else is under way: the upgrade follows it")
            return
        _log.info("Upgrading: checking what is installed now")
        self._upgrading, self._upgrade_wanted = True, False
        self._notices.reloading()
        self._around.upgrade(self._note_now, self._generations.settings.boot_timeout, self._not_upgraded)

    def _hindered(self) -> bool:
        return not self._generations.served or self._upgrading or self._generations.busy()

    def upgrade_again(self) -> None:
        """Upgrade if that was asked for meanwhile, and can be done now."""
        if self._upgrade_wanted and not self._hindered():
            self._upgrade_wanted = False
            self._around.machine.reactor.callLater(0, self.upgrade)

    def _note_now(self) -> Note | None:
        """Write the note; None if nobody can take over now."""
        return None if self._generations.stopping or self._generations.busy() else self._note()

    def _not_upgraded(self, reason: str) -> None:
        """Go on; without a reason something else has come between, and the upgrade follows that."""
        self._upgrading = False
        if self._generations.stopping:
            return
        if not reason:
            self._upgrade_wanted = True
            return
        _log.error("The upgrade failed, and everything goes on as before: {reason}", reason=reason)
        self._notices.reloaded(reason)
        self.reload_again()
