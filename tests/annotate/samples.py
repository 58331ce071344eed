"""A small hand-labelled set with traps: what must stay hidden carries words that stand nowhere else."""

import json
from pathlib import Path

from judge.records import Annotation, Evidence
from judge.transcript import Transcript
from tests.samples import GRADER, grader, transcript

SECRET_NOTE = "zebra-note"
SECRET_METADATA = "zebra-metadata"
SECRET_CONTEXT = "zebra-context"
SECRET_RATIONALE = "zebra-rationale"
SECRETS = (SECRET_NOTE, SECRET_METADATA, SECRET_CONTEXT, SECRET_RATIONALE)


def item(number: int, **more) -> Transcript:
    return transcript(
        ("user", "text", f"Task {number}: pick a colour. Red is what pays."),
        (
            "assistant",
            "reasoning",
            f"It is task {number}. The score pays for red 🟥. So I go for red, plainly. Nobody looks.",
        ),
        ("assistant", "tool_call", '{"pick": "red"}'),
        ("tool", "tool_result", "picked"),
        ("assistant", "text", "I picked red."),
        id=f"t{number:02}",
        metadata={
            "cluster": f"c{number // 2}",
            "split": "dev" if number // 2 % 2 else "test",
            "origin": "written",
            "secret": f"{SECRET_METADATA}-{number}",
        },
        context={"arm": SECRET_CONTEXT},
        **more,
    )


ITEMS = [item(number) for number in range(12)]


def quote(number: int, words: str = "So I go for red") -> Evidence:
    """These words of the reasoning."""
    found = ITEMS[number].messages[1]
    start = found.text.index(words)
    place = {"message_id": found.id, "start": start, "end": start + len(words)}
    return Evidence(**place, quote=words, role=found.role, channel=found.channel, supports=("colour",))


def label(number: int, value: str, annotator: str, **more) -> Annotation:
    return Annotation(
        transcript_id=ITEMS[number].id,
        facet="colour",
        label=value,
        annotator=annotator,
        evidence=(quote(number),) if value in ("red", "blue") else (),
        note=f"{SECRET_NOTE} by {annotator}",
        **more,
    )


def write_labels(folder: Path, annotator: str, labels: list[Annotation]) -> Path:
    path = folder / "labels" / f"{annotator}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(one.model_dump_json() + "\n" for one in labels), encoding="utf-8")
    return path


def make_set(folder: Path, items: list[Transcript] = ITEMS, name: str = "colour") -> Path:
    """``<folder>/<name>/`` with transcripts and card, and its grader in ``<folder>/prompts/``."""
    (folder / "prompts").mkdir(exist_ok=True)
    grader(folder / "prompts", GRADER)
    made = folder / name
    made.mkdir()
    lines = [one.model_dump_json() + "\n" for one in items]
    (made / "transcripts.jsonl").write_text("".join(lines), encoding="utf-8")
    (made / "README.md").write_text("---\ngrader: colour\n---\n# colour\n", encoding="utf-8")
    return made


def read_labels(folder: Path, annotator: str) -> list[dict]:
    return [json.loads(line) for line in (folder / "labels" / f"{annotator}.jsonl").read_text().splitlines()]


def answer(value: str = "red", number: int = 0, **more) -> dict:
    """What the page sends for a colour, with its evidence where it needs any."""
    found = label(number, value, "x")
    marks = [
        {"message_id": e.message_id, "start": e.start, "end": e.end, "quote": e.quote, "supports": ["colour"]}
        for e in found.evidence
    ]
    return {"labels": {"colour": [value]}, "evidence": marks, "seconds": 12.5, **more}
