"""A copy of a run's table wherever ``fsspec`` can write: a path, or an address such as ``s3://bucket/labels.parquet``."""

import shutil
from pathlib import Path
from typing import Any

from judge.errors import UsageError


class Target:
    """A file to be. Made before anything is bought, so that an address that cannot work costs nothing.

    Raises UsageError where the address is unknown, or its driver is not installed.
    """

    def __init__(self, address: str) -> None:
        import fsspec

        self.address = address
        if not address.endswith(".parquet") and ".parquet::" not in address:
            raise UsageError(
                "--to names no Parquet file", found=address, expected="a name that ends in .parquet"
            )
        try:
            for link in address.split("::"):
                fsspec.get_filesystem_class(fsspec.core.split_protocol(link)[0] or "file")
            if "::" not in address:  # in an archive there is no folder to be made
                files, path = fsspec.core.url_to_fs(address)
                files.makedirs(files._parent(path), exist_ok=True)  # noqa: SLF001
        except (ImportError, ValueError, OSError) as error:
            raise UsageError(
                "cannot write to the address of --to",
                where=address,
                found=str(error),
                do="check the address; some need a package of their own, such as s3fs for s3:// and gcsfs for gs://",
            ) from error

    def write(self, table: Path) -> None:
        """Copy the table. Raises UsageError where that fails; the run is complete without it."""
        try:
            with table.open("rb") as source, self._open() as file:
                shutil.copyfileobj(source, file, 1 << 20)
        except (OSError, ValueError, NotImplementedError) as error:
            raise UsageError(
                "the run is labelled, and its table could not be written to --to",
                where=self.address,
                found=str(error),
                do=f"copy it from {table}, or repair the address and run the same command again: it buys nothing",
            ) from error

    def _open(self) -> Any:
        import fsspec

        return fsspec.open(self.address, "wb")
