"""Agreement between raters, and a judge's calibration against hand labels: from ``Ratings`` to results.

``agreement.agreement`` compares any raters with each other; ``calibrate.calibrate`` holds one judge against a hand-labelled
set. Results are frozen dataclasses of plain values and ``Estimate``s, so ``dataclasses.asdict`` of one is its JSON. Nothing
here knows providers or labelling, prints, or draws; the statistics are in ``judge.stats``.
"""
