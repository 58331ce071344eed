"""A few thousand of what ``python -m benchmarks.fuzz`` does a million times."""

import pytest

from tests.fuzzing import completions, files


@pytest.mark.parametrize("seed", range(3))
def test_no_completion_raises_or_becomes_a_label_that_does_not_stand(seed):
    tally = completions.Fuzz(seed).run(2000)
    assert tally.outcomes["ok"], "faults so heavy that nothing is ever read show nothing"
    assert tally.outcomes["ungrounded"]
    assert tally.slowest < 2


@pytest.mark.parametrize("seed", range(2))
def test_no_file_raises_anything_but_our_errors(seed, tmp_path):
    tally = files.Fuzz(seed, tmp_path).run(500)
    assert any("Transcript" in kind.split(" and ") for kind in tally.outcomes)
    assert any("refused" in kind for kind in tally.outcomes)
