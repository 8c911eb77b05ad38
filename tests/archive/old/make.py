"""``python tests/archive/old/make.py``: an archive of today's form, to be kept and run again by all later versions.

Run it where the host has a name that may be published, for example

    unshare --uts sh -c 'hostname node1 && PYTHONPATH=. python tests/archive/old/make.py /tmp/toy FOLDER'
"""

import shutil
import sys
from pathlib import Path
from unittest import mock

from automagic.archive.bag import archive
from automagic.runner import environment, session

sys.path.insert(0, str(Path(__file__).parents[1]))
toy = __import__("toy")


def variables(task, marssys):
    """Return an environment without the folders of this machine."""
    common = environment.common(task)
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "MARSSYS": str(marssys), **common}


def main(base, target):
    """Run the toy analysis in one new folder, and leave archive, programs and files in storage in another."""
    made = toy.Toy(base)
    with mock.patch.object(session, "host_variables", side_effect=variables):
        assert made.run() == 0
    target.mkdir()
    with made.opened():
        archive(made.root, target / "crab.tar", "all")
    shutil.copytree(made.storage, target / "storage")
    shutil.copytree(made.mars, target / "mars")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
