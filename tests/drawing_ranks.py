"""One rank of torchrun: draws from stub engines into FOLDER, and writes how many samples it drew itself.

torchrun --standalone --nproc_per_node 2 drawing_ranks.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from stub_rollouts import PARAMETERS, StreamingStub, StubEngine, ask, rollouts

from sdzero_bench.core.distributed import launched


def main(folder: Path) -> None:
    ranks = launched()
    for how, engine in (("batches", StubEngine()), ("stream", StreamingStub())):
        engine.batch_size = 16
        # As in a run, every rank has the whole journal and the first one's is the record.
        drawer = rollouts(folder / how / ("journal" if ranks.first else f"copy-{ranks.index}"), 26, ranks)
        assert len(drawer.draw("p", "base", engine, ask(26), PARAMETERS, 0)) == 26
        (folder / how / f"drawn-{ranks.index}.json").write_text(json.dumps(sum(len(batch) for batch in engine.batches)))
        drawer.journal.close()
    ranks.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
