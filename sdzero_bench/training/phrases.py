"""Control phrases: what is said between an attempt and its revision, chosen by the reward.

The paper's text and its public code disagree on the wording, so each is a named set.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict


class ControlPhrases(BaseModel):
    """P_r of the paper: `right` for reward 1, `wrong` for reward 0."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    right: str
    wrong: str

    def after(self, reward: float) -> str:
        """The text between attempt and revision: the phrase for that reward, a blank line on each side."""
        return f"\n\n{self.right if reward == 1.0 else self.wrong}\n\n"


NAMED = {
    "paper": ControlPhrases(
        right="Let me rephrase the above solution.", wrong="Wait, this response is not correct, let me start over."
    ),
    "code-qwen": ControlPhrases(
        right="Let me rephrase the above solution.", wrong="Wait, this response is wrong. Let me correct it."
    ),
    "code-olmo": ControlPhrases(right="Let me rephrase the above solution.", wrong="Wrong. I need to redo all."),
}


def _by_name(value: object) -> object:
    if isinstance(value, str):
        if value not in NAMED:
            raise ValueError(f"no phrases of that name; there are {', '.join(NAMED)}, or give {{right: ..., wrong: ...}}")
        return NAMED[value]
    return value


PhrasesOption = Annotated[ControlPhrases, BeforeValidator(_by_name)]
"""An option that takes the name of a set, or `{right: ..., wrong: ...}`."""
