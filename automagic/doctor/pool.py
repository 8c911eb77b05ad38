"""HTCondor: the schedd that takes jobs, and the pool that runs them."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Iterator
from typing import Any

from automagic.analysis.condor import Condor
from automagic.doctor.check import Check
from automagic.doctor.places import CLOCK_S, clock

CONFIG = "Name the pool's configuration in CONDOR_CONFIG, or collector and schedd in [condor] of site.toml."
SLOT = (
    "Name", "SlotType", "State", "TotalSlotCpus", "Cpus", "TotalSlotMemory", "Memory", "FileSystemDomain", "HasSIF",
    "HasSingularity", "HasContainer", "SingularityVersion", "LastHeardFrom",
)  # fmt: skip
HEARD_S = 900
"""Daemons tell the collector of themselves every five minutes."""


def pool_checks(settings: Condor) -> Iterator[Check]:
    """Look at bindings, schedd and pool, as the site names them."""
    try:
        condor: Any = importlib.import_module("htcondor2")
    except Exception as error:
        yield Check(
            "HTCondor's client", False, f"cannot be loaded: {error}", "./doit --version makes the environment anew"
        )
        return
    collector = condor.Collector(settings.collector) if settings.collector else condor.Collector()
    yield from schedd(condor, collector, settings)
    yield from slots(condor, collector, settings)


def schedd(condor: Any, collector: Any, settings: Condor) -> Iterator[Check]:
    """Look at the schedd, and at whether this person may submit there."""
    try:
        place = locate(condor, collector, settings)
    except (condor.HTCondorException, RuntimeError, OSError) as error:
        yield Check("schedd", False, f"is not found: {_said(error)}", CONFIG)
        return
    if place is None:
        name = f" of the name {settings.schedd!r}" if settings.schedd else ""
        yield Check("schedd", False, f"the collector knows none{name}", CONFIG)
        return
    try:
        condor.Schedd(place).query("false", ["ClusterId"])
    except (condor.HTCondorException, RuntimeError, OSError) as error:
        mend = "Is it running (systemctl status condor), and does a firewall let you through?"
        yield Check("schedd", False, f"{place['Name']} does not answer: {_said(error)}", mend)
        return
    yield Check("schedd", True, f"{place['Name']} answers")
    yield submission(condor, place)


def locate(condor: Any, collector: Any, settings: Condor) -> Any:
    """Find the schedd; `None` where the collector does not know it."""
    kind = condor.DaemonType.Schedd
    if settings.schedd is not None:
        return collector.locate(kind, settings.schedd)
    if settings.collector is None:
        return collector.locate(kind)
    places = collector.locateAll(kind)
    if len(places) > 1:
        names = ", ".join(sorted(str(each["Name"]) for each in places))
        raise OSError(f"the collector knows {len(places)}: {names}; name one as condor.schedd")
    return places[0] if places else None


def submission(condor: Any, place: Any) -> Check:
    """Look at whether this person may submit."""
    name = "submit"
    if os.getuid() == 0:
        return Check(name, False, "you are root, who may not submit jobs", "Log in as yourself.")
    try:
        answer = condor.ping(place, "WRITE")
        who = str(answer.get("MyRemoteUserName", "unknown"))
        allowed = bool(answer.get("AuthorizationSucceeded", False))
    except (condor.HTCondorException, RuntimeError, OSError) as error:
        who, allowed = _said(error), False
    if allowed and not who.startswith("unauthenticated"):
        return Check(name, True, f"you may, as {who}")
    mend = "Ask its administrators (ALLOW_WRITE and the SEC_ settings), or get a token: condor_token_fetch"
    return Check(name, False, f"the schedd does not let you submit ({who})", mend)


def slots(condor: Any, collector: Any, settings: Condor) -> Iterator[Check]:
    """Look at the slots of the pool."""
    try:
        ads = list(collector.query(condor.AdType.Startd, 'SlotType =!= "Dynamic"', list(SLOT)))
        daemons = list(collector.query(condor.AdType.Schedd, "true", ["Name", "LastHeardFrom", "MyCurrentTime"]))
    except (condor.HTCondorException, RuntimeError, OSError) as error:
        yield Check("pool", False, f"the collector does not answer: {_said(error)}", CONFIG)
        return
    if not ads:
        mend = "Are there execute nodes (condor_status), and may you see them?"
        yield Check("pool", False, "the collector answers, but knows no slot", mend)
        return
    cores = sum(int(ad.get("TotalSlotCpus", ad.get("Cpus", 0))) for ad in ads)
    memory = max(float(ad.get("TotalSlotMemory", ad.get("Memory", 0))) for ad in ads)
    yield Check(
        "pool",
        True,
        f"{len(ads)} slot{'' if len(ads) == 1 else 's'} with {cores} cores, the largest with {memory:.0f} MB of memory",
    )
    if memory < settings.memory_max_mb:
        found = (
            f"condor.memory_max_mb is {settings.memory_max_mb}, and no slot has that much: a job could wait for ever"
        )
        yield Check("memory", False, found, f"Set it to {memory:.0f} at most in site.toml.")
    yield containers(ads, settings)
    if settings.shared_files:
        yield domains(ads, condor.param.get("FILESYSTEM_DOMAIN"))
    yield clocks(daemons, time.time())


def containers(ads: list[Any], settings: Condor) -> Check:
    """Look at how many slots say that they have Apptainer."""
    able = [ad for ad in ads if any(ad.get(key) is True for key in ("HasSIF", "HasSingularity", "HasContainer"))]
    versions = sorted({str(ad["SingularityVersion"]) for ad in able if "SingularityVersion" in ad})
    if len(able) == len(ads):
        return Check("Apptainer on nodes", True, f"all slots have it ({', '.join(versions) or 'version unknown'})")
    some = f"{len(able)} of {len(ads)} slots say that they have it"
    mend = f"Where the others lack {settings.apptainer}: [condor] submit = {{ requirements = 'HasSingularity' }}"
    return Check("Apptainer on nodes", None, some, mend)


def domains(ads: list[Any], ours: Any) -> Check:
    """Look at whether nodes are of the same file system domain: other nodes do not take jobs with shared files."""
    same = sum(str(ad.get("FileSystemDomain", "")).lower() == str(ours or "").lower() for ad in ads)
    if same == len(ads):
        return Check("file system domain", True, f"{ours}, as on all nodes")
    theirs = sorted({str(ad.get("FileSystemDomain")) for ad in ads})
    found = f"here {ours}; {same} of {len(ads)} slots have the same (others: {', '.join(theirs[:3])})"
    mend = (
        "Set FILESYSTEM_DOMAIN here as it is there, if disks are shared; else condor.shared_files = false in site.toml."
    )
    return Check("file system domain", False if same == 0 else None, found, mend)


def clocks(daemons: list[Any], now: float) -> Check:
    """Compare this machine's clock with the collector's, by when it says that it last heard from somebody."""
    name = "clock of the pool"
    heard = [float(ad["LastHeardFrom"]) for ad in daemons if "LastHeardFrom" in ad]
    if not heard:
        return Check(name, None, "cannot be known: the collector has not heard from a schedd")
    ahead = max(heard) - now
    if -HEARD_S <= ahead <= CLOCK_S:
        told = [abs(float(ad["MyCurrentTime"]) - float(ad["LastHeardFrom"])) for ad in daemons if "MyCurrentTime" in ad]
        if not told or min(told) <= 60:
            return Check(name, True, "agrees with this machine's, as far as can be told")
        return clock(name, min(told))
    return clock(name, abs(ahead))


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
