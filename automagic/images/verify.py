"""Whether an image is what it was, and who says so."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from automagic.errors import UserError
from automagic.images.apptainer import ask, talk
from automagic.images.digest import digests, layout
from automagic.images.record import Record, place, read, write


def verify(sif: Path, key: Path | None = None) -> list[str]:
    """Compare an image with its record, and check its signature if it has one; return what was found.

    Parameters
    ----------
    sif
        The image.
    key
        A public key (PEM); without one, the keys in Apptainer's keyring count.

    Raises
    ------
    UserError
        The image is another than its record says, or its signature is not good.
    """
    record = read(sif)
    where = layout(sif)
    whole, inner = digests(sif, where)
    if inner != record.partition_sha256:
        raise UserError(
            f"{sif} is another image than its record says: the file system's SHA-256 is {inner[:16]}…, "
            f"{place(sif).name} has {record.partition_sha256[:16]}…",
            hint=f"Fetch or build it again; if it was replaced on purpose: automagic image add {sif} --engine "
            f"{record.engine}",
        )
    if whole != record.file_sha256:
        raise UserError(
            f"{sif} has the file system of its record in another file: its SHA-256 is {whole[:16]}…, "
            f"{place(sif).name} has {record.file_sha256[:16]}…",
            hint=f"It was signed, or its description was changed. To accept it: automagic image add {sif} --engine "
            f"{record.engine}",
        )
    found = [f"file system sha256:{inner} as recorded", f"file        sha256:{whole} as recorded"]
    if where.signed:
        ask("verify", *(["--key", str(key)] if key else ["--local"]), str(sif))
        return [*found, f"signature   good, by {key or 'a key of the keyring'}"]
    if key is not None:
        raise UserError(f"{sif} is not signed", hint=f"Sign it: automagic image sign {sif}")
    return [*found, "signature   none"]


def sign(sif: Path, key: Path | None = None, keyidx: int | None = None) -> Record:
    """Sign an image, in a copy that then takes its place; return the new record.

    Raises
    ------
    UserError
        The image is another than its record says, or there is no key.
    """
    record = read(sif)
    words = ["--key", str(key)] if key else ["--keyidx", str(keyidx)] if keyidx is not None else []
    new = sif.with_name(f".{sif.stem}.{os.getpid()}.sif")
    try:
        shutil.copy2(sif, new)
        talk("sign", *words, str(new))
        whole, inner = digests(new, layout(new))
        if inner != record.partition_sha256:
            raise UserError(
                f"{sif} is another image than its record says", hint=f"Look at it first: automagic image verify {sif}"
            )
        os.replace(new, sif)
    except OSError as error:
        raise UserError(f"{sif} cannot be signed: {error.strerror}") from None
    finally:
        new.unlink(missing_ok=True)
    signed = replace(record, file_sha256=whole, size=sif.stat().st_size)
    write(signed)
    return signed
