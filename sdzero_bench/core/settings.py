"""The settings of a run, typed and validated. They are assembled from a preset and `--set` options in runs/config.py."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""NumPy, which trainers seed too, takes no other."""

MIN_TEMPERATURE = 0.01
"""Logits that are divided by less overflow; vLLM raises lower ones to it (vllm/sampling_params.py)."""


MOST = 2**53
"""Beyond it, floats are not exact integers, and no setting is that large."""


class Options(BaseModel):
    """Settings that are written by hand.

    Unknown keys are refused, and so are infinite numbers, numbers of `MOST` or more, and `true`, which Python takes for 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _numbers(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[info.field_name or ""].annotation
        kinds = {annotation, *get_args(annotation)}
        if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
            raise PydanticCustomError("number", "Input should be a number")
        if isinstance(value, (int, float)) and MOST <= abs(value) < math.inf:
            raise PydanticCustomError("number", "Input should be less than 2**53 in magnitude")
        return value


class Section(Options):
    """A section of the settings of a run."""


class ModelConfig(Section):
    """The base policy."""

    name: str
    """A directory, a GGUF file, `package:MODULE/PATH` for a directory in an installed package, or a model on the Hugging Face
    Hub, such as Qwen/Qwen3-4B-Instruct-2507."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Data type of the weights, in training and sampling; auto: float32. bfloat16 loses updates that are smaller than its step:
    train in it with adapters (`lora.rank`) only."""
    attention: Literal["auto", "eager", "sdpa", "flash_attention_2", "flex_attention"] = "auto"
    """Attention kernel in training and in the engine `transformers`; auto: sdpa, where the model supports it. `sdzero-bench
    doctor` shows which ones work on a machine."""
    device: str = "auto"
    """A torch device, such as cuda:1 or cpu; auto: the first GPU if one is visible, else the CPU. One process uses one GPU."""
    thinking: bool | None = None
    """Whether the model thinks before it answers, if its chat template has that switch (`enable_thinking`); null: the
    template's default."""

    @property
    def weights_dtype(self) -> Literal["float32", "bfloat16"]:
        """What `dtype` stands for."""
        return "bfloat16" if self.dtype == "bfloat16" else "float32"


class QuestionsConfig(Section):
    """How many questions are used, always the first ones of a split; null: all."""

    train: int | None = Field(None, gt=1)
    """Training questions."""
    test: int | None = Field(None, gt=0)
    """Questions to evaluate on, from the split that `evaluation.split` names."""
    decontaminate: Literal["train", "test", "off"] = "train"
    """Which split drops a question that training and test share (see questions/decontamination.py for the rule). `train`
    leaves a published test set intact; with `off`, a question that is literally in both is an error."""
    measure_only: bool = False
    """Load no training questions and measure the policy as it is. Set by `sdzero-bench eval`."""


class SamplingConfig(Section):
    """How training samples are drawn."""

    temperature: float = Field(1.0, ge=MIN_TEMPERATURE, le=5)
    """1: the policy's own distribution."""
    top_p: float = Field(1.0, gt=0, le=1)
    """1: the whole distribution; less: nucleus sampling."""
    max_new_tokens: int = Field(512, gt=0)
    """Longer completions are truncated."""
    batch_size: int = Field(64, gt=0)
    """Completions generated at a time, in evaluation too. Lower it if sampling runs out of memory."""


class EngineConfig(Section):
    """What draws the samples. Sampling settings mean the same in every engine, but the same seed gives different samples."""

    name: Literal["transformers", "vllm", "vllm-server"] = "transformers"
    """transformers: `generate` of the model being trained. vllm: vLLM in the run's own process. vllm-server: vLLM servers,
    started with `sdzero-bench serve` on this machine or others."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Data type in which samples are drawn, for training and evaluation; auto: bfloat16 on GPUs, also where `model.dtype` is
    float32, and `model.dtype` on CPUs. Training then computes in bf16 autocast, and keeps its weights."""
    urls: tuple[str, ...] = ()
    """vllm-server: addresses, such as [http://10.0.0.7:8000]; requests are distributed over them."""
    exchange: str | None = None
    """vllm-server: a directory that the run and the servers can access, through which weights are passed; null: the system's
    temporary directory, for servers on the same machine."""
    gpu_memory: float = Field(0.4, gt=0, lt=1)
    """vllm: fraction of the GPU's memory that it may use. Training needs the rest, unless `sleep` is set."""
    sleep: bool = False
    """vllm, on GPUs: free its share of the memory while the policy trains. Its weights then wait in the host's memory."""
    max_model_len: int | None = Field(None, gt=0)
    """vllm: maximum length of a prompt and its completion together, in tokens; null: the model's context length."""


class EvaluationConfig(Section):
    """How policies are measured."""

    split: Literal["validation", "test"] = "test"
    """Choose settings on `validation`; report figures from `test`."""
    base: bool = True
    """Also measure the base policy. A sweep measures it once, in a run of its own."""
    intermediate: bool = True
    """Also measure the policies that a method keeps before the final one, such as SD-Zero's policy after SRT."""
    samples: int = Field(8, gt=0)
    """Samples per question: the k of avg@k and maj@k."""
    pass_at: int = Field(8, gt=0)
    """The k of pass@k; at most `samples`."""
    temperature: float = Field(1.0, ge=0, le=5)
    """0: greedy decoding, which requires evaluation.samples=1. Others are 0.01 at least."""
    top_p: float = Field(1.0, gt=0, le=1)
    """1: the whole distribution; less: nucleus sampling."""
    max_new_tokens: int = Field(512, gt=0)
    """Longer completions are truncated."""
    seed: Seed = 0
    """Seed of the evaluation samples: the same for every method, so that differences between methods are paired."""
    revise: bool = True
    """Also let every policy revise its own responses, and measure how many wrong ones it corrects and how many right ones it
    keeps. Every policy gets the paper's control phrases, whatever its method trained with."""
    revision_tokens: int | None = Field(None, gt=0)
    """New tokens of such a revision, at most; null: `max_new_tokens`. Prompt, response and revision have to fit into the
    model's context together."""
    localise: int = Field(0, ge=0)
    """Number of responses per policy whose divergence from the reviser is measured token by token (the paper's Figure 4), for
    the policy that was taught to revise, if the method keeps one, and for the final policy. 0: none."""
    curve_questions: int = Field(0, ge=0)
    """Learning curve: the run's policies at the shares `curve_at` of its training samples are measured, once training is over,
    on the first of the test questions and on as many validation questions. 0: no curve. A run that is measured on validation
    questions, as tuning trials are, draws none."""
    curve_at: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """Shares of the training samples that the method's plan draws, rising to 1, the final policy."""
    curve_samples: int = Field(4, gt=0)
    """Samples per question of the curve; at most `samples` are used. A policy that is measured anyway needs no new ones on the
    test questions."""
    curve_keep: bool = False
    """Keep the checkpoints of the curve, checkpoints/PHASE@STEP, which are otherwise deleted once they are measured."""
    forgetting: tuple[str, ...] = ()
    """Other tasks, on which base and final policy are measured to see what was forgotten, such as [micro-code] or
    [lm-eval:ifeval]; forgetting-short: ifeval, mmlu, hellaswag and winogrande of lm-eval. The run's own task is left out."""
    forgetting_questions: int = Field(100, gt=0)
    """Test questions of each of these tasks, at most; their options are the defaults."""
    forgetting_samples: int = Field(4, gt=0)
    """Samples per question of these tasks; at most `samples` are used, and 1 for tasks of a harness."""
    kl: int = Field(0, ge=0)
    """Number of test questions on the first responses to which kl(trained, base) is measured, exactly, token by token. 0:
    none."""

    @field_validator("curve_at")
    @classmethod
    def _rising(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if list(shares) != sorted({share for share in shares if 0 < share <= 1}) or shares[-1:] != (1.0,):
            raise PydanticCustomError("shares", "Input should be shares above 0 that rise to 1, such as [0.25, 0.5, 0.75, 1]")
        return shares

    @property
    def of_curve(self) -> int:
        """Questions of the learning curve. Where settings are chosen, on validation questions, there is none."""
        return self.curve_questions if self.split == "test" else 0

    @property
    def of_kl(self) -> int:
        """Questions on whose responses KL is measured; none where settings are chosen."""
        return self.kl if self.split == "test" else 0

    @property
    def of_revision(self) -> int:
        """New tokens of a revision, at most."""
        return self.revision_tokens or self.max_new_tokens

    @property
    def of_intermediate(self) -> bool:
        """Whether intermediate policies are measured. `localise` compares with one of them, so it implies this."""
        return self.intermediate or self.localise > 0


class BudgetConfig(Section):
    """What a method may spend on training. Evaluation is not counted."""

    samples_per_question: int = Field(4, gt=0)
    """Training samples allowed per training question, 4 in the paper. A method may distribute them unevenly."""
    training_tokens: int | None = Field(None, gt=0)
    """Tokens that may pass through a model in training, forward (a teacher) or backward (the student); null: no limit."""


class OptimizerConfig(Section):
    """AdamW, shared by all methods; the defaults are the paper's."""

    name: Literal["adamw", "adamw_8bit"] = "adamw"
    """adamw_8bit: the two moments of each weight take a byte each instead of four (bitsandbytes; Dettmers et al. 2022, arXiv
    2110.02861)."""
    learning_rate: float = Field(5e-6, gt=0, lt=1)
    """Its highest value, after the warm-up."""
    batch_size: int = Field(32, gt=0)
    """Sequences per optimizer step."""
    micro_batch_size: int = Field(8, gt=0)
    """Largest number of sequences per forward pass; gradients are accumulated up to `batch_size`. Sequences of similar length
    share a pass, so that there is little padding."""
    micro_batch_tokens: int | None = Field(None, gt=0)
    """Largest number of tokens per forward pass, padding included; a longer sequence has a pass of its own. null: no limit."""
    weight_decay: float = Field(1e-4, ge=0)
    """Decoupled from the gradient, as AdamW has it."""
    beta1: float = Field(0.9, ge=0, lt=1)
    """Decay of the gradient's running mean."""
    beta2: float = Field(0.95, ge=0, lt=1)
    """Decay of the squared gradient's running mean."""
    warmup_ratio: float = Field(0.05, ge=0, le=0.1)
    """Fraction of the steps over which the learning rate rises to its full value, from 1 / (their number) of it."""
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    """How the learning rate falls after the warm-up: to 0 as a cosine, to 0 on a line, or not at all."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients with a larger norm are scaled down to it."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, more time."""
    save_every: int = Field(50, gt=0)
    """Optimizer steps between the checkpoints from which an interrupted run resumes. If they take longer than 10 minutes, one
    is also saved every 10 minutes, or less often if saving would take more than 2 % of the time."""


class LoraConfig(Section):
    """Low-rank adapters instead of all weights (peft). They need a learning rate about ten times as high."""

    rank: int | None = Field(None, gt=0)
    """null: all weights are trained."""
    alpha: int = Field(32, gt=0)
    """Adapters are scaled by alpha / rank."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of an adapter's inputs that is dropped in training."""
    target_modules: str | tuple[str, ...] = "all-linear"
    """Names of the layers that are adapted, or one regular expression; all-linear: all but the output head."""


class TrackingConfig(Section):
    """Where training curves are logged, in addition to the run's own folder."""

    report_to: tuple[str, ...] = ()
    """Trackers that transformers supports, such as tensorboard, wandb and trackio. Set by `--report-to`."""


class VerifyingConfig(Section):
    """How responses are verified."""

    workers: int | None = Field(None, gt=0)
    """Verifier processes; null: one per core, at most 8."""
    timeout_seconds: float = Field(10.0, gt=0, le=86_400)
    """CPU time per response; one that exceeds it is wrong. By the clock the limit is 20 times as long, for machines under load;
    a verifier that exceeds that counts as unverified. Limits for programs are set by the task."""
    allow_weaker_sandbox: bool = False
    """Where bubblewrap does not work, run programs written by models in a weaker sandbox. Set by `--allow-weaker-sandbox`."""


class RunConfig(Section):
    """Everything that determines a run. `task` and `method` hold the name and the options of the task and the method."""

    preset: str
    """The named settings that these are based on."""
    seed: Seed = 0
    """Seed of all randomness in training."""
    model: ModelConfig
    task: dict[str, Any]
    """`name`, and the options of that task."""
    method: dict[str, Any]
    """`name`, and the options of that method."""
    questions: QuestionsConfig = QuestionsConfig()
    sampling: SamplingConfig = SamplingConfig()
    engine: EngineConfig = EngineConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    budget: BudgetConfig = BudgetConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    lora: LoraConfig = LoraConfig()
    verifying: VerifyingConfig = VerifyingConfig()
    tracking: TrackingConfig = TrackingConfig()
