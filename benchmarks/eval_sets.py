"""What the hand-labelled sets hold, and how much of them a rule that cannot read would get right. Reads dev splits only.

    python -m benchmarks.eval_sets [NAME ...]

For each set: agreement of the two labellings, and against the adjudicated labels the baselines of `judge calibrate`.
A grader that does not beat them clearly has not read anything.
"""

import sys
from collections import Counter
from pathlib import Path

from judge.calibration.baselines import baselines
from judge.calibration.pair import pair
from judge.calibration.rules import Texts
from judge.eval_sets import EvalSet, open_set
from judge.grader.file import bundled_folder, discover, load
from judge.ratings.gather import gather


def report(found: EvalSet) -> None:
    ratings = gather([found], {grader.name: grader for grader in map(load, discover(bundled_folder()))})
    assert ratings.reference is not None
    for grader, facet in ratings.questions():
        panel = ratings.panel(grader, facet)
        clusters = {item.metadata.get("cluster") for item in panel.items}
        words = sorted(sum(len(m.text.split()) for m in t.messages) for t in ratings.transcripts.values())
        print(f"## {found.name}: {facet.name}")
        print(
            f"{len(panel)} transcripts in {len(clusters)} clusters, words {words[0]} / {words[len(words) // 2]} / {words[-1]}"
        )
        given = Counter(str(row[-1].value) for row in panel.ratings)
        print(", ".join(f"{label} {n}" for label, n in sorted(given.items())))
        first, second = ratings.annotators[:2]
        print(
            f"  {'the two labellings':20} kappa {pair(panel.of(first, second)).with_nulls.coefficients['kappa']}"
        )
        itself = panel.of(ratings.reference, ratings.reference)  # the baselines' lead is of no interest here
        for one in baselines(itself, Texts(ratings.transcripts)):
            print(f"  {one.name:20} kappa {one.coefficients['kappa']}")
    print()


def main() -> None:
    names = sys.argv[1:] or sorted(path.parent.name for path in Path("eval_sets").glob("*/labels"))
    for name in names:
        report(open_set(name))


if __name__ == "__main__":
    main()
