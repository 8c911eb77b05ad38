"""What the page on clusters says is what the program does, and its examples are ones that it takes."""

import re
import tomllib
from pathlib import Path

import pytest

from automagic.analysis.condor import Condor
from automagic.analysis.folder import SITE_VARIABLE, load_site
from automagic.analysis.site import Site
from automagic.executors.policy import POLICIES

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "cluster.md"
PIC = DOCS / "sites" / "pic.toml"


def policies():
    """Return the table of the page as the program would write it."""
    lines = ["| cause | means | tries | stops a stage | what you can do |", "|---|---|---|---|---|"]
    for cause, policy in POLICIES.items():
        advice = policy.advice.format(analysis="ANALYSIS", task="TASK")
        code = f"`{advice}`" if advice.startswith(("automagic ", "./doit ", "condor_")) else advice
        stops = "yes" if policy.counts else "no"
        lines.append(f"| `{cause}` | {policy.meaning} | {policy.retries or '–'} | {stops} | {code} |")
    return "\n".join(lines)


def test_the_table_of_policies_is_the_programs_own():
    match = re.search(r"<!-- policies.*?-->\n(.*?)\n<!-- end -->", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert match is not None
    assert match[1] == policies()


def test_each_key_of_the_section_is_explained_with_its_default():
    rows = re.findall(r"^\| (`.*?) \| .* \| (.*?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {
        key: default for names, default in rows for key in re.findall(r"`(\w+)`", names) if key in Condor.model_fields
    }
    assert told.keys() == Condor.model_fields.keys()
    for key, default in told.items():
        value = Condor.model_fields[key].get_default(call_default_factory=True)
        if isinstance(value, bool | int | float | str):
            shown = (
                str(value).lower()
                if isinstance(value, bool)
                else f"{value:g}"
                if isinstance(value, float)
                else str(value)
            )
            assert default.strip("`") == shown, key


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
def test_examples_can_be_read(text):
    site = Site.model_validate(tomllib.loads(text))
    assert site.executor == "condor"
    assert "mars" in site.engines


def test_the_profile_of_a_data_centre_can_be_read(tmp_path, monkeypatch):
    text = PIC.read_text(encoding="utf-8")
    site = Site.model_validate(tomllib.loads(text))
    assert (site.executor, site.condor.shared_files) == ("condor", True)
    assert site.condor.submit["+Experiment"] == '"magic"'
    assert all(each.image for each in site.engines.values())
    assert any(root.startswith("davs://") for root in site.storage.roots)
    assert site.storage.recall.tape_api
    head = text[: text.index("executor")]
    assert "EXAMPLE, NOT PIC'S OWN" in head
    # as the file of a whole site, with a table of the analysis's own over it
    monkeypatch.setenv(SITE_VARIABLE, str(PIC))
    (tmp_path / "site.toml").write_text("[condor]\nmax_running = 7\n")
    merged = load_site(tmp_path)
    assert (merged.executor, merged.condor.max_running, merged.condor.accounting_group) == ("condor", 7, None)
    assert merged.storage == site.storage


def test_hosts_in_the_profile_are_made_up():
    hosts = re.findall(r"://([^/:\"]+)", PIC.read_text(encoding="utf-8"))
    assert hosts
    assert all(host.endswith("example.org") for host in hosts)
