"""What lm-eval makes of a journal: its own figures, aggregated by itself, and held against our verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sdzero_bench.core.question import QuestionSet
from sdzero_bench.questions.harness.harness_task import cut
from sdzero_bench.questions.harness.lm_eval_model import score
from sdzero_bench.records.journal import Sample


def scores(
    build: Callable[[], Mapping[str, Any]],
    figure_of: Callable[[Any], str],
    fewshot: int | None,
    questions: QuestionSet,
    samples: Sequence[Sample],
) -> dict[str, Any]:
    """lm-eval's figures, by task and group; of several samples a question, their mean: one evaluation for each of them.

    Samples whose verifier failed are left out. Raises `RuntimeError` if lm-eval does not say of a sample what its verdict says.
    """
    place = {q.id: (q.details["task"], q.details["document"]) for q in questions}
    passes: dict[str, dict[Any, Sample]] = defaultdict(dict)
    for sample in samples:
        if sample.verdict.reward is not None:
            passes[sample.index][place[sample.question_id]] = sample
    each = [_one_pass(build(), figure_of, fewshot, by_place) for by_place in passes.values()]
    figures: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for results in each:
        for name, values in results["results"].items():
            for figure, value in values.items():
                if isinstance(value, int | float) and "," in figure:
                    figures[name][figure].append(value)
    return {
        "results": {name: {f: sum(v) / len(v) for f, v in found.items()} for name, found in figures.items()},
        "n-shot": each[0]["n-shot"],
        "versions": each[0]["versions"],
    }


def _one_pass(
    loaded: Mapping[str, Any], figure_of: Callable[[Any], str], fewshot: int | None, samples: Mapping[Any, Sample]
) -> dict[str, Any]:
    documents: dict[str, list[int]] = defaultdict(list)
    for name, document in sorted(samples):
        documents[name].append(document)
    tasks = {name: task for name, task in loaded["tasks"].items() if name in documents}
    # A group's own figure is one of all its members or none.
    groups = loaded.get("groups", {}) if len(tasks) == len(loaded["tasks"]) else {}
    asked = {"tasks": tasks, "groups": {name: group for name, group in groups.items() if group.has_aggregation}}
    answers = {(name, at): cut(sample.text, _stops(tasks[name])) for (name, at), sample in samples.items()}
    results = score(asked, fewshot, dict(documents), answers)
    for name, task in tasks.items():
        metric, _, filter = figure_of(task).rpartition(",")
        _require_agreement(name, metric, (r for r in results["samples"][name] if r["filter"] == filter), samples)
    return results


def _stops(task: Any) -> list[str]:
    until = (task.config.generation_kwargs or {}).get("until") or []
    return [until] if isinstance(until, str) else list(until)


def _require_agreement(name: str, metric: str, rows: Iterable[Mapping[str, Any]], samples: Mapping[Any, Sample]) -> None:
    for row in rows:
        verdict = samples[name, row["doc_id"]].verdict
        if row[metric] != verdict.reward:
            raise RuntimeError(
                f"document {row['doc_id']} of lm-eval's {name}: its evaluation says {row[metric]}, the journal {verdict.reward}"
            )
