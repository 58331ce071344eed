"""Find the words that a judge quotes in the transcript that it read.

A quote is looked for as it stands, then with white space, quotation marks, dashes and case allowed to differ. Either way
the offsets point into the original text. What is not found is not evidence.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

from judge.transcript import Message, Role, Transcript

MIN_LETTERS = 3
"""A shorter quote is found everywhere and shows nothing, unless it is the whole message."""

MAX_QUOTE = 4000

_ALIKE = ('"“”„‟«»″', "'‘’‚‛`´′", "-‐‑‒–—―−", "[⟦〚〔", "]⟧〛〕", "<‹", ">›", "|¦")
_PLAIN = [(char, group[0]) for group in _ALIKE for char in group[1:]]
_ADDED_BY_JUDGES = " \t\r\n\"'“”‘’`…"
_BLANKS = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + "\u2028\u2029\u202f\u205f\u3000"
)
"""What ``\\s`` stands for, without the blank itself."""

_RUN = re.compile(r"\s\s+")


@dataclass(frozen=True, slots=True)
class Span:
    """``message.text[start:end]`` is the quoted text."""

    message: Message
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.message.text[self.start : self.end]


class Lookup:
    """A transcript in which quotes are looked up. What is made of a message for it is made once, when first needed."""

    def __init__(self, transcript: Transcript) -> None:
        self._pages = [_Page(message) for message in transcript.messages]

    def find(self, quote: str, message_id: str, roles: Collection[Role]) -> Span | None:
        """The first place where the quote stands: in the message named, else in any other whose role counts."""
        if not quote or len(quote) > MAX_QUOTE:
            return None
        name = message_id.strip(" []⟦⟧")
        counting = [page for page in self._pages if page.message.role in roles]
        named = [page for page in counting if page.message.id == name]
        others = [page for page in counting if page.message.id != name]
        return (
            _exactly(quote, named)
            or _loosely(needle := _needle(quote), named)
            or _exactly(quote, others)
            or _loosely(needle, others)
        )


class _Page:
    """A message, and its text as quotes are compared with it."""

    def __init__(self, message: Message) -> None:
        self.message = message

    @cached_property
    def plain(self) -> str:
        return _shrunk(_plain(self.message.text))

    @cached_property
    def offset(self) -> Callable[[int], int]:
        """From a position in ``plain`` to the position in the message's text."""
        return _offsets(self.message.text)


def _exactly(quote: str, pages: Iterable[_Page]) -> Span | None:
    for page in pages:
        start = page.message.text.find(quote)
        if start >= 0 and _says_something(quote, page.message):
            return Span(page.message, start, start + len(quote))
    return None


def _needle(quote: str) -> str:
    """A quote as it is looked for in ``_Page.plain``, without what judges add around it."""
    quote = quote.replace("\\n", "\n").replace("\\t", "\t").strip(_ADDED_BY_JUDGES).removesuffix("...")
    return _shrunk(_plain(quote.strip()))


def _loosely(needle: str, pages: Iterable[_Page]) -> Span | None:
    if not needle:
        return None
    for page in pages:
        found = page.plain.find(needle)
        if found >= 0:
            start, end = page.offset(found), page.offset(found + len(needle) - 1) + 1
            if _says_something(page.message.text[start:end], page.message):
                return Span(page.message, start, end)
    return None


def _plain(text: str) -> str:
    """Look-alikes and case made equal, character for character."""
    for char, plain in _PLAIN:  # many searches for one character are far quicker than one str.translate
        text = text.replace(char, plain)
    lower = text.lower()
    # A few characters become two in lower case, which would shift every offset behind them.
    return lower if len(lower) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


def _shrunk(text: str) -> str:
    r"""``re.sub(r"\s+", " ", text)`` in a tenth of the time: searches for one character, and few of them find any."""
    for char in _BLANKS:
        text = text.replace(char, " ")
    while "  " in text:
        text = text.replace("  ", " ")
    return text


def _offsets(text: str) -> Callable[[int], int]:
    """From a position in the text with its runs of white space shrunk to one character, to the position in the text.

    Found by bisection over the runs: a regular expression that forgives white space would take time in proportion to
    quote times text where both repeat themselves, as looping models do.
    """
    shrunk, removed = [0], [0]
    for run in _RUN.finditer(text):
        shrunk.append(run.start() + 1 - removed[-1])
        removed.append(removed[-1] + run.end() - run.start() - 1)
    return lambda position: position + removed[bisect_right(shrunk, position) - 1]


def _says_something(quote: str, message: Message) -> bool:
    letters = sum(char.isalnum() for char in quote)
    return letters >= MIN_LETTERS or (letters > 0 and quote.strip() == message.text.strip())
