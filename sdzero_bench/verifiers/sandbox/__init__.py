"""Run programs written by a model, isolated from the host."""

from sdzero_bench.verifiers.sandbox.languages import LANGUAGES
from sdzero_bench.verifiers.sandbox.limits import Limits
from sdzero_bench.verifiers.sandbox.result import Execution, Opaque, ProgramResult, SandboxError, TestUnsupportedError
from sdzero_bench.verifiers.sandbox.sandbox import Sandbox, require_language
from sdzero_bench.verifiers.sandbox.tier_search import find_sandbox

__all__ = [
    "LANGUAGES",
    "Execution",
    "Limits",
    "Opaque",
    "ProgramResult",
    "Sandbox",
    "SandboxError",
    "TestUnsupportedError",
    "find_sandbox",
    "require_language",
]
