"""Our tasks as lm-eval YAML with their data, prompts and verifiers, in a folder that can be moved.

The folder has NAME.yaml and NAME.jsonl for each task, and one sdzero_tasks.py, which reads the data and calls our verifier
through the installed package (lm_eval_exported.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import cast

from sdzero_bench.core.errors import UserError
from sdzero_bench.core.question import Question
from sdzero_bench.core.task import Split, Task
from sdzero_bench.records.folder import write_atomic
from sdzero_bench.runs import registry
from sdzero_bench.runs.config import make_task, resolve
from sdzero_bench.verifiers.equip import equip

PYTHON = '''"""What lm-eval calls for the tasks in this folder. Written by `sdzero-bench export lm-eval`."""

from pathlib import Path

from sdzero_bench.runs.export import lm_eval_exported as exported


def dataset(file: str, **_: object) -> dict:
    return exported.dataset(Path(__file__).with_name(file))


process_results = exported.process_results
mean_of_verified = exported.mean_of_verified
'''

YAML = """# Written by `sdzero-bench export lm-eval`. {summary}
task: {name}
custom_dataset: !function sdzero_tasks.dataset
test_split: test
output_type: generate_until
doc_to_text: prompt
doc_to_target: answer
{description}process_results: !function sdzero_tasks.process_results
num_fewshot: 0
generation_kwargs:
  until: []
  do_sample: false
  max_gen_toks: {max_new_tokens}
metric_list:
  - metric: acc
    aggregation: !function sdzero_tasks.mean_of_verified
    higher_is_better: true
  - metric: unverified
    aggregation: mean
    higher_is_better: false
metadata:
  version: {version}
  file: {name}.jsonl
  question_set: "{fingerprint}"
"""


def lm_eval_name(task: str) -> str:
    """`sdzero_micro_arith` for micro-arith."""
    return "sdzero_" + re.sub(r"\W+", "_", task)


def export_all(
    out: Path, split: str, limit: int | None, max_new_tokens: int, assignments: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    """Export every registered task. Returns the names of the exported tasks, and the reasons for those left out."""
    written, left_out = [], {}
    for name in registry.tasks():
        try:
            written += export_tasks(out, [name], split, limit, max_new_tokens, assignments)
        except UserError as error:
            left_out[name] = str(error)
    if not written:
        raise UserError(f"no task can be exported: {next(iter(left_out.values()))}")
    return written, left_out


def export_tasks(
    out: Path, names: Sequence[str], split: str, limit: int | None, max_new_tokens: int, assignments: Sequence[str]
) -> list[str]:
    """Write these tasks, with options from `task.KEY=VALUE` assignments, and return their names in lm-eval.

    Raises `UserError` for questions that cannot be loaded, and for prompts or details that lm-eval's format cannot hold.
    """
    if split not in ("test", "validation"):
        raise UserError(f"--split {split} is not supported; export test or validation")
    written = []
    for name in names:
        config = resolve("base", task=name, assignments=list(assignments))
        task = equip(make_task(config), config.verifying)
        questions = task.load(cast(Split, split))
        questions = questions.head(min(limit, len(questions)) if limit else None)
        prompts = [_prompt(task, question) for question in questions]
        systems = {system for system, _ in prompts}
        if len(systems) > 1:
            raise UserError(f"{name} has system messages that differ between questions; lm-eval supports one per task")
        ours = {"task": name, "options": json.dumps(config.task), "allow_weaker": config.verifying.allow_weaker_sandbox}
        rows = [_row(question, user, ours) for question, (_, user) in zip(questions, prompts, strict=True)]
        theirs = lm_eval_name(name)
        system = systems.pop()
        yaml = YAML.format(
            summary=" ".join(task.summary.split()),
            name=theirs,
            description=f"description: {json.dumps(system)}\n" if system else "",
            max_new_tokens=max_new_tokens,
            version=version("sdzero-bench").partition("+")[0],
            fingerprint=questions.fingerprint,
        )
        write_atomic(out / f"{theirs}.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        write_atomic(out / f"{theirs}.yaml", yaml)
        written.append(theirs)
    write_atomic(out / "sdzero_tasks.py", PYTHON)
    return written


def _prompt(task: Task, question: Question) -> tuple[str, str]:
    """System and user message."""
    chat = task.prompt(question)
    roles = [turn["role"] for turn in chat]
    if roles not in (["user"], ["system", "user"]):
        raise UserError(f"{task.name} prompts with the turns {', '.join(roles)}; lm-eval's tasks have a single user turn")
    return chat[0]["content"] if len(chat) == 2 else "", chat[-1]["content"]


def _row(question: Question, prompt: str, ours: Mapping[str, object]) -> dict[str, object]:
    try:
        details = json.dumps(question.details)
    except TypeError as error:
        raise UserError(f"{ours['task']}: the details of question {question.id!r} are not plain data ({error})") from error
    known = {"id": question.id, "question": question.text, "answer": question.answer, "details": details}
    return {**known, "prompt": prompt, **ours}
