"""One judge against a hand-labelled set: everything that a reader needs before believing its labels, as one object."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from judge.calibration.about import FacetNote, RaterNote, facet_note, note_of
from judge.calibration.agreement import Repeats, self_agreement
from judge.calibration.baselines import Baseline, baselines
from judge.calibration.disagreements import Disagreement, disagreements
from judge.calibration.gates import GateResult, figures, held
from judge.calibration.outcomes import Coverage, coverage
from judge.calibration.pair import Pair, pair
from judge.calibration.people import Among, among
from judge.calibration.rules import Texts
from judge.calibration.setting import Setting, by_subject, setting, warnings_of
from judge.calibration.subgroups import Groups, Subgroups, grouping, subgroups
from judge.errors import UsageError
from judge.estimate import Estimate
from judge.grader import Facet, Grader
from judge.grader.gates import Gate
from judge.ratings import Panel, Rater, Ratings
from judge.stats.confidence import Confidence, confidence
from judge.stats.reasons import reason
from judge.stats.resample import DEFAULT, Settings

EPSILON = 0.1


@dataclass(frozen=True)
class Wishes:
    """What to look at beyond the usual. ``epsilon``: the bonus of the alternative annotator test (.1 crowd to .2 experts).

    ``gates``: those of each grader by name; ``shared_gates`` hold for every facet that they speak of.
    """

    by: Sequence[str] = ()
    epsilon: float = EPSILON
    gates: Mapping[str, Sequence[Gate]] | None = None
    shared_gates: Sequence[Gate] = ()
    looks: int | None = None
    """How often the sealed labels have been looked at, this time included; None where they are not sealed."""
    settings: Settings = DEFAULT


@dataclass(frozen=True, slots=True)
class FacetCalibration:
    """Judge against reference on one facet. ``judge`` compares them on what both labelled; see each part's own class."""

    about: FacetNote
    reference: str
    items: int
    clusters: int
    judge: Pair
    coverage: Coverage
    among: Among | None
    baselines: tuple[Baseline, ...]
    confidence: Confidence | None
    subgroups: tuple[Subgroups, ...]
    repeats: Repeats | None
    disagreements: tuple[Disagreement, ...]
    gates: tuple[GateResult, ...]
    figures: dict[str, Estimate]
    """Everything that a gate may name."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Calibration:
    """What ``judge calibrate`` found. ``dataclasses.asdict`` of it is the JSON."""

    run: str
    judge: RaterNote
    raters: tuple[RaterNote, ...]
    setting: Setting
    facets: tuple[FacetCalibration, ...]
    cluster_key: str
    level: float
    replicates: int
    seed: int
    warnings: tuple[str, ...] = ()

    @property
    def gates(self) -> tuple[GateResult, ...]:
        return tuple(gate for facet in self.facets for gate in facet.gates)

    @property
    def missed(self) -> tuple[GateResult, ...]:
        """Gates that do not hold."""
        return tuple(gate for gate in self.gates if not gate.passed)


def calibrate(ratings: Ratings, wishes: Wishes = Wishes()) -> Calibration:
    """Hold the one judge among the raters against the one set.

    Raises:
        UsageError: Not exactly one judge and one set, nothing that both rated, a key or a gate that names nothing.
    """
    judge = _judge(ratings)
    notes = tuple(note_of(rater, ratings) for rater in ratings.raters)
    own = next(note for rater, note in zip(ratings.raters, notes, strict=True) if rater is judge)
    groups = [(key, grouping(ratings, key, judge)) for key in wishes.by]
    groups += [("subject's family", kin)] if (kin := by_subject(ratings, own)) else []
    texts = Texts(ratings.transcripts)
    questions = [
        (grader, facet, reference)
        for grader, facet in ratings.questions(minimum=2)
        if (grader.name, facet.name) in judge.ratings
        and (reference := _reference(ratings, grader, facet)) is not None
    ]
    facets = tuple(
        _Facet(ratings, judge, reference, groups, texts, wishes).calibrated(grader, facet)
        for grader, facet, reference in questions
    )
    if not facets:
        raise UsageError(
            "the judge has rated no facet that is labelled in this set",
            where=str(ratings.sets[0].folder),
            found=f"the run rates {', '.join(sorted({f for _, f in judge.ratings})) or 'nothing'}",
            expected=f"one of {', '.join(sorted({f for r in ratings.raters if r is not judge for _, f in r.ratings}))}",
            do="label the set's transcripts with the grader that the set is for, or see --prompts",
        )
    _all_gates_met(wishes.shared_gates, facets)
    others = tuple(note for note in notes if note is not own)
    settings, found = wishes.settings, setting(ratings, judge, wishes.looks)
    return Calibration(
        judge.name,
        own,
        others,
        found,
        facets,
        ratings.cluster_key,
        settings.level,
        settings.replicates,
        settings.seed,
        (*ratings.warnings, *warnings_of(found, own, others)),
    )


def _judge(ratings: Ratings) -> Rater:
    if len(ratings.judges) != 1 or len(ratings.sets) != 1:
        raise UsageError(
            "a calibration is of one run against one set",
            found=f"{len(ratings.judges)} runs and {len(ratings.sets)} sets",
            do="see `judge agree` and `judge compare` for more",
        )
    return ratings.judges[0]


def _reference(ratings: Ratings, grader: Grader, facet: Facet) -> Rater | None:
    """Adjudicated labels of this facet, or the only annotator's; None where nobody labelled it."""
    asked = (grader.name, facet.name)
    if ratings.reference is not None and asked in ratings.reference.ratings:
        return ratings.reference
    own = [rater for rater in ratings.annotators if asked in rater.ratings]
    if len(own) > 1:
        raise UsageError(
            f"{len(own)} annotators labelled {facet.name}, and nothing says which of their labels counts",
            where=str(ratings.sets[0].folder),
            do="adjudicate (labels/adjudicated.jsonl), or calibrate on one annotator's file: --on SET/labels/NAME.jsonl",
        )
    return own[0] if own else None


def _all_gates_met(gates: Sequence[Gate], facets: Sequence[FacetCalibration]) -> None:
    for gate in gates:
        if not any(gate.about(f.about.facet, primary=f.about.primary) for f in facets):
            raise UsageError(
                f"the gate {str(gate)!r} speaks of no facet here",
                expected=f"one of {', '.join(f.about.facet for f in facets)}",
            )


@dataclass(frozen=True)
class _Facet:
    """What the calibrations of all facets have in common."""

    ratings: Ratings
    judge: Rater
    reference: Rater
    groups: Sequence[tuple[str, Groups]]
    texts: Texts
    wishes: Wishes

    def calibrated(self, grader: Grader, facet: Facet) -> FacetCalibration:
        settings, asked = self.wishes.settings, (grader.name, facet.name)
        annotators = tuple(
            r for r in self.ratings.annotators if asked in r.ratings and r is not self.reference
        )
        whole = self.ratings.panel(grader, facet, [self.reference, self.judge, *annotators])
        whole = whole.at(np.array([row[0].value is not None for row in whole.ratings], dtype=bool))
        both = whole.of(self.reference, self.judge)
        if not any(row[1].value is not None or row[1].status != "missing" for row in both.ratings):
            raise self._nothing_judged(facet)
        found, covered = pair(both, settings), coverage(both, settings)
        known = figures(found, covered)
        about = facet_note(grader, facet)
        gates = [*(self.wishes.gates or {}).get(grader.name, ()), *self.wishes.shared_gates]
        rivals = baselines(both, self.texts, settings)
        humans = annotators or ((self.reference,) if self.reference.kind == "annotator" else ())
        return FacetCalibration(
            about=about,
            reference=self.reference.name,
            items=len(both),
            clusters=len(set(map(str, np.asarray(both.design.clusters)))),
            judge=found,
            coverage=covered,
            among=among(whole, self.judge, humans, self.wishes.epsilon, settings),
            baselines=rivals,
            confidence=_confidence(both, settings),
            subgroups=tuple(one for key, own in self.groups if (one := subgroups(both, key, own, settings))),
            repeats=self_agreement(self.ratings, grader, facet, self.judge, settings),
            disagreements=disagreements(whole, self.ratings.cluster_key),
            gates=tuple(held(gates, about, known)),
            figures=known,
            warnings=tuple(_warnings(both, rivals, humans)),
        )

    def _nothing_judged(self, facet: Facet) -> UsageError:
        found = self.ratings.sets[0]
        return UsageError(
            f"run {self.judge.name!r} has judged none of the transcripts that are labelled for {facet.name}",
            where=str(found.folder),
            do="let the same judge label the set, in a run of its own, and calibrate that one: "
            f"judge label {found.folder} --grader ... --model ... --run on-{found.folder.name}",
        )


def _confidence(panel: Panel, settings: Settings) -> Confidence | None:
    """Reliability of the label probabilities, where the judge gives them: that of the label it gave, against being right."""
    stated, correct, keep = [], [], []
    for truth, own in panel.ratings:
        known = isinstance(own.value, str) and own.value in own.distribution
        keep.append(known)
        if known:
            stated.append(min(1.0, max(0.0, own.distribution[str(own.value)])))
            correct.append(own.value == truth.value)
    if not stated:
        return None
    return confidence(stated, correct, panel.design.at(np.array(keep, dtype=bool)), settings)


def _warnings(panel: Panel, rivals: Sequence[Baseline], humans: Sequence[Rater]) -> Iterator[str]:
    unasked = sum(row[1].status == "missing" for row in panel.ratings)
    if unasked:
        yield reason("not-judged", f"{unasked} of {len(panel)}")
    if all(row[1].value is None for row in panel.ratings):
        yield reason("no-answers")
    elif ahead := [rival.name for rival in rivals if not rival.beaten]:
        yield reason("no-better", ", ".join(ahead))
    if len(humans) < 2:  # noqa: PLR2004  (no pair)
        yield reason("one-human")
