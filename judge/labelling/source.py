"""The file that a run was made from. A manifest names no folder, so it is looked for, and known by its content."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from judge.errors import JudgeError, UsageError
from judge.labelling.dataset import Dataset
from judge.runs import Run


def source_of(run: Run, option: str) -> str:
    """The path of the transcripts that a run was made from, from here up to two folders down.

    Raises UsageError where none with the run's contents is found; ``option`` is what the user can say instead.
    """
    manifest = run.manifest()
    name = str(manifest.dataset.get("source") or "") if manifest else ""
    wanted = {record.transcript_id: record.transcript_sha256 for record in run.records()}
    fingerprint = str(manifest.dataset.get("fingerprint", "")) if manifest else ""
    looked = []
    for candidate in _files_named(name):
        if _is_source(candidate, wanted, fingerprint):
            return str(candidate)
        looked.append(str(candidate))
    others = f"; other contents: {', '.join(looked[:5])}" if looked else ""
    raise UsageError(
        f"cannot find the transcripts that run {run.name!r} was made from",
        where=str(run.folder),
        found=f"no file {name!r} with its contents{others}" if name else "its manifest names no file",
        do=f"say where they are: {option} FILE",
    )


def _files_named(name: str) -> Iterator[Path]:
    if name and name not in (".", "..") and not set("/\\*?[") & set(name):
        for pattern in (name, f"*/{name}", f"*/*/{name}"):
            yield from sorted(Path().glob(pattern))


def _is_source(path: Path, wanted: Mapping[str, str], fingerprint: str) -> bool:
    """Whether the file holds every text that the records say they were made from.

    Where they do not say so (older versions): whether SHA-256 over id and revision of each is that of the manifest.
    """
    digest, found, same = sha256(), set(), all(wanted.values())
    try:
        for _, transcript in Dataset(str(path), skip_bad=True).read():
            if transcript.id in wanted:
                found.add(transcript.id)
                same = same and wanted[transcript.id] == transcript.fingerprint
                digest.update(f"{transcript.id}\0{transcript.revision}\0".encode())
    except (JudgeError, OSError):
        return False
    return len(found) == len(wanted) and (same or digest.hexdigest() == fingerprint)
