"""What authors of methods and tasks test theirs with."""

from sdzero_bench.testing.method_check import check_method

__all__ = ["check_method"]
