"""Write with ROOT what is rare: ``edges_first.root`` and ``edges_later.root`` of one content, and ``killed.root``.

    python make_edges.py

ROOT writes a file's name into it, so the first two are written under one name.
"""

import hashlib
import os
import time
from array import array


def fill(name, entries, same=False):
    """Make a tree with several baskets in the open file."""
    import ROOT  # here, as the tests' own environment does not have it

    tree, number = ROOT.TTree(name, "several baskets"), array("i", [0])
    tree.SetAutoFlush(0)
    tree.Branch("n", number, "n/I", 512)
    for entry in range(entries):
        number[0] = 1 if same else entry % 1000 + 1
        tree.Fill()
    tree.ResetBranchAddresses()
    return tree


def edges(path):
    """Write empty directories, a tree whose last baskets are in its head, freed baskets, and a free end."""
    import ROOT

    file = ROOT.TFile(path, "RECREATE")
    file.mkdir("empty")
    file.mkdir("folder/below").WriteTObject(ROOT.TNamed("note", "deep"))
    gone = fill("gone", 1000)
    gone.Write()
    file.WriteTObject(fill("kept", 1000))
    gone.Delete("all")
    file.Close()
    file = ROOT.TFile(path, "UPDATE")
    file.WriteTObject(ROOT.TNamed("late", "".join(hashlib.sha256(bytes([i])).hexdigest() for i in range(120))))
    file.Delete("late;*")
    file.WriteTObject(ROOT.TNamed("later", "y"))
    file.Close()


def killed(path):
    """Add a tree in what was free, save it, and end without closing the file: its list of free segments is old.

    The baskets go where the old tree's head was, and no key stands there to tell.
    """
    import ROOT

    file = ROOT.TFile(path, "RECREATE")
    old = fill("old", 20000, same=True)
    file.SetCompressionLevel(0)
    old.Write()
    file.WriteTObject(ROOT.TNamed("note", "here"))
    file.SetCompressionLevel(9)
    file.Close()
    file = ROOT.TFile(path, "UPDATE")
    file.Delete("old;*")
    file.WriteTObject(ROOT.TNamed("other", "there"))
    file.Close()
    child = os.fork()
    if child == 0:
        file = ROOT.TFile(path, "UPDATE")
        file.SetCompressionLevel(0)
        fill("new", 1000).AutoSave("SaveSelf")
        file.Flush()
        os._exit(0)
    os.waitpid(child, 0)


if __name__ == "__main__":
    for name in ("edges_first.root", "edges_later.root"):
        edges("made.root")
        os.rename("made.root", name)
        time.sleep(2.1)  # ROOT's dates are whole seconds
    killed("killed.root")
