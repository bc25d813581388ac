"""What one of two processes does in tests of what starts them: one ends as it is told, the other waits to be ended.

`two_processes.py RANK END FOLDER`: END is an exit code, a signal below 0, or `both` for two that end well.
"""

import os
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    rank, end, folder = sys.argv[1:]
    (Path(folder) / os.environ["RANK"]).write_text(os.environ["OMP_NUM_THREADS"])
    if end == "both":
        sys.exit(0)
    try:
        if os.environ["RANK"] == rank:
            while len(list(Path(folder).iterdir())) < 2:
                time.sleep(0.01)
            if int(end) < 0:
                os.kill(os.getpid(), -int(end))
            sys.exit(int(end))
        time.sleep(100)
    except KeyboardInterrupt:
        (Path(folder) / f"{os.environ['RANK']}.interrupted").touch()
