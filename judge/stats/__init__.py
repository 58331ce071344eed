"""Statistics on arrays of labels: no files, no records, no providers.

Reading order: ``tables`` turns items into sums over clusters, ``resample`` and ``proportion`` turn sums into intervals.
On these stand agreement (``agreement``, ``ratings``, ``alpha``, ``per_label``, ``baselines``, ``outcomes``, ``repeats``,
``confidence``), people (``ceiling``, ``alt_test``, ``latent``), prevalence (``confirmed``, ``prevalence``, ``ppi``,
``bounds``, ``choose``), comparison (``paired``, ``multiplicity``, ``differential``, ``drift``) and planning (``planning``,
``sampling``). ``reasons`` lists why a number may be missing. Nothing is imported here: each module loads what it needs.
"""
