"""From a run to a rate that holds: prevalence, change, conditional rates, what to label next, drift.

Reading order: ``question`` says which answers count, ``labels`` which transcripts people have looked at, ``accuracy`` how
often the judge is right on a hand-labelled set. ``prevalence`` puts them together for one group, ``change`` compares groups,
``conditional`` takes the rate of one label given another. ``selection`` draws what to label next, ``drift`` compares a judge
with what it was, ``plan`` answers what has to be known before any label is paid for. Every number is an ``Estimate``; the
statistics themselves are in ``judge.stats``. Nothing here reads a command line or prints.
"""
