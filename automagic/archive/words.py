"""``README.txt`` of an archive: for a reader who has none of our software."""

from __future__ import annotations

from automagic.archive.gather import Gathered

README = """\
{title}
{line}

This is a whole analysis of data of the MAGIC telescopes (two imaging atmospheric Cherenkov telescopes on La Palma,
which see gamma rays of about 30 GeV to 100 TeV), as it stood on {day}: what was asked for, every program run with its
card, what came of it, and all that is needed to run it again. It needs no network and no database. To read it you
need nothing but this text, to check it sha256sum, to run it again python3 (3.9 or later) and Apptainer.

Is it whole?
    In the folder that has manifest-sha256.txt:   sha256sum --quiet -c manifest-sha256.txt tagmanifest-sha256.txt
    It is a BagIt bag (RFC 8493); bagit.py --validate FOLDER says the same.

What is in it (below data/)
    analysis.toml        what a person wrote: the source, the data, what was to differ from the defaults
    results/             the results: spectrum, light curve, theta-square; report.html for a browser
    products/            event lists (DL3: FITS files of the GADF standard) and other products, by their names
    inputs.tsv           the files in storage that were read: SHA-256, size, name, where each was
    steps.jsonl          every run of a program, in order, a JSON object a line: "tasks" its name, "program", "card",
                         "command", "variables" (its whole environment), "inputs" (with "from": the "action" that made
                         the file; without it: a file of inputs.tsv), "made" (with "file": where it is here, or null)
    store/xx/ACTION/     of each: card.rc, what it said (log.txt), and receipt.json: when, where, on what, how long
    journal/             what happened, event by event, a JSON object a line
    catalog/             the same as tables (Parquet); schema.sql says in words what each column is
    ro-crate-metadata.json    the provenance as an RO-Crate (Workflow Run RO-Crate, Provenance profile)
    provenance/ivoa.json      the same in the words of the IVOA Provenance Data Model
    images/              the images (Apptainer) in which programs ran: {images}
    rerun.py job.pyz launch.sh    what runs it again

What it was made with
{engines}
Run it again
    {rerun}
    It says of every product whether it is identical, byte for byte, and ends with 0 only where all are. What a program
    writes in a ROOT file of the time and of random identifiers is set to fixed values (job.pyz, automagic/rootfile).

Words
    run       data taking of about 15 minutes, with an eight-digit number; M1 and M2 are the telescopes
    card      the parameters of a program, one "Key: value" a line
    action    one program on certain files with a certain card in a certain image; named by the SHA-256 of all that
    level     raw, calibrated, star (images of one telescope), superstar (of both), melibea (energy, direction,
              hadronness), dl3 (gamma-like events with the response of the instrument), result
"""


def readme(found: Gathered) -> str:
    """Return the text."""
    title = f"The analysis {found.folder.name}"
    images = ", ".join(f"{r.name} (sha256 of its file {r.file_sha256})" for r in found.images) or "none was used"
    engines = {(step["engine"], step["environment"]): None for step in found.steps}
    told = "".join(f"    {engine}: {environment}\n" for engine, environment in sorted(engines))
    if any(step["engine"] == "openmars" for step in found.steps):
        told += (
            "    openmars is an open stand-in for MARS, the programs of the MAGIC Collaboration. It is not MARS: what\n"
            "    it made is no result of the MAGIC Collaboration.\n"
        )
    rerun = "python3 rerun.py --into DIR --inputs FOLDER   (FOLDER: where the files of inputs.tsv are)"
    if not found.inputs:
        rerun = "python3 rerun.py --into DIR   (no file in storage was read: the data are simulated by the first steps)"
    if found.host_environments:
        rerun = (
            "Not from this archive alone: programs ran in the environment of a host, which cannot be put away.\n"
            "    Its digest is recorded; with the same programs at hand: automagic rerun ARCHIVE --into DIR."
        )
    return README.format(
        title=title, line="=" * len(title), day=found.day, images=images, engines=told, rerun=rerun
    )  # fmt: skip
