"""The loop in which a rubric is made: try an edit, compare versions, let a model propose one.

``asking`` puts a rubric to a judge on a hand-labelled set, ``trial`` shows what an edit moved, ``watching`` does so on
every save, ``matrix`` compares rubrics over models, ``improving`` searches for a better one. What is measured, and in
what words, is ``judge.comparison``; what is bought goes through ``judge.labelling``. Nothing here but ``matrix`` opens a
sealed test split, and that one only when asked to.
"""
