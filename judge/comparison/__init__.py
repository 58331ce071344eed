"""Two judges on the same transcripts against the same hand labels: is the second better, worse, or is no difference shown?

A judge here is a run: a rubric at some version, with a model. Read ``pairing`` first (which items, which labels, what
counts as right), then ``facets`` (the tests and the words), then ``report``. ``history`` lists every version of a rubric
that was ever run. Nothing here buys an answer; ``judge.iteration`` does, and comes back here.
"""
