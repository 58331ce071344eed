"""What a candidate scores on an item: whether the primary facet is right, so weighted that every label counts alike.

A longer rubric has to earn its length: with the penalty at 0.05, one that is twice as long as the original must be right on
five points more. The penalty is part of the score that the search sees, and of no figure that is reported.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from judge.comparison.pairing import same_value
from judge.errors import UsageError
from judge.grader import Grader
from judge.iteration.asking import Asking
from judge.iteration.improve.candidates import Candidates, tokens
from judge.iteration.matrix import Stopped
from judge.iteration.trial import Subject
from judge.ratings import ABSENT, Rating
from judge.ratings.gather import gather


@dataclass(frozen=True)
class Bench:
    """The dev labels that candidates are scored on, and the judge that they are put to.

    ``human`` is the primary facet's hand label of each item.
    """

    subject: Subject
    asking: Asking
    human: Mapping[str, Rating]

    def weights(self) -> dict[str, float]:
        """Item to weight, 1 on average, such that the items of every label weigh the same together."""
        support = Counter(str(rating.value) for rating in self.human.values())
        share = len(self.human) / len(support)
        return {item: share / support[str(rating.value)] for item, rating in self.human.items()}

    def answers(self, grader: Grader, ids: Collection[str]) -> dict[str, Rating]:
        """What the judge says of these items with this rubric, buying what was not asked before.

        Items for which the money did not last are missing. Raises Stopped where something else ended it early.
        """
        result = self.asking.ask(grader, self.subject.found, ids)
        if result.manifest.status not in ("complete", "budget"):
            raise Stopped(result)
        if not result.run.records_path.exists():
            return {}
        (judge,) = gather([result.run], {grader.name: grader}).raters
        said = {item: judge.rating((grader.name, grader.primary), item) for item in ids}
        return {item: rating for item, rating in said.items() if rating is not ABSENT}


def penalty(grader: Grader, candidates: Candidates, rate: float) -> float:
    """What the length costs: the rate for each time that it is longer than the original; a shorter one gains nothing."""
    return rate * max(tokens(grader) / candidates.size - 1, 0.0)


def right(said: Rating | None, human: Rating) -> bool:
    return said is not None and same_value(said, human)


def check_support(grader: Grader, human: Mapping[str, Rating], least: int) -> None:
    """Every label needs hand labels, or a search would be free to ruin it unseen. Raises UsageError.

    Nulls that never occur cannot be measured and are let pass; one that does occur needs as many as any label.
    """
    facet = grader.facets[grader.primary]
    if facet.multilabel:
        raise UsageError(
            "only rubrics whose primary facet has one label at a time can be improved this way",
            found=f"{facet.name} is multilabel",
        )
    support = Counter(str(rating.value) for rating in human.values())
    wanted = [*facet.labels, *(label for label in facet.nulls if support[label])]
    if few := [label for label in wanted if support[label] < least]:
        raise UsageError(
            "too few hand labels to improve a rubric by: what is not measured would be ruined unseen",
            found=", ".join(f"{label} {support[label]}" for label in few),
            expected=f"{least} of each label of {facet.name} on the dev split (--min-labels)",
            do="label more transcripts",
        )
