"""Everybody's taste as it is now: made anew when signals, settings or the collection have changed."""

from collections import OrderedDict
from threading import Lock

import numpy as np

from indexer.errors import NotFoundError, UsageError
from search.engine import Engine
from search.snapshot import Snapshot
from search.taste.interests import Interest
from search.taste.signals import user_name
from search.taste.standing import Standings
from search.taste.steering import check_weight, liked_pictures, stop_counting, store_setting
from search.taste.taste import Taste, taste_of
from search.taste.threads import OneThread
from search.taste.view import ALIKE, View

_PEOPLE = 256
"""Whose taste is kept in memory."""


class Tastes:
    """The taste of everybody, over one engine's collection; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._database = engine, engine.collection.catalog.database
        self._standings = Standings(self._database)
        self._view: View | None = None
        self._kept: OrderedDict[str, tuple[int, Taste]] = OrderedDict()
        self._lock = Lock()

    def view(self) -> View | None:
        """The collection as it is now; None where nothing can be found in it."""
        snapshot = self._engine.snapshot()
        return self.over(snapshot) if snapshot is not None and snapshot.count else None

    def over(self, snapshot: Snapshot) -> View:
        """The view of a snapshot in which something can be found."""
        with self._lock:
            if self._view is None or self._view.snapshot is not snapshot:
                self._view = View.of(snapshot)
            return self._view

    @OneThread()
    def of(self, user: str, view: View) -> Taste:
        """A person's taste over a view; one nobody knows has none."""
        standing, generation = self._standings.of(user), view.snapshot.generation
        with self._lock:
            kept = self._kept.get(user)
        if kept is not None and kept[0] == generation and kept[1].standing is standing:
            return kept[1]
        taste = taste_of(view, standing)
        with self._lock:
            self._kept[user] = (generation, taste)
            self._kept.move_to_end(user)
            while len(self._kept) > _PEOPLE:
                self._kept.popitem(last=False)
        return taste

    def interests(self, user: str) -> tuple[Interest, ...]:
        """A person's interests, most important first, muted ones too; none where nothing is known of them."""
        user, view = user_name(user), self.view()
        return self.of(user, view).interests if view is not None else ()

    def steer(
        self, user: str, interest: int, *, weight: float | None = None, muted: bool | None = None
    ) -> tuple[Interest, ...]:
        """Set an interest's weight, or mute it, from now on; the interests as they are then.

        NotFoundError where no interest holds the picture `interest`.
        """
        if weight is None and muted is None:
            raise UsageError(f"Nothing is to be set for interest {interest}: give a weight, or mute it.")
        found = self.find(user, interest)
        store_setting(
            self._database,
            user_name(user),
            found.id,
            check_weight(found.weight if weight is None else weight),
            found.muted if muted is None else muted,
        )
        return self.interests(user)

    @OneThread()
    def drop(self, user: str, interest: int) -> tuple[Interest, ...]:
        """Delete an interest: what was liked of it counts no more, however long ago, and stays seen."""
        user, view = user_name(user), self.view()
        found = self.find(user, interest)
        assert view is not None, "an interest was found in it"
        with self._database.read() as connection:
            liked = np.array(liked_pictures(connection, user), np.int64)
        rows = view.rows(liked)
        liked, vectors = liked[rows >= 0], view.vectors(rows[rows >= 0])
        interests = self.of(user, view).interests
        cosines = vectors @ np.stack([one.centre for one in interests]).T
        place = [one.id for one in interests].index(found.id)
        belongs = (cosines.argmax(axis=1) == place) & (cosines[:, place] >= view.level(ALIKE))
        kept = {picture for one in interests if one is not found for picture in one.pictures}
        gone = {*found.pictures, *(int(id) for id in liked[belongs])} - kept
        stop_counting(self._database, user, sorted(gone))
        return self.interests(user)

    def find(self, user: str, interest: int) -> Interest:
        """The interest that a picture names, or belongs to."""
        interests = self.interests(user)
        named = [one for one in interests if one.id == interest] or [
            one for one in interests if interest in one.pictures
        ]
        if not named:
            raise NotFoundError(f"{user_name(user)} has no interest {interest}: `pixloom taste` lists them.")
        return named[0]
