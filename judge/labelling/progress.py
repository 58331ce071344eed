"""Where an invocation of a run stands, in numbers."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Progress:
    """Where a run stands. Plain numbers, read by the display while the run changes them."""

    total: int | None = None
    made: Counter[str] = field(default_factory=Counter)
    """Records of this invocation by status: ``ok``, or the kind of failure."""
    kept: Counter[str] = field(default_factory=Counter)
    """Those that an earlier invocation had finished. They are counted in the thread that reads, hence apart."""
    waiting: int = 0
    """Records that cannot be made yet, because a batch is to bring an answer."""
    note: str = ""
    noted_at: float = 0.0
    """When, on the clock of ``time.monotonic``: a note of a retry is stale when the retry is over."""

    @property
    def done(self) -> int:
        return self.made.total() + self.kept.total()

    @property
    def refused(self) -> int:
        return self.made["refused"] + self.kept["refused"]

    @property
    def failures(self) -> int:
        return self.done - self.made["ok"] - self.kept["ok"]
