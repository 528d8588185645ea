"""Progress in bytes."""

from indexer.meter import Meter as _Meter
from indexer.types import OnProgress


class Meter(_Meter):
    """Reports how many bytes there are, beside those `before`."""

    between = 0.1

    def __init__(self, on_progress: OnProgress, stage: str = "pull", total: int | None = None) -> None:
        super().__init__(stage, total, on_progress)
        self.progress.unit = "B"
        self.recent.clear()  # what is there when the first report comes was not fetched now
        self.before = 0

    def at(self, done: int) -> None:
        """So many bytes are there now."""
        super().at(self.before + done)
