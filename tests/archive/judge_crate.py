"""``judge_crate.py CRATE``: what rocrate-validator says of a crate, as JSON, where there is no network.

Runs in the judges' environment. The validator would fetch the JSON-LD contexts of RO-Crate 1.1 and of Workflow Run
RO-Crate from w3id.org; here it gets a short form of ours, which has the same IRIs for the terms that the profiles ask
for. All else is the validator's own, but for two checks that need the real contexts (`NEED_NETWORK`).
"""

import json
import sys

SCHEMA, RUN = "http://schema.org/", "https://w3id.org/ro/terms/workflow-run#"
BIO = "https://bioschemas.org/"
TERMS = {
    "@vocab": SCHEMA,
    "File": f"{SCHEMA}MediaObject",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
    "ComputationalWorkflow": f"{BIO}ComputationalWorkflow",
    "FormalParameter": f"{BIO}FormalParameter",
    "input": f"{BIO}ComputationalWorkflow#input",
    "output": f"{BIO}ComputationalWorkflow#output",
    "ContainerImage": f"{RUN}ContainerImage",
    "containerImage": f"{RUN}containerImage",
    "sha256": f"{RUN}sha256",
    "SIFImage": f"{RUN}SIFImage",
}
NEED_NETWORK = ["ro-crate-1.1_3.1", "ro-crate-1.1_3.2"]
"""Is the file as JSON-LD compacted, and are all its terms in the contexts, as they are fetched at that moment?"""

CONTEXTS = ("https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context")


def local(fetch):
    """Return what answers for the contexts, and asks for nothing else."""

    def answer(source, *words, **more):
        if str(source).rstrip("/") in CONTEXTS:
            return {"@context": TERMS}, None
        return fetch(source, *words, **more)

    return answer


def main(crate):
    """Validate, and print the issues."""
    from rocrate_validator import models, services
    from rocrate_validator.utils import document_loader

    document_loader._original_source_to_json = local(document_loader._original_source_to_json)
    found = {}
    for profile in ("provenance-run-crate-0.5", "workflow-run-crate-0.5", "process-run-crate-0.5", "ro-crate-1.1"):
        settings = services.ValidationSettings(
            rocrate_uri=crate, profile_identifier=profile, requirement_severity=models.Severity.REQUIRED,
            skip_availability_check=True, skip_checks=NEED_NETWORK,
        )  # fmt: skip
        result = services.validate(settings)
        found[profile] = {
            "checked": len(result.executed_checks),
            "issues": [f"{issue.check.identifier}: {issue.message}" for issue in result.get_issues()],
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
