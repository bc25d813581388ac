"""One page per task and per family of tasks: source, licence, splits, prompt, verifier, options."""

from __future__ import annotations

import inspect
from typing import get_args

from local_tasks import local_task

from sdzero_bench.core.errors import NoSuchSplit
from sdzero_bench.core.question import QuestionSet
from sdzero_bench.core.task import Split, Task
from sdzero_bench.questions.dynamic_task import TaskFamily
from sdzero_bench.questions.yaml_task import DataTask
from sdzero_bench.runs import registry
from tools.docs_site.method_pages import escaped
from tools.docs_site.options_table import options_table

TASK = """# {name}

{summary}

- **Source:** {source}
- **Licence of the data:** {license}
- **Verifier:** {verifier}
- **Splits:** {splits}

{about}

    {command}

## Prompt

{example}

````text
{prompt}
````

## Options

{options}
"""

FAMILY = """# {form}

{summary}

- **Source:** {source}

{about}
"""


def task_pages() -> dict[str, str]:
    """Path below docs/ to Markdown, for every task and family of this distribution."""
    pages = {f"tasks/{name}.md": _task(name, cls) for name, cls in registry.tasks().items()}
    return pages | {f"tasks/{name}.md": _family(cls) for name, cls in registry.task_families().items()}


def _task(name: str, cls: type[Task]) -> str:
    generated = cls().data == "generated"
    task = cls() if generated else local_task(name)
    splits = _splits(task)
    split, questions = list(splits.items())[-1]  # the test split, which every task has
    about = inspect.getdoc(cls) or ""
    if issubclass(cls, DataTask):
        about += f"\n\n{inspect.getdoc(DataTask)}"
    return TASK.format(
        name=name,
        summary=escaped(_sentence(cls.summary)),
        source=escaped(cls.source),
        license=escaped(cls.license),
        verifier=escaped(task.verifier),
        splits=", ".join(f"{found} ({len(splits[found]):,} questions)" if generated else found for found in splits),
        about=escaped(about),
        command=_command(name, "train" in splits),
        example=f"The first {split} question:"
        if generated
        else "A question in the fields of the data set, from this project's tests:",
        prompt="\n\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in task.prompt(questions.questions[0])),
        options=options_table(cls.Options, "task.") or "None.",
    )


def _splits(task: Task) -> dict[Split, QuestionSet]:
    """The splits that a task has, in the order train, validation, test."""
    found: dict[Split, QuestionSet] = {}
    for split in get_args(Split):
        try:
            found[split] = task.load(split)
        except NoSuchSplit:
            continue
    return found


def _command(name: str, trains: bool) -> str:
    """How to begin with the task; one that is only a test set is measured."""
    if name.startswith("micro-"):  # what the default model was made for
        return f"sdzero-bench run --method rft --task {name}"
    command = "run --method rft --preset smol --model MODEL" if trains else "eval MODEL --preset smol"
    return f"sdzero-bench {command} --task {name}"


def _family(cls: type[TaskFamily]) -> str:
    about = inspect.getdoc(cls) or ""
    own = about if about != inspect.getdoc(TaskFamily) else ""
    return FAMILY.format(form=cls.form, summary=escaped(_sentence(cls.summary)), source=escaped(cls.source), about=escaped(own))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
