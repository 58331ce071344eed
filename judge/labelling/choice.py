"""The method ``logprob``: label probabilities from the first token of an answer, and no evidence.

The primary facet's labels are lettered, the judge is asked for one letter, and the probabilities that it gives to the
letters become the labels'. Models prefer early or late letters and the word "true" whatever the question; so each
question is put in several phrasings that turn these preferences against each other, and the distributions are averaged.
Transcript, question and definitions come first and are the same in all phrasings: only the few tokens behind them are
read anew.

What is asked is the facet's question with its labels' definitions. The rubric's rulings are left out: read twice or
three times they would cost more than the transcript, and this method is for what a small model or a quick look can give.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import exp, fsum
from string import ascii_uppercase

from judge.errors import UsageError
from judge.grader import Facet, Grader
from judge.grader.file import template
from judge.grader.prompt import Style, system_text
from judge.parse import Reading, Rejected
from judge.records import FailureKind
from judge.request import Block, Completion, Request

PHRASINGS = 3
"""Orders in which the letters are dealt out. Facets of two labels have two phrasings instead, one for each polarity.

Measured with SmolLM2-135M, which answers by place alone, on facets of five and six labels: how far the average is from
that over all orders (mean total variation) is .37 with one order, .30 with one and its reverse, .14 with three rotations.
"""

MAX_OPTIONS = 20
"""Providers report no more first tokens than this, so that further letters could not all be seen."""

_UNREPORTED = -1000.0
"""Some servers write a number like -9999 for a token whose probability they do not give."""


@dataclass(frozen=True, slots=True)
class Option:
    """One line that can be answered with: what the judge reads, and which label it means."""

    letter: str
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement that is true or false, about a facet of two labels."""

    label: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A request for one letter, and which label each letter stands for in it."""

    request: Request
    options: Mapping[str, str]


def check(grader: Grader) -> None:
    """Raise UsageError where one letter cannot label the grader's primary facet."""
    facet = grader.facets[grader.primary]
    if facet.multilabel or len(facet.vocabulary) > MAX_OPTIONS:
        raise UsageError(
            f"the method logprob cannot label {facet.name!r}",
            where=str(grader.path),
            found=f"a {facet.scale} facet of {len(facet.vocabulary)} labels",
            expected=f"a nominal or ordinal primary facet of at most {MAX_OPTIONS} labels",
            do="use --method generate",
        )


def requests(grader: Grader, shown: Block, style: Style, sample: int = 0) -> tuple[Choice, ...]:
    """The phrasings of the primary facet's question about a transcript as it is shown to this grader.

    The transcript always comes first, whatever the style's order. Raises UsageError where one letter cannot answer:
    several labels may apply, or there are too many.
    """
    check(grader)
    facet = grader.facets[grader.primary]
    question = template(grader, "_choice.jinja")
    system, group = system_text(grader), sha256(shown.encode()).hexdigest()
    choices = []
    for claim, options in _phrasings(facet):
        request = Request(
            model=style.model,
            system=system,
            blocks=(
                Block(*shown.pieces, breakpoint=True),
                Block(question.render(facet=facet, claim=claim, options=options).strip()),
            ),
            sampling=style.sampling,
            sample=sample,
            choices=tuple(option.letter for option in options),
            cache_group=group,
        )
        choices.append(Choice(request, {option.letter: option.label for option in options}))
    return tuple(choices)


def _phrasings(facet: Facet) -> list[tuple[Claim | None, list[Option]]]:
    labels = facet.vocabulary
    if len(labels) > 2:  # noqa: PLR2004  (binary or not)
        return [(None, _lettered([(f"`{name}`", name) for name in order])) for order in _orders(labels)]
    other, asked = labels if labels[0] not in facet.positive else (labels[1], labels[0])
    # The letters stay where they are. So a judge that likes A, or likes to agree, says once the one label and once the
    # other, and cancels itself out.
    return [
        (Claim(asked, negated=False), _lettered([("true", asked), ("false", other)])),
        (Claim(asked, negated=True), _lettered([("true", other), ("false", asked)])),
    ]


def _lettered(lines: Sequence[tuple[str, str]]) -> list[Option]:
    return [Option(letter, *line) for letter, line in zip(ascii_uppercase, lines, strict=False)]


def _orders(labels: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The labels in turn from the first, from a third and from two thirds of the way: no label keeps a place."""
    starts = dict.fromkeys(len(labels) * turn // PHRASINGS for turn in range(PHRASINGS))
    return [labels[start:] + labels[:start] for start in starts]


def read(grader: Grader, choices: Sequence[Choice], completions: Sequence[Completion]) -> Reading | Rejected:
    """The average distribution over the primary facet's labels, and the likeliest of them.

    One phrasing without an answer spoils the reading: an average over the others would bring back the preference for a
    place that the phrasings are there to cancel. Of equally likely labels the first declared is taken.
    """
    facet = grader.facets[grader.primary]
    found: list[dict[str, float]] = []
    for choice, completion in zip(choices, completions, strict=True):
        if completion.stop in ("refusal", "content_filter"):
            kind: FailureKind = "refused" if completion.stop == "refusal" else "filtered"
            return Rejected(kind, completion.detail or "no letter was answered")
        letters = letter_probabilities(completion.logprobs, tuple(choice.options))
        if letters is None:
            return Rejected("unparsable", _missing(completion, tuple(choice.options)))
        found.append({label: letters[letter] for letter, label in choice.options.items()})
    average = {label: fsum(one[label] for one in found) / len(found) for label in facet.vocabulary}
    likeliest = max(average, key=lambda label: average[label])
    return Reading(
        values={facet.name: likeliest},
        withheld={},
        evidence=(),
        ungrounded=0,
        rationale=f"Probabilities of first tokens, averaged over {len(found)} phrasings. This method gives no evidence.",
        distribution={facet.name: average},
    )


def letter_probabilities(logprobs: Mapping[str, float], letters: Sequence[str]) -> dict[str, float] | None:
    """Probabilities of the letters given that one of them is answered; None where none of them was reported.

    Spellings that differ in blanks, ``"A"`` and ``" A"``, are added up. Providers report the likeliest tokens only: a
    letter that is not among them is less likely than each of these, and gets the probability of the least of them, which
    is the most that it can have.
    """
    reported = {token: value for token, value in logprobs.items() if value > _UNREPORTED}
    spelt = {letter: [v for token, v in reported.items() if token.strip() == letter] for letter in letters}
    if not any(spelt.values()):
        return None
    top = max(
        value for values in spelt.values() for value in values
    )  # so that exp cannot run to 0 for all of them
    floor = min(reported.values())
    weights = {letter: fsum(exp(v - top) for v in values or [floor]) for letter, values in spelt.items()}
    whole = fsum(weights.values())
    return {letter: weight / whole for letter, weight in weights.items()}


def _missing(completion: Completion, letters: Sequence[str]) -> str:
    likely = sorted(completion.logprobs, key=lambda token: -completion.logprobs[token])[:5]
    if not likely:
        return "the answer came without token probabilities"
    return f"none of {', '.join(letters)} is among the likely first tokens, which are {', '.join(map(repr, likely))}"
