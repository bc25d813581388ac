"""The families of comparisons of a leaderboard, fixed by the suite and not by what lies in a folder."""

from __future__ import annotations

from functools import cache

from sdzero_bench.report.leaderboard.grouping import BASE_LABEL


@cache
def suite_methods() -> frozenset[str]:
    """The methods of this suite that are ranked, and the base: what any reference is compared with.

    Methods that others have installed are not among them, so that the families are the same on every machine.
    """
    from sdzero_bench.runs.plug_ins import METHODS
    from sdzero_bench.runs.registry import built_in
    from sdzero_bench.training.method import Method

    own = {name for name, cls in built_in(METHODS, Method).items() if not cls.control}
    return frozenset(own | {BASE_LABEL})


def family(reference: str) -> frozenset[str]:
    """The rows that are compared with one reference."""
    return suite_methods() - {reference}


def in_words(reference: str) -> str:
    return f"the comparisons of {reference} with the suite's {len(family(reference))} other methods"
