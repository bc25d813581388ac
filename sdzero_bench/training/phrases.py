"""Control phrases: the text between an attempt and its revision, chosen by the reward of the attempt."""

from __future__ import annotations

from sdzero_bench.core.settings import Options


class ControlPhrases(Options):
    """P_r of Self-Distillation Zero (arXiv 2604.12002): `right` for reward 1, `wrong` for reward 0."""

    right: str
    """Read after a correct response."""
    wrong: str
    """Read after an incorrect response."""

    def after(self, reward: float) -> str:
        """The text between attempt and revision: the phrase for that reward, with a blank line on each side."""
        return f"\n\n{self.right if reward == 1.0 else self.wrong}\n\n"


STANDARD = ControlPhrases(
    right="Let me rephrase the above solution.", wrong="Wait, this response is not correct, let me start over."
)
"""Those of that paper's text. Revision is measured with them for every policy, so that its figures are comparable."""
