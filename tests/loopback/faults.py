"""What can go wrong, on request."""

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256

KINDS = {
    "refusal": "the model refuses",
    "content_filter": "the answer is filtered (a refusal, where the format has no filter)",
    "blocked": "the prompt is filtered: status 400 with Azure's content_filter code",
    "length": "the answer is cut at the token limit",
    "off_schema": "an answer whose labels are not in the rubric",
    "not_json": "an answer in prose",
    "ungrounded": "quotes that are nowhere in the transcript",
    "empty": "an empty answer",
    "wrong_model": "another model answers, and says so",
    "cut": "a body that ends in the middle of its JSON",
    "truncate": "a body shorter than its content-length, then the connection closes",
    "reset": "the connection breaks before an answer",
    "stall": "headers, then nothing for `seconds`",
    "dribble": "the body a few bytes at a time, over `seconds`",
    "quota": "429 with OpenAI's insufficient_quota",
    "echo_key": "401 whose message repeats the authorization header",
    "expired": "a request in a batch that is not executed in time",
    "error_in_200": "status 200 whose body is an error, as gateways send it",
    "hang_up": "the connection breaks before anything is done",
    "no_credit": "400 as Anthropic sends it where an account has no credit left",
}
"""Every other kind is an HTTP status, such as ``429``, ``500`` or ``529``."""


@dataclass(slots=True)
class Fault:
    """Something that goes wrong.

    Args:
        kind: One of ``KINDS``, or a status.
        times: How many requests it hits; None is all of them.
        rate: Which share of the requests it hits, decided by the body and by how often it was sent before.
        match: Only requests whose body has this text.
        retry_after: Seconds to send as ``retry-after``, for statuses.
        seconds: How long a stall or a dribble takes.
        echo: Whether the message of a status repeats the key.
        step: A step of batches (``upload``, ``create``, ``retrieve``, ``content``, ``list``, ``cancel``): the fault hits
            the calls of that step, and no request for an answer.
    """

    kind: str
    times: int | None = None
    rate: float = 1.0
    match: str = ""
    retry_after: float | None = None
    seconds: float = 60.0
    echo: bool = False
    step: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS and not self.kind.isdecimal():
            raise ValueError(f"{self.kind!r} is no status and none of {', '.join(KINDS)}")


class Script:
    """The faults in force. The first that fits a request hits it."""

    def __init__(self, seed: int = 0) -> None:
        self.faults: list[Fault] = []
        self._seed = seed
        self._seen: Counter[str] = Counter()

    def next(self, body: bytes, digest: str) -> Fault | None:
        if not self.faults:
            return None
        self._seen[digest] += 1
        for fault in self.faults:
            if fault.step or fault.times == 0 or (fault.match and fault.match.encode() not in body):
                continue
            if fault.rate < 1 and self._draw(fault.kind, digest) >= fault.rate:
                continue
            if fault.times is not None:
                fault.times -= 1
            return fault
        return None

    def at(self, step: str) -> Fault | None:
        """What hits a call about batches."""
        for fault in self.faults:
            if fault.step == step and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def _draw(self, kind: str, digest: str) -> float:
        """Uniform in [0, 1) and the same in every run, however requests interleave."""
        text = f"{self._seed} {kind} {digest} {self._seen[digest]}"
        return int.from_bytes(sha256(text.encode()).digest()[:6]) / 2**48
