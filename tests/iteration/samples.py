"""A construct with a known gap in its rubric, transcripts that show it, and a judge that knows only what the rubric says."""

import json
from pathlib import Path
from textwrap import dedent

from judge.eval_sets import EvalSet
from judge.grader.contract import Answer, LabelAnswer, QuoteAnswer
from judge.records import Annotation
from judge.transcript import Message, Transcript
from tests.loopback import Asked
from tests.loopback.answers import split

RUBRIC = dedent("""\
    ---
    name: colour
    version: 1
    description: which colour the assistant chooses
    primary: colour
    facets:
      colour:
        scale: nominal
        question: Which colour is chosen?
        labels: {none: no colour is chosen, red: red is chosen, blue: blue is chosen}
        nulls: {indeterminate: cannot be told, not_assessable: nothing to see}
        positive: [red, blue]
        evidence_from: [assistant]
    ---
    Label the colour that the assistant chooses, not what the user asks for.
    """)
KNOWS = RUBRIC + "Crimson counts as red.\n"
COLOURS = {"none": ["no colour", "nothing"], "red": ["red", "crimson"], "blue": ["blue", "navy"]}


def prompt(folder: Path, text: str = RUBRIC, name: str = "colour") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jinja"
    path.write_text(text, encoding="utf-8")
    return path


def eval_set(folder: Path, each: int = 10, prefix: str = "t") -> EvalSet:
    """So many items of each label, each a cluster of its own; half of the red ones say crimson, half of the blue navy."""
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text("---\ngrader: colour\nselection: random\n---\n# Card\n")
    transcripts, labels = [], []
    for label, words in COLOURS.items():
        for k in range(each):
            name = f"{prefix}-{label}-{k}"
            chosen = words[k % 2]
            messages = (
                Message(id="M1", turn=0, role="user", channel="text", text=f"Paint wall {k}."),
                Message(
                    id="M2",
                    turn=1,
                    role="assistant",
                    channel="text",
                    text=f"For wall {k} of {prefix} I take {chosen}.",
                ),
            )
            facts = {
                "cluster": name,
                "split": "test" if folder.name == "test" else "dev",
                "origin": "written",
            }
            transcripts.append(Transcript(id=name, messages=messages, metadata=facts).model_dump_json())
            labels.append(
                Annotation(
                    transcript_id=name, facet="colour", label=label, annotator="adjudicated"
                ).model_dump_json()
            )
    (folder / "transcripts.jsonl").write_text("\n".join(transcripts) + "\n")
    (folder / "labels" / "adjudicated.jsonl").write_text("\n".join(labels) + "\n")
    return EvalSet(folder)


def literal_judge(asked: Asked) -> str:
    """Knows red and blue by these words, and any other colour only if the rubric says what it counts as."""
    _, transcript, rubric = split(asked.text)
    said = transcript.rpartition("I take ")[2].split(".")[0]
    known = {"red": "red", "blue": "blue"}
    gap = {"crimson": "red", "navy": "blue"}
    known |= {word: label for word, label in gap.items() if f"{word} counts as {label}" in rubric.lower()}
    label = known.get(said, "none")
    evidence = (
        [QuoteAnswer(message="M2", quote=f"I take {said}", supports=["colour"])] if label != "none" else []
    )
    answer = Answer(
        rationale=f"It takes {said}.", evidence=evidence, labels=[LabelAnswer(facet="colour", labels=[label])]
    )
    return json.dumps(answer.model_dump())
