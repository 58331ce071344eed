"""A small share of what ``benchmarks.kill_trials`` does, so that it stays true and the benchmark stays whole."""

from benchmarks.kill_trials import Bench, trial


def test_a_killed_run_with_faults_ends_as_an_undisturbed_one(tmp_path):
    bench = Bench(tmp_path, requests=60, in_flight=8)
    found = trial(bench, number=5, seed=0)
    assert len(found.kills) == 2 and {kill.moment for kill in found.kills} <= {"work", "end", "start"}
    assert found.complaints == []
    assert found.distinct == 60 and found.again == sum(kill.lost for kill in found.kills)
