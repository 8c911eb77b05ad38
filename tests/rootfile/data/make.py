"""Write one content two times with ROOT, more than a second apart: ``first.root`` and ``later.root``.

    python make.py

ROOT writes a file's name into it, so both are written under one name.
"""

import os
import time
from array import array

ALGORITHMS = {"zlib": 1, "lzma": 2, "lz4": 4, "zstd": 5}
EVENTS = 400


def write(path):
    """Write trees of each compression, overwritten and deleted keys, directories, and a long title."""
    import ROOT  # here, as the tests' own environment does not have it

    ROOT.gRandom.SetSeed(1)
    file = ROOT.TFile(path, "RECREATE", "a file for tests")
    for name, algorithm in ALGORITHMS.items():
        file.SetCompressionAlgorithm(algorithm)
        file.SetCompressionLevel(5)
        tree = ROOT.TTree(f"Events_{name}", "several baskets")
        tree.SetAutoFlush(0)
        number, size = array("i", [0]), array("f", [0.0])
        tree.Branch("MRaw.fRunNumber", number, "fRunNumber/I", 512)
        tree.Branch("MHillas.fSize", size, "fSize/F", 512)
        for event in range(EVENTS):
            number[0], size[0] = 5029747 + event // 40, event % 20
            tree.Fill()
        tree.Write()
    for number in range(3):
        histogram = ROOT.TH1D("size", "written three times", 20, -3, 3)
        histogram.SetDirectory(ROOT.nullptr)
        histogram.FillRandom("gaus", 100 * (number + 1))
        file.WriteTObject(histogram, "size", "Overwrite" if number == 2 else "")
    folder = file.mkdir("folder", "a folder")
    folder.WriteTObject(ROOT.TNamed("card", "MJStar.Level: 6"))
    folder.WriteTObject(ROOT.TNamed("long", "title " * 750))
    below = folder.mkdir("below")
    below.WriteTObject(ROOT.TNamed("note", "deep"))
    for number in range(8):
        folder.WriteTObject(ROOT.TNamed(f"scrap_{number}", str(number) * 100))
    for number in (1, 2, 5):
        folder.Delete(f"scrap_{number};*")
    file.Write()
    file.Close()


if __name__ == "__main__":
    for name in ("first.root", "later.root"):
        write("made.root")
        os.rename("made.root", name)
        time.sleep(2.1)  # ROOT's dates are whole seconds
