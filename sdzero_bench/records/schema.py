"""What the files of a run hold: the one declaration that the run writes and everything else reads.

Keys that are not named here are ignored. Lines of a journal are `sdzero_bench.records.journal.Sample`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from sdzero_bench.core.bench_version import UNVERSIONED
from sdzero_bench.core.search_space import OneOf, Range
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.records.curve_record import LearningCurve
from sdzero_bench.records.measured import PolicyFigures
from sdzero_bench.records.part import BenchVersion, Count, Digest, FileName, Fingerprint, Part, Seconds, Share

FORMAT_VERSION: Literal[2] = 2
"""Of all files of a record together. Older ones are read through sdzero_bench/records/migrations.py."""

# manifest.json


class Overlap(Part):
    """A training question and a test question that share `passage`, in whole or in part."""

    train: str
    test: str
    kind: Literal["exact", "ngram"]
    passage: str


class Decontamination(Part):
    """What was removed because training and test shared it, from which side, and by which rule."""

    rule: str
    side: Literal["train", "test", "off"]
    removed: list[Overlap] = Field(default_factory=list)


class TuningTrial(Part):
    values: dict[str, JsonValue]
    avg_at_k: Share
    run_id: str
    samples: Count


class TuningRecord(Part):
    """How settings were chosen: the best of `trials` by avg@k on `split`."""

    grid: dict[str, list[JsonValue]]
    """The values tried, by key. Without a space, the trials are all points of this grid."""
    space: dict[str, Range | OneOf] | None = None
    """The method's own search space, of which the trials are quasi-random points."""
    split: str
    trials: list[TuningTrial]
    chosen: dict[str, JsonValue]


class Origin(Part):
    """The run that a measured policy comes from."""

    run_id: str
    checkpoint: str
    method: str
    seed: int
    question_set: str


class SandboxInForce(Part):
    """Where programs ran; `slowness` and `crowding` stretch their limits of time."""

    tier: Literal[1, 2, 3]
    name: str
    seccomp: bool
    slowness: float
    crowding: float
    versions: dict[str, str]


class Hardware(Part):
    machine: str
    system: str
    cpu: str | None = None
    """Its model; None in records from before it was recorded, and where the system does not say it."""
    cpu_count: int | None
    torch_threads: int
    accelerators: list[str]
    processes: int = 1


Versions = dict[str, str | None]
"""By package; None where one is not installed. `commit` is that of the checkout, with "+changes" for a dirty tree."""


class ChangedSetting(Part):
    """A setting that a resumed run changed. It decides no sample (runs/config.py lists those that may change)."""

    key: str
    before: JsonValue
    after: JsonValue


class SessionRecord(Part):
    """One process that worked on the run: the first, or one that resumed it."""

    started: str
    versions: Versions
    hardware: Hardware
    changed: list[ChangedSetting] = Field(default_factory=list)
    """Settings that differ from those of the session before."""


class JournalOfPhase(Part):
    samples: Count
    sha256: Digest
    """`journal_digest` of the samples."""
    texts_sha256: Digest | None
    """`texts_digest` of the samples. None in format 1, whose `sha256` covers the texts too."""


class QuestionFiles(Part):
    """Names of the files below question_sets/, without their endings."""

    train: FileName | None
    """None for a run that trains nothing."""
    test: FileName
    others: dict[str, FileName] = Field(default_factory=dict)
    """By what they are for (`measured_on`): the validation questions of the learning curve, and those of other tasks."""


class RecordDigests(Part):
    """What a record commits itself to, SHA-256 in hex: files and policies that are exchanged afterwards have another one."""

    files: dict[str, Digest]
    """`file_digests` of the record."""
    checkpoints: dict[str, Digest]
    """`policy_digest` of each policy that the run has trained, by its name."""
    base: Digest | None
    """The same of the base policy. None for a model on the Hub."""
    method: Digest | None
    """`source_digest` of the method."""
    manifest: Digest | None = None
    """Of all else that the manifest says. None in records from before there was one."""


class Manifest(Part):
    """manifest.json: what was run, and on what."""

    format_version: Literal[2]
    bench_version: BenchVersion = UNVERSIONED
    run_id: str
    config: RunConfig
    question_set: Fingerprint
    test_set: Fingerprint
    question_files: QuestionFiles | None
    """None in format 1, which has one questions.jsonl."""
    supervision: str
    decontamination: Decontamination
    tuning: TuningRecord | None
    origin: Origin | None
    harness: str | None
    left_out_tests: Count
    versions: Versions
    hardware: Hardware
    sampling_dtype: Literal["float32", "bfloat16"] | None = None
    """What `engine.dtype` came to where the run began; None in records from before it, which sampled in `model.dtype`."""
    sandbox: SandboxInForce | None
    sessions: list[SessionRecord]
    journal: dict[str, JournalOfPhase] | None
    """By phase; None until the run is finished."""
    digests: RecordDigests | None = None
    """None until the run is finished, and in records from before there were any."""
    control: bool = False
    """Whether the method is a control, which is not ranked."""
    state: Literal["running", "finished", "failed"]
    """running: also of a run that was killed. A failed run can be resumed once the reason is gone."""
    failure: str | None = None
    """Why it failed, in a line."""

    @property
    def sampled_in(self) -> str:
        """The data type in which its samples were drawn."""
        return self.sampling_dtype or self.config.model.weights_dtype


# ledger.json


class Budget(Part):
    """What every method of a comparison may use: these questions, and so many samples of so many new tokens.

    The paper gives each method its questions times 4 samples (section "Budgets").
    """

    model_config = ConfigDict(frozen=True)

    question_set: Fingerprint
    """Fingerprint of the training questions: their ids, texts, answers and order."""
    questions: Count
    samples: Count
    new_tokens_per_sample: Count
    training_tokens: Count | None = None
    """Tokens through a model in training, forward and backward; None: no limit."""


class PhaseUse(Part):
    """What one phase has used."""

    samples: Count = 0
    prompt_tokens: Count = 0
    generated_tokens: Count = 0
    verifier_calls: Count = 0
    verifier_failures: Count = 0
    refused_responses: Count = 0
    """Responses that could not be read or compared; they are wrong."""
    forward_tokens: Count = 0
    """Tokens that went through a model without a gradient in training, such as the teacher's."""
    backward_tokens: Count = 0
    """Tokens that went through the student forward and backward."""
    cut_responses: Count = 0
    """Responses that were truncated so that the teacher's input fits its limit."""
    wall_seconds: Seconds = 0.0
    accelerator_seconds: Seconds = 0.0


Use = dict[str, PhaseUse]
"""ledger.json, by phase."""


# result.json


class RunResult(Part):
    """result.json, which is also what `--json` prints."""

    bench_version: BenchVersion = UNVERSIONED
    run_id: str
    method: str
    task: str
    preset: str
    seed: int
    model: str
    folder: str
    question_set: Fingerprint
    test_set: Fingerprint
    supervision: str
    sandbox: str | None
    tuning: TuningRecord | None
    origin: Origin | None
    harness: str | None
    left_out_tests: Count
    budget: Budget
    ledger: Use
    evaluation: list[PolicyFigures]
    curve: LearningCurve | None = None
    control: bool = False
    peak_memory: Count | None = None
    """Bytes: on GPUs the most that torch has allocated on one, on CPUs the most that the process has held. Of the session that
    ended the run. None in records from before it was measured."""


# Lines of question_sets/NAME.jsonl


class QuestionLine(Part):
    id: str
    text: str
    answer: str
    details: dict[str, JsonValue] | None = None
    """Where the task's verifier needs them and they are small."""


class SplitQuestionLine(QuestionLine):
    """One line of questions.jsonl, which format 1 has instead."""

    split: Literal["train", "test"]
