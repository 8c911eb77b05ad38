"""``python toy.py analysis=FOLDER [doit's words]``: like tests/runner/toy.py, with limits of time from toy.json.

Runs inside the pool. The program is that of the toy image (toy_program.py), which the card makes misbehave.
"""

import dataclasses
import importlib.util
import json
import sys
from pathlib import Path

spec = importlib.util.spec_from_file_location("toy", Path(__file__).parents[1] / "runner" / "toy.py")
toy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toy)


def read(folder):
    """Make the session of a toy analysis."""
    session = toy.read(folder)
    for name, about in json.loads((folder / "toy.json").read_text()).items():
        given = {key: about[key] for key in ("minutes", "disk_mb") if key in about}
        task = session.tasks[name]
        session.tasks[name] = dataclasses.replace(task, resources=dataclasses.replace(task.resources, **given))
    return session


if __name__ == "__main__":
    from doit.doit_cmd import DoitMain

    from automagic.runner import current, detach, drive

    drive.write_report = lambda folder: None
    detach.COMMAND = ["/usr/bin/env", "-C", str(Path.cwd()), sys.executable, str(Path(__file__).resolve())]
    current.open_session = read
    database = Path(sys.argv[1].partition("=")[2]) / "doit.db"
    main = DoitMain(config_filenames=("doit.cfg",), extra_config={"GLOBAL": {"dep_file": str(database)}})
    sys.exit(main.run(sys.argv[1:]))
