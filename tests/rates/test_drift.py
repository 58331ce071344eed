"""The judge against its stored answers, and two runs' inputs."""

import numpy as np
import pytest

from judge.errors import UsageError
from judge.rates.drift import Report, judge_drift, sections
from judge.rates.inputs import inputs
from judge.rates.question import Answers
from judge.rates.sections import markdown
from judge.ratings import Item, Rater, Rating
from judge.transcript import Message, Transcript
from tests.rates.worlds import answers, hand
from tests.stats.numbers import value


def named(found, name, ratings=None):
    return Answers(
        Rater(name, "judge", ratings or {}, "m"),
        found.asked,
        found.items,
        found.ratings,
        found.outcomes,
        found.design,
    )


def test_a_judge_that_lost_positives_lost_sensitivity():
    truth = np.arange(200) < 80
    before = answers(np.arange(200) < 76)
    after = answers((np.arange(200) < 60) | (np.arange(200) == 150))
    drift = judge_drift(before, after, hand(before, truth, range(200)))
    assert value(drift.changed) == pytest.approx(17 / 200)
    assert drift.moves == (("tentative", "absent", 16), ("absent", "tentative", 1))
    assert drift.anchored is not None
    accuracy = drift.anchored.accuracy
    assert value(accuracy.recall[1]) == pytest.approx(-0.2)
    assert (accuracy.correct_by_label[1].only_first, accuracy.correct_by_label[1].only_second) == (16, 0)
    assert accuracy.correct_by_label[1].p_exact == pytest.approx(2 * 0.5**16)
    assert accuracy.correct_by_label[0].only_first == 1
    assert drift.above_noise is None
    text = markdown(sections(Report("q", "a", "b", drift, None)))
    assert "0 gained, 16 lost" in text
    assert "unknown: no repeats" in text


def test_repeats_are_the_noise_floor():
    before = answers(np.arange(200) < 50)
    after = answers(np.arange(200) < 52)
    key = before.asked.key
    noisy = {
        key: {(f"t{n}", s): Rating("tentative" if (n < 52) ^ (s == 2 and n % 10 == 0) else "absent")
              for n in range(200) for s in range(3)}
    }  # fmt: skip
    drift = judge_drift(before, named(after, "new", noisy))
    assert drift.flips is not None
    assert value(drift.flips) == pytest.approx(0.1 * 2 / 3)
    assert drift.above_noise is False
    assert any(w.startswith("noise-floor") for w in drift.warnings)
    assert not any(w.startswith("anchor-small") for w in drift.warnings)
    far = answers(np.arange(200) < 150)
    assert judge_drift(before, named(far, "new", noisy)).above_noise is True


def failing(found, where):
    """The same answers, with a failure at these positions."""
    ratings = tuple(Rating(None, "refused") if n in where else r for n, r in enumerate(found.ratings))
    outcomes = np.where(np.isin(np.arange(len(found)), list(where)), "invalid", found.outcomes)
    return Answers(found.rater, found.asked, found.items, ratings, outcomes, found.design)


def test_an_answer_that_fails_now_has_changed():
    before = failing(answers(np.arange(200) < 50), {0, 199})
    drift = judge_drift(before, failing(answers(np.arange(200) < 50), {0, *range(40, 60)}))
    assert value(drift.changed) == pytest.approx(21 / 199)  # that which never had an answer says nothing
    assert value(drift.answers) == pytest.approx(21 / 199)
    assert drift.unanswered == (2, 21)
    assert (drift.answering.only_first, drift.answering.only_second) == (20, 1)
    assert drift.answering.p_exact == pytest.approx(2 * 22 * 0.5**21)
    assert set(drift.moves) == {
        ("tentative", "(no answer)", 10), ("absent", "(no answer)", 10), ("(no answer)", "absent", 1)
    }  # fmt: skip
    report = Report("q", "a", "b", drift, None)
    assert "2 / 21 (20 no longer answered, 1 answered again, p " in markdown(sections(report))


def repeated(hits, failed=lambda _n, _s: False):
    key = answers(np.array([True])).asked.key
    label = {True: Rating("tentative"), False: Rating("absent")}
    return {
        key: {
            (f"t{n}", s): Rating(None, "refused") if failed(n, s) else label[n < hits]
            for n in range(200)
            for s in range(3)
        }
    }


def test_a_judge_that_stopped_answering_does_not_pass_its_gate():
    before = named(answers(np.arange(200) < 50), "old", repeated(50))
    silent = failing(answers(np.arange(200) < 50), set(range(200)))
    gone = judge_drift(before, named(silent, "new", repeated(50, lambda _n, _s: True)))
    assert (value(gone.changed), gone.above_noise, gone.unanswered) == (1, True, (0, 200))
    assert Report("q", "a", "b", gone, None).gate == "more answers changed than repeats flip"
    unknown = Report("q", "a", "b", judge_drift(named(before, "old"), silent), None)
    assert "cannot be told: neither run has repeats" in unknown.gate
    assert "share no transcript" in Report("q", "a", "b", None, None).gate
    both = Report("q", "a", "b", judge_drift(silent, silent), None)  # nothing to compare is no pass
    assert both.gate
    steady = Report("q", "a", "b", judge_drift(before, named(before, "new", repeated(50))), None)
    assert steady.gate == ""


def test_a_judge_that_fails_at_random_now_is_held_to_its_former_noise():
    before = named(answers(np.arange(200) < 50), "old", repeated(50))
    flaky = failing(answers(np.arange(200) < 50), set(range(0, 200, 3)))
    drift = judge_drift(before, named(flaky, "new", repeated(50, lambda n, s: (n + s) % 3 == 0)))
    assert drift.above_noise is True
    flaky = failing(answers(np.arange(200) < 50), set(range(0, 150, 3)))
    noisy = named(flaky, "old", repeated(50, lambda n, s: n < 150 and (n + s) % 3 == 0))
    other = failing(answers(np.arange(200) < 50), set(range(1, 150, 3)))
    same = judge_drift(noisy, named(other, "new"))
    assert same.flips is not None
    assert value(same.flips) == pytest.approx(0.5)
    assert same.above_noise is False
    assert Report("q", "a", "b", same, None).gate == ""


def test_an_answer_may_change_without_counting_otherwise():
    before = answers(np.arange(100) < 50)
    ratings = tuple(Rating("settled") if r.value == "tentative" else r for r in before.ratings)
    after = Answers(before.rater, before.asked, before.items, ratings, before.outcomes, before.design)
    drift = judge_drift(before, after)
    assert value(drift.changed) == 0
    assert value(drift.answers) == 0.5


def test_runs_that_share_nothing_are_no_anchor():
    other = answers(np.array([True]), items=(Item("else", {}),))
    with pytest.raises(UsageError, match="share no transcript"):
        judge_drift(answers(np.array([True])), other)


def test_inputs_are_compared_by_shares_and_by_length():
    def side(prefix, n, hits, place):
        items = tuple(Item(f"{prefix}{k}", {"arm": place if k % 2 else "a"}) for k in range(n))
        return answers(np.arange(n) < hits, items=items)

    def texts(found, size):
        message = Message(id="M1", turn=0, role="assistant", channel="text", text="x" * size)
        return {
            item.id: Transcript(
                id=item.id, messages=(message.model_copy(update={"text": "x" * (size + k % 9)}),)
            )
            for k, item in enumerate(found.items)
        }

    old, new = side("o", 300, 30, "a"), side("n", 300, 90, "b")
    drift = inputs(old, new, (texts(old, 100), texts(new, 103)))
    shares = {one.name: one for one in drift.shares}
    assert value(shares["flagged"].difference) == pytest.approx(0.2)
    assert shares["flagged"].p_adjusted is not None
    assert shares["flagged"].p_adjusted < 1e-6
    assert value(shares["arm = b"].now) == 0.5
    sizes = {one.name: one for one in drift.sizes}
    assert value(sizes["characters"].superiority) > 0.6
    assert sizes["messages"].p is None
    same = inputs(old, side("m", 300, 30, "a"))
    assert all(one.p_adjusted is None or one.p_adjusted == 1 for one in same.shares)
    assert same.sizes == ()


def test_none_among_few_is_no_sign_of_change():
    old = answers(np.zeros(49, dtype=bool))
    new = answers(np.arange(20_000) < 84, items=tuple(Item(f"n{k}", {}) for k in range(20_000)))
    (flagged,) = inputs(old, new).shares
    assert flagged.p is not None
    assert flagged.p > 0.3
