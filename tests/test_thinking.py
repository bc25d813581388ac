"""Models that think on demand: the chat template's own switch, thrown for everything that a run asks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from sdzero_bench.core.errors import UserError
from sdzero_bench.policies.loading import switch_thinking

TEMPLATE = (
    "{%- for m in messages %}[{{ m.role }}]{{ m.content }}{%- endfor %}"
    "{%- if add_generation_prompt %}[assistant]"
    "{%- if enable_thinking is defined and enable_thinking is false %}<think></think>{%- endif %}{%- endif %}"
)
CHAT = [{"role": "user", "content": "1 + 1?"}]


def written(tokenizer: Any) -> str:
    (text,), _ = render_jinja_template([CHAT], chat_template=tokenizer.chat_template, add_generation_prompt=True)
    return text


@pytest.mark.parametrize(
    ("thinking", "prompt"),
    [
        (None, "[user]1 + 1?[assistant]"),
        (True, "[user]1 + 1?[assistant]"),
        (False, "[user]1 + 1?[assistant]<think></think>"),
    ],
)
def test_the_prompt_of_a_model_that_thinks_on_demand(thinking: bool | None, prompt: str) -> None:
    assert written(switch_thinking(SimpleNamespace(chat_template=TEMPLATE), thinking)) == prompt


def test_a_policy_that_was_trained_without_can_be_measured_with() -> None:
    trained = switch_thinking(SimpleNamespace(chat_template=TEMPLATE), False)
    assert written(switch_thinking(trained, True)) == "[user]1 + 1?[assistant]"


def test_a_template_without_the_switch_is_refused() -> None:
    with pytest.raises(UserError, match="has no enable_thinking"):
        switch_thinking(SimpleNamespace(chat_template="{{ messages }}"), True)
