"""The provenance of an archive in the IVOA's words (Provenance Data Model 1.0, 2020), as PROV-JSON."""

from __future__ import annotations

import json
from typing import Any

from automagic.archive.gather import Gathered


def export(found: Gathered) -> str:
    """Return activities (runs of programs), entities (files), and which used and made which.

    The keys are those of W3C PROV-JSON; attributes of the IVOA's classes have the prefix ``voprov``.
    """
    entities: dict[str, Any] = {}
    activities: dict[str, Any] = {}
    descriptions: dict[str, Any] = {}
    used: dict[str, Any] = {}
    made: dict[str, Any] = {}
    for digest, size, name, where in found.inputs:
        entities[f"sha256:{digest}"] = {"voprov:name": name, "voprov:location": where, "voprov:size": size}
    for step in found.steps:
        key, program = f"action:{step['action']}", f"program:{step['program']}-{step['engine_digest'][:16]}"
        descriptions[program] = {
            "voprov:name": step["program"], "voprov:version": step["engine_digest"], "voprov:type": step["engine"],
        }  # fmt: skip
        activities[key] = {
            "voprov:name": step["tasks"][0], "prov:startTime": step["started"], "prov:endTime": step["ended"],
            "voprov:activityDescription": program, "voprov:environment": step["environment"],
            "voprov:card": step["card"], "voprov:arguments": step["arguments"],
        }  # fmt: skip
        for number, item in enumerate(step["inputs"]):
            entity = {"prov:activity": key, "prov:entity": f"sha256:{item['sha256']}", "prov:role": item["role"]}
            used[f"_:u-{step['action'][:16]}-{number}"] = entity
        for number, item in enumerate(step["made"]):
            entities.setdefault(
                f"sha256:{item['sha256']}", {"voprov:name": item["name"], "voprov:level": item["level"],
                                             "voprov:size": item["size"], "voprov:location": item["file"] or ""}
            )  # fmt: skip
            made[f"_:g-{step['action'][:16]}-{number}"] = {
                "prov:activity": key, "prov:entity": f"sha256:{item['sha256']}", "prov:role": item["level"],
            }  # fmt: skip
    told = {
        "prefix": {
            "voprov": "http://www.ivoa.net/documents/ProvenanceDM/voprov/", "sha256": "urn:hash::sha256:",
            "action": "urn:automagic:action:", "program": "urn:automagic:program:",
        },
        "entity": entities, "activity": activities, "voprov:activityDescription": descriptions, "used": used,
        "wasGeneratedBy": made,
    }  # fmt: skip
    return json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
