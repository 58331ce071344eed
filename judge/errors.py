"""Every error that this package raises on purpose.

    JudgeError
    ├── UsageError            the command or its configuration cannot work            (exit 2)
    ├── GraderError           a prompt file is wrong                                  (exit 2)
    ├── TranscriptError       an input file or one record of it is wrong              (exit 2)
    ├── StoreError            the state on disk cannot be read or written             (exit 2)
    └── ProviderError         a call did not yield a completion
        ├── ProviderUnavailable    the service is busy or away: the only retried class
        ├── ProviderRejected       this one request cannot be served: becomes a Failure
        └── ProviderMisconfigured  no request can be served (key, model name): stops the run

Refusals, filters and truncation are not errors: they are answers, see ``judge.request.StopReason``.
"""


class JudgeError(Exception):
    """A message that lets a stranger fix the problem: where, what was found, what was expected, what to do."""

    def __init__(
        self, what: str, *, where: str = "", found: str = "", expected: str = "", do: str = ""
    ) -> None:
        self.what = what
        self.where = where
        self.found = found
        self.expected = expected
        self.do = do
        super().__init__(what)

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.found:
            parts.append(f"found: {self.found}")
        if self.expected:
            parts.append(f"expected: {self.expected}")
        if self.do:
            parts.append(f"what to do: {self.do}")
        return "\n  ".join(parts)


class UsageError(JudgeError):
    """The command, or the configuration behind it, cannot work."""


class GraderError(JudgeError):
    """A prompt file cannot be used as a grader."""


class TranscriptError(JudgeError):
    """A file of transcripts, or one record in it, cannot be read without guessing."""


class StoreError(JudgeError):
    """The state on disk cannot be read or written."""


class ProviderError(JudgeError):
    """A call to a model provider did not yield a completion.

    ``status`` is the HTTP status, or 0 where none was received.
    """

    def __init__(self, what: str, *, status: int = 0, do: str = "") -> None:
        self.status = status
        super().__init__(what, do=do)


class ProviderUnavailable(ProviderError):  # noqa: N818  (the name says the state, as HTTP does)
    """Busy, away, or the connection broke. Retrying may help.

    ``retry_after`` is the number of seconds that the provider asked for, or None. ``reached`` is false where the request
    certainly did not reach the provider, so that it cannot have been billed.
    """

    def __init__(
        self, what: str, *, status: int = 0, retry_after: float | None = None, reached: bool = True
    ) -> None:
        self.retry_after = retry_after
        self.reached = reached
        super().__init__(what, status=status)


class ProviderRejected(ProviderError):  # noqa: N818
    """The provider will not serve this request, however often it is sent."""


class ProviderMisconfigured(ProviderError):  # noqa: N818
    """The provider will not serve any request: wrong key, unknown model, no permission."""
