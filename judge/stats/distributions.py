"""Quantiles and tails of the few distributions that intervals and tests need.

One thin typed layer over ``scipy.special``, which loads in a quarter of the time of ``scipy.stats``. Everything takes
and returns floats or arrays of one shape.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # type: ignore[import-untyped]  # scipy ships no types

FloatArray = NDArray[np.float64]


def normal_quantile(p: float) -> float:
    """Inverse of the standard normal distribution function.

    >>> round(normal_quantile(0.975), 6)
    1.959964
    """
    return float(special.ndtri(p))


def normal_tail(z: float) -> float:
    """P(Z > z) for a standard normal Z."""
    return float(special.ndtr(-z))


def t_quantile(p: float, df: float) -> float:
    """Inverse of Student's t distribution function; ``df`` > 0, need not be whole.

    >>> round(t_quantile(0.975, 10), 3)
    2.228
    """
    return float(special.stdtrit(df, p))


def t_tail(t: float, df: float) -> float:
    """P(T > t) for Student's t."""
    return float(special.stdtr(df, -t))


def chi2_tail(x: float, df: float) -> float:
    """P(X > x) for chi-squared.

    >>> round(chi2_tail(3.841459, 1), 4)
    0.05
    """
    return float(special.chdtrc(df, x))


def beta_quantile(p: ArrayLike, a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Inverse of the Beta(a, b) distribution function, elementwise."""
    return np.asarray(special.betaincinv(a, b, p), dtype=np.float64)


def binomial_tail(hits: int, n: int, p: float) -> float:
    """P(X >= hits) for X binomial(n, p); 1 where hits <= 0."""
    if hits <= 0:
        return 1.0
    return float(special.betainc(hits, n - hits + 1, p)) if hits <= n else 0.0


def binomial_p(hits: float, n: float, p: float) -> float:
    """Two-sided exact test that a proportion is ``p``: min(1, 2 min(P(X <= hits), P(X >= hits))).

    ``hits`` of ``n`` need not be whole: the tails are incomplete beta functions, as in ``clopper_pearson``.

    >>> round(binomial_p(1, 8, 0.5), 4)
    0.0703
    """
    below = 1 - float(special.betainc(hits + 1, n - hits, p)) if hits < n else 1.0
    above = float(special.betainc(hits, n - hits + 1, p)) if hits > 0 else 1.0
    return min(1.0, 2 * min(below, above))


def clopper_pearson(hits: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Exact two-sided interval for a binomial proportion.

    ``hits`` of ``n``, which need not be whole: effective counts of clustered or weighted data go in as they are. The
    limits are Beta quantiles; with 0 hits the lower one is 0, with n hits the upper one is 1, and with ``n`` = 0 the
    interval is [0, 1]. Each side has probability (1 - level)/2 of error at most, whatever the true proportion.

    Source: Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404.

    >>> tuple(round(limit, 4) for limit in clopper_pearson(4, 20))  # scipy.stats.binomtest(4, 20), method "exact"
    (0.0573, 0.4366)
    """
    if n <= 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = float(special.betaincinv(hits, n - hits + 1, tail)) if hits > 0 else 0.0
    high = float(special.betaincinv(hits + 1, n - hits, 1 - tail)) if hits < n else 1.0
    return low, high


def clopper_pearson_upper(hits: float, n: float, confidence: float = 0.95) -> float:
    """One-sided upper limit at ``confidence``.

    >>> round(clopper_pearson_upper(0, 100), 4)  # the rule of three says 0.03
    0.0295
    """
    return clopper_pearson(hits, n, 2 * confidence - 1)[1]


def clopper_pearson_lower(hits: float, n: float, confidence: float = 0.95) -> float:
    """One-sided lower limit at ``confidence``."""
    return clopper_pearson(hits, n, 2 * confidence - 1)[0]
