"""Where programs run that a model wrote."""

from .finding import find_sandbox
from .languages import LANGUAGES, require_language
from .limits import Limits
from .result import Execution, Opaque, Result, SandboxError, TestUnsupportedError
from .sandbox import Sandbox

__all__ = [
    "LANGUAGES",
    "Execution",
    "Limits",
    "Opaque",
    "Result",
    "Sandbox",
    "SandboxError",
    "TestUnsupportedError",
    "find_sandbox",
    "require_language",
]
