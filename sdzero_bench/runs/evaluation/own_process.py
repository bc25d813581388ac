"""Evaluation in a process of its own, so that what a method leaves behind in its process has no effect.

The process starts in the environment from before the training, gets the names and folders of the policies, and loads the
questions anew. It draws the samples that an evaluation in the method's process would draw, since they follow from policy and
settings. This is no defence against a method that is written to deceive: its process starts this one and writes the record.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from sdzero_bench.core.distributed import Ranks, launched
from sdzero_bench.core.errors import DamagedError, UserError
from sdzero_bench.core.progress import ProgressDisplay
from sdzero_bench.core.provenance import peak_memory
from sdzero_bench.core.relayed_progress import RelayingDisplay, relayed
from sdzero_bench.core.settings import RunConfig
from sdzero_bench.policies.devices import in_this_process
from sdzero_bench.records.curve_record import LearningCurveFile
from sdzero_bench.records.folder import RunFolder
from sdzero_bench.records.measured import PolicyEvaluation
from sdzero_bench.runs.evaluation.evaluating import Evaluation
from sdzero_bench.runs.evaluation.trained import Trained
from sdzero_bench.runs.quiet_libraries import import_heavy, quiet_libraries
from sdzero_bench.runs.splitting import questions_of
from sdzero_bench.training.run import Run
from sdzero_bench.verifiers.worker_processes import WorkerContext, pickled_for_workers

PATIENCE = 20.0
"""Seconds that the process has to end once it has said everything, or is asked to."""


class EvaluationOrder(NamedTuple):
    """What is to be evaluated, as it was before the method ran; what the process is sent besides `Trained`."""

    config: RunConfig
    task: bytes
    """Pickled."""
    test_set: str
    """Fingerprint of the questions."""
    trains: bool
    plan: Mapping[str, int]
    """How many samples each phase of the method may draw."""
    threads: int


class EvaluationResult(NamedTuple):
    evaluation: list[PolicyEvaluation]
    curve: LearningCurveFile | None
    peak_memory: int
    """Bytes, of the process that measured."""


class EvaluationApart:
    """An evaluation that is to take place in a process of its own; made before the method runs, which cannot change it."""

    def __init__(self, evaluation: Evaluation, plan: Mapping[str, int]) -> None:
        import torch

        task, self._with_main = pickled_for_workers(evaluation.task)
        config, fingerprint = _on_this_device(evaluation.config), evaluation.test.fingerprint
        self._environment, self._path = dict(os.environ), list(sys.path)
        self._asked = pickle.dumps(EvaluationOrder(config, task, fingerprint, evaluation.trains, plan, torch.get_num_threads()))

    def carry_out(self, trained: Trained, folder: RunFolder, display: ProgressDisplay, ranks: Ranks) -> EvaluationResult:
        """With several ranks, each starts its own process.

        Raises what the process raises, and `UserError` if it ends without a word.
        """
        port = ranks.from_first(_free_port()) if ranks.count > 1 else None
        pipe, theirs = multiprocessing.Pipe()
        given = (theirs, self._asked, trained, folder.path.resolve(), port)
        process = WorkerContext(self._with_main).Process(target=_evaluate, args=given)
        with mock.patch.dict(os.environ, self._environment, clear=True), mock.patch.object(sys, "path", self._path):
            process.start()
        theirs.close()
        try:
            found = relayed(pipe, display)
        except EOFError:
            process.join()
            raise UserError(
                f"the process that evaluates has ended (exit code {process.exitcode}) without saying why; the system ends "
                f"processes for which it has no memory"
            ) from None
        except BaseException:
            process.terminate()
            raise
        finally:
            process.join(PATIENCE)
            process.kill()
        if isinstance(found, EvaluationResult):
            return found
        raise found


def _on_this_device(config: RunConfig) -> RunConfig:
    """The settings of a process that inherits the choice of a GPU, and sees no other."""
    model = config.model.model_copy(update={"device": in_this_process(config.model.device)})
    return config.model_copy(update={"model": model})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _evaluate(pipe: Connection, asked: bytes, trained: Trained, folder: Path, port: int | None) -> None:
    """What the process does. `port`: at which the processes of a run with several ranks meet."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if port is not None:  # instead of where the processes that train have met
        os.environ |= {"MASTER_PORT": str(port), "TORCHELASTIC_USE_AGENT_STORE": "False"}
    try:
        with quiet_libraries():
            import_heavy()
            measured = _measured(pickle.loads(asked), trained, folder, RelayingDisplay(pipe))
        pipe.send(measured)
    except KeyboardInterrupt:
        pass  # asked to end by the run, which says so
    except Exception as error:
        pipe.send(_sendable(error))


def _measured(asked: EvaluationOrder, trained: Trained, folder: Path, display: ProgressDisplay) -> EvaluationResult:
    import torch

    torch.set_num_threads(asked.threads)
    config, ranks, task = asked.config, launched(), pickle.loads(asked.task)
    training, test, _ = questions_of(config, task)
    if test.fingerprint != asked.test_set:
        raise DamagedError("the test questions have changed since the run began; restore them, or start a new run")
    evaluation = Evaluation.of(config, task, test, asked.trains)
    run = Run(config, task, training, RunFolder(folder, writes=ranks.first), display, ranks)
    run.trained, run.ledger.plan = True, asked.plan
    try:
        entries, curve = evaluation.carry_out(run, trained)
    finally:
        run.close()
        ranks.close()
    return EvaluationResult(entries, curve, peak_memory())


def _sendable(error: Exception) -> Exception:
    """The error as the run can raise it; with its place, which a pickled one lacks."""
    place = traceback.format_exc()
    try:
        copy: Exception = pickle.loads(pickle.dumps(error))
    except Exception:
        copy = RuntimeError(f"{type(error).__name__}: {error}")
    if not isinstance(error, UserError):
        copy.add_note(place)
    return copy


def _end_with_parent() -> None:
    """The run's folder is another process's as soon as the run has ended, even if it was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGKILL)
