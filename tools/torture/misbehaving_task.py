"""A task whose verifier misbehaves on some responses. It has a file of its own, which worker processes import."""

from __future__ import annotations

import ctypes
import os
import signal
import time
import zlib
from typing import Literal

from sdzero_bench.core.question import Question
from sdzero_bench.core.verdict import Verdict
from sdzero_bench.tasks.micro_arith import MicroArith, MicroArithOptions

How = Literal["hangs", "computes", "raises", "exits", "crashes", "leaks"]
HOWS: dict[How, tuple[str, float | None]] = {
    "hangs": ("timeout", None),
    "computes": ("refused", 0.0),
    "raises": ("error", None),
    "exits": ("error", None),
    "crashes": ("error", None),
    "leaks": ("ok", None),
}
"""The status and the reward of the verdicts on those responses; a leak changes no verdict."""

LEAKED_MB = 2
_kept: list[bytearray] = []


class MisbehavingOptions(MicroArithOptions):
    how: How = "raises"


class MisbehavingTask(MicroArith):
    """micro-arith, with a verifier that misbehaves on one response in eight."""

    name = "misbehaving"
    Options = MisbehavingOptions
    options: MisbehavingOptions

    @staticmethod
    def provokes(question_id: str, response: str) -> bool:
        return zlib.crc32(f"{question_id} {response}".encode()) % 8 == 0

    def verify(self, question: Question, response: str) -> Verdict:
        if self.provokes(question.id, response):
            self._misbehave()
        return super().verify(question, response)

    def _misbehave(self) -> None:
        how = self.options.how
        if how == "hangs":
            time.sleep(3600)
        while how == "computes":
            pass
        if how == "raises":
            raise RuntimeError("as it was asked to\nin two lines")
        if how == "exits":
            os._exit(0)
        if how == "crashes":
            signal.signal(signal.SIGSEGV, signal.SIG_DFL)
            ctypes.string_at(0)
        if how == "leaks":
            _kept.append(bytearray(LEAKED_MB << 20))
