"""A fault as data, and what is expected of the product while it lasts and after it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from tests.faults.scene import Scene
from tests.loopback import Fault

Wound = Callable[[Scene], AbstractContextManager[None]]
"""Breaks something for as long as the block lasts."""

Way = Literal["live", "batch"]
MODELS = {"OpenAI": "openai/gpt-4.1-mini", "Anthropic": "anthropic/claude-sonnet-5-5"}
BOTH = tuple(MODELS)

LABELS = "4 labels"
NOTHING = "nothing"


@dataclass(frozen=True)
class Case:
    """One fault.

    Args:
        fault: In the words of the table.
        way: Whether requests are sent one by one or in batches.
        wound: What breaks.
        code: The exit code while it lasts.
        records: What is in the records then.
        says: A phrase that the user must see.
        after: What is in the records when the same command has run again without the fault.
        again: How many answers are bought a second time, because they were lost on their way to this machine.
        providers: Whose servers are asked.
        extra: Further options of the command.
        asked: How many requests reach the server, where that is not certain: in words.
        about: A remark for the table.
    """

    fault: str
    way: Way
    wound: Wound
    code: int = 0
    records: str = LABELS
    says: str = "complete"
    after: str = LABELS
    again: int = 0
    providers: tuple[str, ...] = BOTH
    extra: tuple[str, ...] = ()
    asked: str = ""
    about: str = ""


def script(*faults: Fault) -> Wound:
    """The server misbehaves."""

    @contextmanager
    def wound(scene: Scene):
        scene.server.script(*(replace(fault) for fault in faults))  # they count down
        yield
        scene.server.script()

    return wound


def no_labels(make: Callable[..., Case]) -> tuple[Case, ...]:
    """Answers that came and are no labels, by either way: they were paid for, are kept, and are not asked for again."""

    def answer(fault: str, kind: str, becomes: str, **more) -> Case:
        failed = f"4 failed ({becomes})"
        return make(fault, script(Fault(kind)), code=3, records=failed, after=failed, says=becomes, **more)

    return (
        answer("the model refuses", "refusal", "refused"),
        answer("content filter stops the answer", "content_filter", "filtered", providers=("OpenAI",)),
        answer("content filter stops the prompt", "blocked", "filtered", providers=("OpenAI",)),
        answer("answer cut at the token limit", "length", "truncated"),
        answer("empty answer", "empty", "unparsable"),
        answer("prose instead of JSON", "not_json", "unparsable"),
        answer("labels that are not in the rubric", "off_schema", "off_schema"),
    )
