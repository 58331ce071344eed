"""A new grader's file: an annotated skeleton that loads as it is, with a TODO wherever its author has to decide."""

import re
from pathlib import Path

from judge.errors import GraderError

_TEMPLATE = Path(__file__).with_name("skeleton.jinja")


def write(name: str, folder: Path) -> Path:
    """Write ``<folder>/<name>.jinja``. Raises GraderError for a name that is none, or where the file is there already."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise GraderError(
            "not a name for a grader",
            where=name,
            expected="lower case letters, digits and underscores, beginning with a letter",
        )
    path = folder / f"{name}.jinja"
    text = _TEMPLATE.read_text(encoding="utf-8").replace("NAME", name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise GraderError(
            "there is such a grader already", where=str(path), do="edit that file, or choose another name"
        ) from error
    except OSError as error:
        raise GraderError("the file cannot be written", where=str(path), found=str(error)) from error
    return path
