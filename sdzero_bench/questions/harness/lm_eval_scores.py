"""lm-eval's own figures for journaled samples, aggregated by lm-eval and checked against our verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from sdzero_bench.core.question import QuestionSet
from sdzero_bench.questions.harness.harness_task import HarnessFigures, cut
from sdzero_bench.questions.harness.lm_eval_model import score
from sdzero_bench.questions.harness.lm_eval_tasks import stops_of
from sdzero_bench.questions.harness.lm_eval_types import LmEvalResults, LmEvalTaskObject, Loaded, ScoredDocument
from sdzero_bench.records.journal import Sample

Place = tuple[str, int]
"""A document: the name of its task, and its index."""


def scores(
    build: Callable[[], Loaded],
    figure_of: Callable[[LmEvalTaskObject], str],
    fewshot: int | None,
    questions: QuestionSet,
    samples: Sequence[Sample],
) -> HarnessFigures:
    """lm-eval's figures by task and group. With several samples per question, lm-eval evaluates each index separately, and
    the figures are the means.

    Samples on which the verifier failed are left out. Raises `RuntimeError` if lm-eval disagrees with a recorded verdict.
    """
    place: dict[str, Place] = {q.id: (q.details["task"], q.details["document"]) for q in questions}
    passes: dict[str, dict[Place, Sample]] = defaultdict(dict)
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
    loaded: Loaded, figure_of: Callable[[LmEvalTaskObject], str], fewshot: int | None, samples: Mapping[Place, Sample]
) -> LmEvalResults:
    documents: dict[str, list[int]] = defaultdict(list)
    for name, document in sorted(samples):
        documents[name].append(document)
    tasks = {name: task for name, task in loaded["tasks"].items() if name in documents}
    # The figure of a group is only meaningful over all of its members.
    groups = loaded.get("groups", {}) if len(tasks) == len(loaded["tasks"]) else {}
    asked: Loaded = {"tasks": tasks, "groups": {name: group for name, group in groups.items() if group.has_aggregation}}
    answers = {(name, at): cut(sample.text, stops_of(tasks[name])) for (name, at), sample in samples.items()}
    results = score(asked, fewshot, dict(documents), answers)
    for name, task in tasks.items():
        metric, _, filter = figure_of(task).rpartition(",")
        _require_agreement(name, metric, (r for r in results["samples"][name] if r["filter"] == filter), samples)
    return results


def _require_agreement(name: str, metric: str, rows: Iterable[ScoredDocument], samples: Mapping[Place, Sample]) -> None:
    for row in rows:
        verdict = samples[name, row["doc_id"]].verdict
        value = cast(Mapping[str, object], row)[metric]
        if value != verdict.reward:
            raise RuntimeError(
                f"document {row['doc_id']} of lm-eval's {name}: its evaluation says {value}, the journal {verdict.reward}"
            )
