"""Records and labels of one id are of one text, or the comparison is refused."""

import pytest

from judge.errors import UsageError
from judge.ratings.gather import gather
from judge.ratings.texts import refuse_mixed
from tests.test_ratings import GRADERS, labelled, run_of, verdict

__all__ = ["labelled"]
FIRST, SECOND = "a" * 64, "b" * 64


def of(text, item="t0"):
    return verdict(item, "absent").model_copy(update={"transcript_sha256": text})


def test_two_runs_of_different_texts_are_refused(tmp_path):
    runs = [run_of(tmp_path / "runs", name, [of(text)]) for name, text in (("one", FIRST), ("two", SECOND))]
    with pytest.raises(UsageError, match="'one' and 'two' read different texts") as raised:
        refuse_mixed(gather(runs, GRADERS))
    assert "1 of 1 shared transcripts differ: t0" in str(raised.value)
    refuse_mixed(gather([runs[0], run_of(tmp_path / "runs", "three", [of("")])], GRADERS))


def test_a_run_with_records_of_two_texts_is_of_neither(tmp_path, labelled):
    own = next(labelled.transcripts()).fingerprint
    runs = tmp_path / "runs"
    same = run_of(runs, "same", [of(own)])
    refuse_mixed(gather([same, labelled], GRADERS))
    again = of(FIRST).model_copy(update={"sample": 1})
    mixed = run_of(runs, "mixed", [of(own), again])
    with pytest.raises(UsageError, match="'mixed' read other texts"):
        refuse_mixed(gather([mixed, labelled], GRADERS))
