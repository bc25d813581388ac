"""In which form the right answers stand: `python results/smollm2/form.py`, from the committed journals."""

from pathlib import Path

from sdzero_bench.sampling.journal import Journal

phases = Journal(Path(__file__).parent / "sdzero-s0" / "journal").phases
print("| policy | right % | right and boxed, as the prompt asks % | no accepted answer % | right of the accepted % |")
print("| --- | ---: | ---: | ---: | ---: |")
for policy in ("base", "srt", "final"):
    samples = list(phases[f"evaluation.{policy}"].values())
    right = sum(s.right for s in samples)
    boxed = sum(s.right and "\\boxed" in s.text for s in samples)
    without = sum(s.verdict.answer is None for s in samples)
    shares = (right / len(samples), boxed / len(samples), without / len(samples), right / (len(samples) - without))
    print(f"| {policy} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |")
