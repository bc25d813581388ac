"""What authors of methods and tasks test theirs with."""

from sdzero_bench.testing.method_check import check_method
from sdzero_bench.testing.task_check import check_task

__all__ = ["check_method", "check_task"]
