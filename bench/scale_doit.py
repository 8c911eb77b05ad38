"""``python -m bench.scale_doit FOLDER [doit's words]``: ``./doit analysis=FOLDER …`` as a process, from any folder."""

import os
import sys
from pathlib import Path

from doit.doit_cmd import DoitMain

if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    os.chdir(Path(__file__).resolve().parents[1])
    state = {"GLOBAL": {"dep_file": str(folder / "doit.db")}}
    main = DoitMain(config_filenames=("doit.cfg",), extra_config=state)
    sys.exit(main.run([f"analysis={folder}", *sys.argv[2:]]))
