"""The encoders in use, loaded once each: two at most, so that one can answer while another is embedding."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from indexer.encoders.serial import SerialEncoder
from indexer.types import Encoder

_MOST = 2


@dataclass(frozen=True, slots=True)
class _Entry:
    asked: str
    encoder: SerialEncoder

    def answers_to(self, name: str) -> bool:
        return name in (self.asked, self.encoder.name)


class KeptEncoders:
    """Encoders by name, the one used last at the end. Safe to share between threads: while one is being loaded,
    others are given out."""

    def __init__(self, load: Callable[[str], Encoder]) -> None:
        self._load = load
        self._entries: list[_Entry] = []
        self._vain: set[tuple[str, str]] = set()
        """Names that were loaded anew for the sake of a fingerprint, and turned out to have another."""
        self._lock = Lock()
        self._loading: defaultdict[str, Lock] = defaultdict(Lock)

    def get(self, name: str, fingerprint: str | None = None) -> SerialEncoder:
        """The encoder of a name, loaded where it isn't kept; of that fingerprint where one is given and it can
        be had, otherwise what the name stands for now."""
        encoder = self._find(name, fingerprint)
        if encoder is not None:
            return encoder
        with self._lock:
            loading = self._loading[name]
        with loading:
            return self._find(name, fingerprint) or self._keep(name, fingerprint)

    def renewed(self, name: str) -> SerialEncoder:
        """The encoder of a name as it is on disk now; the kept one where that is still the same."""
        return self._keep(name, None)

    def kept(self, name: str) -> SerialEncoder | None:
        """The encoder of a name if it is here."""
        with self._lock:
            return next((entry.encoder for entry in reversed(self._entries) if entry.answers_to(name)), None)

    def _find(self, name: str, fingerprint: str | None) -> SerialEncoder | None:
        with self._lock:
            named = [entry for entry in self._entries if entry.answers_to(name)]
            exact = [entry for entry in named if entry.encoder.fingerprint == fingerprint]
            if fingerprint is not None and not exact and (name, fingerprint) not in self._vain:
                return None
            chosen = (exact or named)[-1:]
            for entry in chosen:
                self._entries.remove(entry)
                self._entries.append(entry)
            return chosen[0].encoder if chosen else None

    def _keep(self, name: str, fingerprint: str | None) -> SerialEncoder:
        loaded = SerialEncoder(self._load(name))
        with self._lock:
            same = [entry for entry in self._entries if entry.encoder.fingerprint == loaded.fingerprint]
            self._vain.clear()
            if fingerprint is not None and loaded.fingerprint != fingerprint:
                self._vain.add((name, fingerprint))
            entry = _Entry(name, same[-1].encoder if same else loaded)
            self._entries = [*(entry for entry in self._entries if entry not in same), entry][-_MOST:]
            return entry.encoder
