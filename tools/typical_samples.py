"""What samples are like, from records: the block `typical` of a preset, by task.

    python -m tools.typical_samples results/micro

Records of base, rft and srt are needed. What none of them says is left out: `verifying` is printed by
tools/fit_throughput.py, and revisions after SRT are measured in runs with evaluation.revise=true.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean

from sdzero_bench.policies.loading import load_tokenizer, model_path
from sdzero_bench.records.journal import Sample
from sdzero_bench.records.packing import run_folders
from sdzero_bench.records.reader import RunRecord, load_run
from sdzero_bench.records.recorded_journal import RecordedJournal
from sdzero_bench.runs.config import make_task
from sdzero_bench.training.phrases import STANDARD

PHASES = {
    "base": [("base", "evaluation.base")],
    "after SRT": [("srt", "evaluation.final"), ("sdzero", "evaluation.srt")],
    "revisions": [("srt", "srt.revision"), ("sdzero", "srt.revision")],
    "trained": [("rft", "evaluation.final")],
}
"""Methods and phases that show what a policy of that kind samples."""


def typical(runs: Sequence[RunRecord]) -> dict[str, dict[str, float]]:
    """By task and name of the figure."""
    samples: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        for kind, places in PHASES.items():
            for method, phase in places:
                if run.method == method:
                    samples[run.task][kind] += RecordedJournal(run.folder).samples(phase)
    by_task = {run.task: run for run in runs}
    return {task: {**_lengths_and_shares(of, by_task[task]), **_texts(by_task[task])} for task, of in samples.items()}


def _lengths_and_shares(of: dict[str, list[Sample]], run: RunRecord) -> dict[str, float]:
    base = of["base"]
    return {
        "prompt": mean(sample.prompt_tokens for sample in base),
        "completion": _tokens(base),
        "revised": _tokens(of["after SRT"]),
        "right": _right(base),
        "revised_right": _right(of["revisions"]),
        "trained_right": _right(of["trained"]),
        "revision": _tokens(of["revisions"]),
        "spread": mean(max(len(s.token_ids) for s in batch) for batch in _batches(base, run)) / _tokens(base),
    }


def _texts(run: RunRecord) -> dict[str, float]:
    task, tokenizer = make_task(run.config), load_tokenizer(model_path(run.config.model.name))

    def tokens(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False))

    solutions = [text for question in task.load("train").head(200) if (text := task.demonstration(question))]
    phrases = {"phrase": mean(tokens(STANDARD.after(reward)) for reward in (0.0, 1.0))}
    return {"solution": mean(map(tokens, solutions)), **phrases} if solutions else phrases


def _batches(samples: Sequence[Sample], run: RunRecord) -> Iterator[Sequence[Sample]]:
    size = run.config.sampling.batch_size
    yield from (samples[start : start + size] for start in range(0, len(samples) - size + 1, size))


def _tokens(samples: Sequence[Sample]) -> float:
    return mean(len(sample.token_ids) for sample in samples)


def _right(samples: Sequence[Sample]) -> float:
    return mean(sample.verdict.reward for sample in samples if sample.verdict.reward is not None)


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path, nargs="+")
    runs = [load_run(path) for folder in options.parse_args(arguments).folder for path in run_folders(folder)]
    for task, figures in typical(runs).items():
        print(f"  {task}: {{{', '.join(f'{name}: {value:.3g}' for name, value in figures.items())}}}")


if __name__ == "__main__":
    main()
