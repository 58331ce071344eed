"""Rubrics proposed by a model from the judge's disagreements with people: the search is ``gepa``'s, the rest is ours.

job          who may be improved, folds, the search on each, the report      folds       clusters kept together
adapter      what gepa asks of us: scores of a candidate, a new proposal     candidates  a proposal as a file that loads
reflection   the question to the reflecting model, bought like any other     standing    what a candidate scores

A proposal is a new file beside the old one, for a person to read. It is found on dev labels alone; the sealed split is never
opened. Only the rubric's text is searched over: the header, and with it what each label means, stays word for word.
"""
