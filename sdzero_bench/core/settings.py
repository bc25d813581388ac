"""The settings of a run, typed and bounded. How they are put together is in config.py."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelConfig(Section):
    """The base policy."""

    name: str
    """A directory, a GGUF file, `package:MODULE/PATH` for a directory of an installed package, or a name on the hub."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    device: str = "auto"
    thinking: bool | None = None
    """Think before answering, or not, where the chat template has that switch (`enable_thinking`); null: as it does unasked."""


class QuestionsConfig(Section):
    """How many questions of each split are used, always the first ones; null for all."""

    train: int | None = Field(None, gt=1)
    test: int | None = Field(None, gt=0)
    """Questions to measure on, of whichever split `evaluation.split` names."""
    decontaminate: Literal["train", "test", "off"] = "train"
    """Which side loses a question that training and test share (questions/decontamination.py has the rule): `train` leaves
    a published test set as it is."""
    measure_only: bool = False
    """Load no training questions: the policy is measured as it is. `sdzero-bench eval` sets it."""


class SamplingConfig(Section):
    """How training samples are drawn."""

    temperature: float = Field(1.0, gt=0, le=5)
    top_p: float = Field(1.0, gt=0, le=1)
    max_new_tokens: int = Field(512, gt=0)
    batch_size: int = Field(64, gt=0)


class EngineConfig(Section):
    """What draws the samples. Sampling settings mean the same in each; the same seed draws different samples."""

    name: Literal["transformers", "vllm", "vllm-server"] = "transformers"
    """vllm: in the run's own process. vllm-server: `sdzero-bench serve`, on this machine or others."""
    urls: tuple[str, ...] = ()
    """vllm-server: addresses, such as [http://10.0.0.7:8000]; samples are shared out over them."""
    exchange: str | None = None
    """vllm-server: a folder that the run and the servers' machines share, through which weights travel; null: the system's for
    temporary files, which servers on this machine read."""
    gpu_memory: float = Field(0.4, gt=0, lt=1)
    """vllm: its share of the GPU's memory. The trainer needs the rest."""
    max_model_len: int | None = Field(None, gt=0)
    """vllm: tokens of a prompt and its completion; null: as many as the model reads."""


class EvaluationConfig(Section):
    """How policies are measured on the test questions."""

    split: Literal["validation", "test"] = "test"
    """Settings are to be chosen on `validation`; figures to be reported come from `test`."""
    base: bool = True
    """Also measure the base policy. A sweep measures it once, in a run of its own."""
    intermediate: bool = True
    """Also measure the policies that a method keeps on its way to the final one, such as SD-Zero's after SRT."""
    samples: int = Field(8, gt=0)
    """Samples a question: the k of avg@k and maj@k."""
    pass_at: int = Field(8, gt=0)
    """The k of pass@k; at most `samples`."""
    temperature: float = Field(1.0, ge=0, le=5)
    """0: greedy, which gives one sample a question and no more."""
    top_p: float = Field(1.0, gt=0, le=1)
    max_new_tokens: int = Field(512, gt=0)
    seed: int = 0
    """Seed of the evaluation samples: the same for every method, so that differences are paired."""
    revise: bool = True
    """Also let every policy revise its own answers, and measure how many it corrects and how many it keeps. The control
    phrase is the paper's for every policy, whatever its method trained with."""
    localise: int = Field(0, ge=0)
    """Responses of each policy whose divergence from the reviser is measured token by token (the paper's Figure 4): those of
    the policy that was taught to revise, where the method keeps one, and of the final one. 0: none."""

    @property
    def of_intermediate(self) -> bool:
        """Whether policies on the way are measured: localising is a comparison with one of them."""
        return self.intermediate or self.localise > 0


class BudgetConfig(Section):
    samples_per_question: int = Field(4, gt=0)
    """Training samples allowed, as a multiple of the training questions. The paper's budget is 4."""
    training_tokens: int | None = Field(None, gt=0)
    """Tokens allowed to go through a model in training, forward (a teacher's) or backward (the student's); null: no limit."""


class OptimizerConfig(Section):
    """AdamW, shared by all methods; the defaults are the paper's."""

    learning_rate: float = Field(5e-6, gt=0, lt=1)
    batch_size: int = Field(32, gt=0)
    """Sequences an optimiser step."""
    micro_batch_size: int = Field(8, gt=0)
    """Sequences a forward pass, or the next smaller number that divides `batch_size`, up to which gradients are accumulated."""
    weight_decay: float = Field(1e-4, ge=0)
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.95, ge=0, lt=1)
    warmup_ratio: float = Field(0.05, ge=0, lt=1)
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    max_grad_norm: float = Field(1.0, gt=0)
    gradient_checkpointing: bool = False
    save_every: int = Field(50, gt=0)
    """Optimiser steps between the checkpoints from which a killed run resumes."""


class LoraConfig(Section):
    """Low-rank adapters instead of all weights (peft). They need a learning rate about ten times as high."""

    rank: int | None = Field(None, gt=0)
    """null: all weights are trained."""
    alpha: int = Field(32, gt=0)
    """Adapters are scaled by alpha / rank."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of an adapter's inputs that is dropped in training."""
    target_modules: str | tuple[str, ...] = "all-linear"
    """Names of the layers that are adapted; all-linear: all but the output head."""


class TrackingConfig(Section):
    """Where the curves of training go, beside the run's own folder."""

    report_to: tuple[str, ...] = ()
    """Trackers that transformers knows, such as tensorboard, wandb and trackio; `--report-to` sets it."""


class VerifyingConfig(Section):
    workers: int | None = Field(None, gt=0)
    timeout_seconds: float = Field(10.0, gt=0)
    """After so long an answer counts as not verified. Programs have limits of their own, which are the task's."""
    allow_weaker_sandbox: bool = False
    """Run what models write where bubblewrap cannot; `--allow-weaker-sandbox` sets it."""


class RunConfig(Section):
    """Everything that decides a run. `task` and `method` hold the name and the options of the classes they name."""

    preset: str
    seed: int = Field(0, ge=0)
    model: ModelConfig
    task: dict[str, Any]
    method: dict[str, Any]
    questions: QuestionsConfig = QuestionsConfig()
    sampling: SamplingConfig = SamplingConfig()
    engine: EngineConfig = EngineConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    budget: BudgetConfig = BudgetConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    lora: LoraConfig = LoraConfig()
    verifying: VerifyingConfig = VerifyingConfig()
    tracking: TrackingConfig = TrackingConfig()
