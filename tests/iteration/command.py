"""``judge`` within this process, and the flags that say whom it asks."""

from pathlib import Path

from tests.cli.command import MODEL
from tests.cli.direct import Direct
from tests.loopback import Server


class Here(Direct):
    def __init__(self, folder: Path, server: Server | None = None) -> None:
        super().__init__(folder, server)
        self.asks = ("--model", MODEL, "--base-url", self.url)
