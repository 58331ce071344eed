"""``judge.toml``, the project's own file: facts about models that the bundled tables lack or have wrong.

    [models."compatible/my-model"]
    context_tokens = 131072          # any field of judge.request.Capabilities
    input_per_million = 0.0          # and prices in USD, see judge.pricing
    output_per_million = 0.0
    served_as = "int4"               # compatible/ only: what tells this server's model from others of the name

It is read from the working directory. Keys and other secrets have no place in it.
"""

import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from judge.errors import UsageError

FILE_NAME = "judge.toml"


def models(folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """The ``[models."provider/name"]`` tables; empty where there is no such file."""
    # Looked at with every price of every call: a Path made anew would cost ten times as much as the look itself.
    path = os.path.join(folder or os.getcwd(), FILE_NAME)  # noqa: PTH109, PTH118
    try:
        stamp = os.stat(path).st_mtime_ns  # noqa: PTH116
    except FileNotFoundError:
        return {}
    return _read(Path(path), stamp)


@lru_cache(maxsize=8)
def _read(path: Path, stamp: int) -> dict[str, dict[str, Any]]:  # noqa: ARG001  (a changed file is another entry)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError("cannot read the project file", where=str(path), found=str(error)) from error
    if unknown := sorted(set(content) - {"models"}):
        raise UsageError(
            f"unknown tables {', '.join(unknown)}",
            where=str(path),
            expected='tables [models."provider/name"]',
        )
    tables = content.get("models", {})
    for name, table in tables.items():
        if not isinstance(table, dict) or "/" not in name:
            raise UsageError(
                f"{name!r} is no table of a model",
                where=str(path),
                expected='[models."provider/name"], with the quotes',
            )
    return dict(tables)
