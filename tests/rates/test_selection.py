"""Drawing what to label next."""

import numpy as np
import pytest

from judge import queues
from judge.errors import UsageError
from judge.rates.batch_files import Provenance, collect, places, write
from judge.rates.question import Answers
from judge.rates.selection import select, select_random
from judge.ratings import Item, Rating
from judge.stats.sampling import Plan
from judge.transcript import Message, Transcript
from tests.rates.worlds import answers


def frame(n=2000, hits=60):
    return answers(np.arange(n) < hits)


def transcripts(n=2000):
    message = Message(id="M1", turn=0, role="assistant", channel="text", text="x")
    return [Transcript(id=f"t{at}", messages=(message,), metadata={"cluster": "c"}) for at in range(n)]


PROVENANCE = Provenance("eval_awareness", "alignment_eval_awareness", "run", "openai/gpt-x", 1)


def test_half_of_a_batch_is_spent_on_flags_even_of_a_rare_label():
    drawn = select(frame(20_000, 200), Plan(200, 1))
    flags = sum(int(line.transcript_id[1:]) < 200 for line in drawn.lines)
    assert 85 <= flags <= 115
    neyman_alone = select(frame(20_000, 200), Plan(200, 1), suspect=0.0)
    assert sum(int(line.transcript_id[1:]) < 200 for line in neyman_alone.lines) < 20


def test_chances_are_what_they_say_and_the_core_is_a_fifth():
    drawn = select(frame(), Plan(200, 1))
    assert sum(1 / line.inclusion_probability for line in drawn.lines) == pytest.approx(2000)
    assert sum(line.core for line in drawn.lines) == 40
    for stratum in drawn.strata:
        own = [line for line in drawn.lines if line.stratum == stratum.code]
        assert len(own) == stratum.taken
        assert {line.inclusion_probability for line in own} == {stratum.taken / stratum.size}
    assert drawn == select(frame(), Plan(200, 1))
    assert drawn != select(frame(), Plan(200, 2))


def test_a_second_judge_and_repeats_make_disputes_a_stratum():
    found = frame()
    other = answers(np.arange(2000) % 40 == 0)
    drawn = select(found, Plan(200, 1), second=other)
    meanings = {one.meaning: one.size for one in drawn.strata}
    assert meanings == {"absent": 1892, "absent, disputed": 48, "tentative": 2, "tentative, disputed": 58}
    key = found.asked.key
    ratings = {key: {("t5", 1): Rating("absent"), ("t7", 1): Rating("settled")}}
    rater = type(found.rater)("run", "judge", ratings, "m")
    repeated = Answers(rater, found.asked, found.items, found.ratings, found.outcomes, found.design)
    sizes = {one.meaning: one.size for one in select(repeated, Plan(50, 1)).strata}
    assert sizes["tentative, disputed"] == 1


def test_probabilities_make_bands():
    found = frame(100, 50)
    ratings = tuple(
        Rating("tentative" if n < 50 else "absent", distribution={"tentative": 1 - n / 100})
        for n in range(100)
    )
    banded = Answers(found.rater, found.asked, found.items, ratings, found.outcomes, found.design)
    assert {one.meaning for one in select(banded, Plan(40, 1)).strata} == {"p<.1", "p<.5", "p<.9", "p>=.9"}


def test_strata_are_made_coarser_until_the_batch_has_room_for_them():
    words = ["tentative", "settled", "absent", "dismissed", "indeterminate", "not_assessable"]
    items = tuple(Item(f"t{n}", {"g": f"{n % 3}"}) for n in range(600))
    ratings = tuple(Rating(words[n % 6]) for n in range(600))
    found = frame(600, 0)
    outcomes = np.array([found.asked.outcome(r.value) for r in ratings])
    many = Answers(found.rater, found.asked, items, ratings, outcomes, found.design)
    assert len(select(many, Plan(100, 1), "g").strata) == 6
    coarse = {one.meaning for one in select(many, Plan(20, 1), "g").strata}
    assert coarse == {"0, flagged", "0, not flagged", "1, flagged", "1, not flagged", "2, not flagged"}
    with pytest.raises(UsageError, match="smaller than the number of strata"):
        select(many, Plan(2, 1), "g")


def test_a_random_sample_is_one():
    drawn = select_random(frame(), Plan(100, 1))
    assert {line.inclusion_probability for line in drawn.lines} == {0.05}
    assert drawn.random


def test_the_files_tell_nothing_of_the_judge_but_in_the_strata(tmp_path):
    found = places(tmp_path / "set")
    drawn = select(frame(), Plan(100, 1))
    write(found, drawn, collect(drawn, transcripts(), "x"), PROVENANCE)
    read = [Transcript.model_validate_json(line) for line in found.transcripts.read_text().splitlines()]
    assert [t.id for t in read] == [line.transcript_id for line in drawn.lines]
    assert set(read[0].metadata) == {"cluster", "split", "origin"}
    assert queues.for_grader(found.queue) == {line.transcript_id: line for line in drawn.lines}
    for path in (found.transcripts, found.queue):
        text = path.read_text()
        assert "tentative" not in text
        assert "absent" not in text
    assert "tentative" in found.strata.read_text()
    assert found.card is not None
    assert "selection: enriched" in found.card.read_text()
    with pytest.raises(UsageError, match="there already"):
        places(tmp_path / "set")


def test_a_single_file_has_its_queue_beside_it(tmp_path):
    found = places(tmp_path / "to_label.jsonl")
    drawn = select_random(frame(), Plan(10, 1))
    write(found, drawn, collect(drawn, transcripts(), "x"), PROVENANCE)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "to_label.jsonl",
        "to_label.queue.jsonl",
        "to_label.strata.json",
    ]


def test_a_source_that_lacks_transcripts_is_named(tmp_path):
    drawn = select(frame(), Plan(100, 1))
    with pytest.raises(UsageError, match="are not in this source"):
        collect(drawn, transcripts(10), "x.jsonl")


def test_a_batch_that_cannot_be_written_leaves_nothing(tmp_path):
    drawn = select_random(frame(), Plan(10, 1))
    found = places(tmp_path / "to_label.jsonl")
    found.transcripts.mkdir()  # the last file cannot take its place
    with pytest.raises(UsageError, match="cannot write the batch"):
        write(found, drawn, collect(drawn, transcripts(), "x"), PROVENANCE)
    assert [p.name for p in tmp_path.iterdir()] == ["to_label.jsonl"]
