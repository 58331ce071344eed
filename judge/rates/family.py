"""Whether judge and subject, or judge and annotators, are of one model family: they share mistakes and tastes."""

from judge.rates.question import Answers
from judge.ratings.families import family
from judge.stats.reasons import reason

SUBJECT_KEYS = ("family", "model_family", "model", "subject", "target_model")


def same_family(found: Answers) -> tuple[str, ...]:
    """The warning, where metadata names a subject of the judge's own family."""
    judge = family(found.rater.model)
    subjects = {
        str(item.metadata[key])
        for item in found.items
        if item.metadata
        for key in SUBJECT_KEYS
        if key in item.metadata
    }
    alike = sorted(name for name in subjects if judge and family(name) == judge)
    return (reason("same-family", f"{found.rater.model} and {', '.join(alike[:3])}"),) if alike else ()


def same_as_annotators(found: Answers, families: tuple[str, ...]) -> tuple[str, ...]:
    """The warning, where labels come from a model of the judge's own family."""
    judge = family(found.rater.model)
    alike = sorted(name for name in families if judge and family(name) == judge)
    return (reason("annotators-same-family", f"{found.rater.model} and {', '.join(alike)}"),) if alike else ()
