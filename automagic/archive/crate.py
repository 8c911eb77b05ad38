"""The RO-Crate of an archive: which program with which card made which file from which, by whom, when.

Workflow Run RO-Crate, Provenance profile 0.5 (w3id.org/ro/wfrun/provenance/0.5), on RO-Crate 1.1: the workflow is
``steps.jsonl``, each program a tool, each stage a step of the workflow, each action a run of a tool.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterable
from typing import Any

from automagic.archive.gather import Gathered
from automagic.job.steps import Step

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"
TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
WORKFLOW = "steps.jsonl"
RIGHTS = (
    "The rights of the data stay with those who took or simulated them. Data of the MAGIC telescopes: ask the MAGIC "
    "Collaboration, https://magic.mpp.mpg.de"
)


def metadata(found: Gathered, files: Iterable[str], version: str, users: Iterable[str]) -> str:
    """Return ``ro-crate-metadata.json``.

    Parameters
    ----------
    files
        Files of the archive, relative to the crate.
    version
        Of autoMAGIC.
    users
        Names of those who ran it.
    """
    from rocrate.rocrate import ROCrate

    crate = ROCrate(gen_preview=False, version="1.1")
    made = Crate(crate, found, set(files))
    made.fill(version, list(users))
    crate.metadata.extra_contexts.append(CONTEXT)
    told = crate.metadata.generate()
    return json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


class Crate:
    """Fills a crate."""

    def __init__(self, crate: Any, found: Gathered, files: set[str]) -> None:
        self.crate = crate
        self.found = found
        self.files = files
        self._data: dict[str, Any] = {}

    def add(self, identifier: str, kind: str | list[str], **properties: Any) -> Any:
        """Add something that is no file."""
        from rocrate.model import ContextEntity

        return self.crate.add(ContextEntity(self.crate, identifier, properties={"@type": kind, **properties}))

    def elsewhere(self, digest: str, **properties: Any) -> Any:
        """Add a file that is not in the archive: its name is its hash."""
        made = self.add(f"urn:hash::sha256:{digest}", "File", sha256=digest, **properties)
        self.crate.root_dataset.append_to("hasPart", made)
        return made

    def file(self, path: str, **properties: Any) -> Any:
        """Add a file of the archive."""
        kind = mimetypes.guess_type(path)[0]
        given = {"name": path.rpartition("/")[2], **({"encodingFormat": kind} if kind else {}), **properties}
        return self.crate.add_file(dest_path=path, properties=given)

    def fill(self, version: str, users: list[str]) -> None:
        """Add all."""
        crate, found, name = self.crate, self.found, self.found.folder.name
        crate.root_dataset["datePublished"] = found.time
        crate.root_dataset["name"] = f"{name}: an analysis of data of the MAGIC telescopes"
        crate.root_dataset["description"] = (
            f"The analysis {name} as autoMAGIC {version} ran it: what it was asked for, each program with its card, "
            "receipts, results, and all that is needed to run it again. README.txt explains it without any software."
        )
        crate.root_dataset["license"] = self.add("#rights", "CreativeWork", name="Rights", description=RIGHTS)
        crate.root_dataset["conformsTo"] = [
            self.add(uri, "CreativeWork", name=words, version=uri.rpartition("/")[2]) for uri, words in PROFILES.items()
        ]
        agents = [self.add(f"#user-{user}", "Person", name=user) for user in users]
        self._fill_data()
        runner = self.add(
            f"#automagic-{version}", "SoftwareApplication", name="autoMAGIC", softwareVersion=version,
            description="The analysis runner.",
        )  # fmt: skip
        workflow, tools = self._workflow(version)
        runs = [self._run(step, tools, agents) for step in found.steps]
        whole = self._whole(workflow, agents)
        controls = [
            self.add(f"#control-{step['action']}", "ControlAction", name=f"{step['tasks'][0]} was run",
                     instrument=self._steps[step["program"]], object=run)
            for step, run in zip(found.steps, runs, strict=True)
        ]  # fmt: skip
        self.add("#driver", "OrganizeAction", name=f"autoMAGIC ran {name}", instrument=runner, object=controls,
                 result=whole, **self._times(found.steps), **({"agent": agents} if agents else {}))  # fmt: skip
        crate.root_dataset["mentions"] = [whole, *runs]
        told = {path for path in self.files if path not in self._data and path != WORKFLOW}
        for path in sorted(told - {"ro-crate-metadata.json"}):
            self.file(path)

    def _fill_data(self) -> None:
        """Add the files in storage, and all products: those that are not in the archive by their hash alone."""
        for digest, length, name, where in self.found.inputs:
            remark = f"In storage: {where}" if where else "In storage."
            self._data[digest] = self.elsewhere(digest, name=name, contentSize=str(length), description=remark)
        for step in self.found.steps:
            for item in step["made"]:
                size = str(item["size"])
                if item["file"] in self.files and item["file"] not in self._data:
                    self._data[item["file"]] = self.file(item["file"], sha256=item["sha256"], contentSize=size)
                elif item["sha256"] not in self._data:
                    remark = f"Level {item['level']}; not in this archive."
                    self._data[item["sha256"]] = self.elsewhere(
                        item["sha256"], name=item["name"], contentSize=size, description=remark
                    )

    def _product(self, item: dict[str, Any]) -> Any:
        return self._data.get(item["file"]) or self._data[item["sha256"]]

    def _workflow(self, version: str) -> tuple[Any, dict[tuple[str, str], Any]]:
        """Add the workflow, its steps and the tools."""
        tools: dict[tuple[str, str], Any] = {}
        self._steps: dict[str, Any] = {}
        language = self.add(
            "#steps-language", "ComputerLanguage", name="autoMAGIC steps", version="1", alternateName="steps",
            description="A JSON object a line: one run of a program; see README.txt.",
        )  # fmt: skip
        for step in self.found.steps:
            key = step["program"], step["environment"]
            if key in tools:
                continue
            tools[key] = self.add(
                f"#tool-{step['program']}-{step['engine_digest'][:16]}", "SoftwareApplication", name=step["program"],
                description=f"{step['program']} of {step['engine']}, in {step['environment']}",
                softwareVersion=step["engine_digest"],
            )  # fmt: skip
            position = len(self._steps)
            self._steps.setdefault(
                step["program"],
                self.add(f"#step-{step['program']}", "HowToStep", name=step["program"], position=str(position),
                         workExample=tools[key]),
            )  # fmt: skip
        workflow = self.crate.add_file(
            dest_path=WORKFLOW,
            properties={
                "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
                "name": f"{self.found.folder.name}: its steps",
                "hasPart": list(tools.values()),
                "step": list(self._steps.values()),
                "programmingLanguage": language,
                "conformsTo": {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"},
                "license": self.crate.root_dataset["license"],
            },
        )
        self.crate.mainEntity = workflow
        return workflow, tools

    def _run(self, step: Step, tools: dict[tuple[str, str], Any], agents: list[Any]) -> Any:
        """Add one run of a tool, with its card, its inputs and what it made."""
        place = f"store/{step['action'][:2]}/{step['action']}"
        read = [self._source(item) for item in step["inputs"]]
        if f"{place}/card.rc" in self.files:
            card = f"{place}/card.rc"
            self._data[card] = self.file(card, name=f"card of {step['tasks'][0]}", encodingFormat="text/plain")
            read.append(self._data[card])
        more: dict[str, Any] = {"agent": agents} if agents else {}
        if step["image"]:
            more["containerImage"] = self._image(step["image"])
        return self.add(
            f"#action-{step['action']}", "CreateAction", name=step["tasks"][0], instrument=tools[step["program"],
            step["environment"]], object=read, result=[self._product(item) for item in step["made"]],
            actionStatus="http://schema.org/CompletedActionStatus",
            description=f"{step['executable']} {' '.join(step['arguments'])}", **self._times([step]), **more,
        )  # fmt: skip

    def _source(self, item: dict[str, Any]) -> Any:
        if item["from"] is None:
            return self._data[item["sha256"]]
        before = self._by_action[item["from"]]
        return self._product(next(made for made in before["made"] if made["name"] == item["product"]))

    @property
    def _by_action(self) -> dict[str, Step]:
        if not hasattr(self, "_actions"):
            self._actions = {step["action"]: step for step in self.found.steps}
        return self._actions

    def _image(self, image: dict[str, Any]) -> Any:
        identifier = f"#image-{image['partition_sha256']}"
        known = self.crate.dereference(identifier)
        return known or self.add(
            identifier, "ContainerImage", name=image["name"], sha256=image["file_sha256"],
            additionalType={"@id": "https://w3id.org/ro/terms/workflow-run#SIFImage"},
            description=f"An Apptainer image; SHA-256 of the file system in it: {image['partition_sha256']}",
        )  # fmt: skip

    def _whole(self, workflow: Any, agents: list[Any]) -> Any:
        results = [i for step in self.found.steps for i in step["made"] if i["level"] in ("dl3", "result")]
        return self.add(
            "#run", "CreateAction", name=f"The run of {self.found.folder.name}", instrument=workflow,
            object=[self._data[digest] for digest, *_ in self.found.inputs],
            result=[self._product(item) for item in results],
            actionStatus="http://schema.org/CompletedActionStatus", **self._times(self.found.steps),
            **({"agent": agents} if agents else {}),
        )  # fmt: skip

    @staticmethod
    def _times(steps: list[Step]) -> dict[str, str]:
        started = [step["started"] for step in steps if step["started"]]
        ended = [step["ended"] for step in steps if step["ended"]]
        return {**({"startTime": min(started)} if started else {}), **({"endTime": max(ended)} if ended else {})}
