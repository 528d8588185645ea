"""The changes of models that a server was asked for: one at a time, in a thread of its own."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from threading import Event, Lock, Thread
from typing import Any

from api.change import Begin, Outcome, change, to_model, to_previous
from api.problems import document, problem
from indexer.collection import Collection
from indexer.errors import BusyError, PixloomError, UsageError
from indexer.indexes import stored_sets
from indexer.models.shelf import listed
from indexer.switch import require_previous
from indexer.types import Progress

_PATIENCE = 30.0
"""Seconds that a change may take to stop when the server ends; a kill would do no harm either."""


@dataclass(frozen=True, slots=True)
class State:
    """Where the last change of a server stands: idle, running, done, stopped or failed."""

    state: str = "idle"
    name: str | None = None
    progress: Progress | None = None
    outcome: Outcome | None = None
    error: dict[str, Any] | None = None
    """A problem document."""


class Switching:
    """The changes of models that a server was asked for, one at a time. Close it when done."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._state = State()
        self._stop = Event()
        self._thread: Thread | None = None
        self._lock = Lock()

    def switch(self, name: str) -> State:
        """Begin a change to a model; BusyError while another is under way, in whatever process.

        UsageError for a model that is neither listed nor was ever used here: what comes over the network must not
        make this machine load any file or download that it names.
        """
        if not self._known(name):
            raise UsageError(
                f"{name!r} is not among the models listed, and the collection was never embedded with it: "
                f"switch on the command line, `pixloom models switch {name}`."
            )
        return self._start(name, to_model(self.collection, name), comparing=True)

    def rollback(self) -> State:
        """Begin the change back; UsageError where there is nothing to go back to."""
        return self._start(require_previous(self.collection).encoder, to_previous(self.collection), comparing=False)

    def state(self) -> State:
        """Where it stands now."""
        return self._state

    def cancel(self) -> State:
        """Ask the change under way to stop, keeping what is done; UsageError where there is none."""
        if self._state.state != "running":
            raise UsageError("No change of models is under way.")
        self._stop.set()
        return self._state

    def close(self) -> None:
        """Stop what is under way, and wait for it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    def _known(self, name: str) -> bool:
        with self.collection.catalog.database.read() as connection:
            used = {index.encoder for index in stored_sets(connection)}
        settings = self.collection.settings
        return name in used | {settings.encoder} | {spec.name for spec in listed(settings)}

    def _start(self, name: str, begin: Begin, *, comparing: bool) -> State:
        with self._lock:
            if self._state.state == "running":
                raise BusyError(f"The change to {self._state.name} is under way: wait for it to end, or cancel it.")
            with ExitStack() as held:
                held.enter_context(self.collection.switching())
                held = held.pop_all()
            self._stop.clear()
            self._state = State("running", name)
            self._thread = Thread(target=self._run, args=(name, begin, comparing, held), name="switch", daemon=True)
            self._thread.start()
            return self._state

    def _run(self, name: str, begin: Begin, comparing: bool, held: ExitStack) -> None:
        def note(progress: Progress) -> None:
            self._state = replace(self._state, progress=replace(progress))

        try:
            with held:
                outcome = change(
                    self.collection, begin, comparing=comparing, on_progress=note, should_stop=self._stop.is_set
                )
            self._state = State(
                "stopped" if outcome.report.interrupted else "done", name, self._state.progress, outcome
            )
        except PixloomError as error:
            self._state = replace(self._state, state="failed", error=problem(error))
        except Exception as error:
            told = document(500, "Internal error", f"Something unforeseen went wrong: {type(error).__name__}.")
            self._state = replace(self._state, state="failed", error=told)
            raise  # the server writes the trace to its own log
