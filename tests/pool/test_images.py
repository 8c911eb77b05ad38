"""Images that are really built and run: a release in the manner of MARS, signatures, and the pin of an analysis."""

import json
import subprocess

import pytest


@pytest.fixture(scope="module")
def mars(pool):
    """The image of a release that is openmars, laid out and built like MARS."""
    parts = ["openmars", "containers", "requirements.lock", "tests/images/release.py"]
    key = pool.content_of(*parts)

    def build(path):
        tarball = path.with_suffix(".tar")
        pool.user([pool.python, "tests/images/release.py", tarball], timeout=300)
        packages = "PACKAGES=make"  # what this release is built with; MARS needs compilers and libraries
        words = ["--base", pool.base, "--mars", tarball, "--arg", packages, "--arg", "MARS_VERSION=V0-openmars"]
        words += ["--arg", "PROGRAMS=sorcerer merpp star superstar selectmc coach melibea quate magic_dl3"]
        pool.automagic("image", "build", "mars", *words, "--output", path, env=pool.tmp, timeout=900)
        tarball.unlink()

    return pool.image("mars", key, build)


def run(pool, image, *words):
    """Run a program in an image as a job does."""
    closed = ["apptainer", "-q", "exec", "--containall", "--cleanenv", "--no-home", "--net", "--network", "none"]
    return pool.user([*closed, image, "env", "-i", "PATH=/usr/bin:/bin", "TZ=UTC", *words], check=False)


def test_a_release_is_built_and_its_programs_run(pool, mars):
    said = run(pool, mars, "/opt/programs/star", "--help")
    assert said.returncode == 0
    assert "star" in said.stdout
    said = run(pool, mars, "/opt/programs/star", "-b", "-q", "--config=/nowhere.rc", "--ind=x", "--out=/tmp")
    assert said.returncode != 0
    assert "/nowhere.rc" in said.stdout


def test_the_record_tells_what_is_in_it(pool, mars):
    record = json.loads(mars.with_suffix(".json").read_text())
    assert record["engine"] == "mars"
    assert record["labels"]["automagic.source"] == "MARS V0-openmars, ROOT unknown"
    assert {"star_M1_OSA.rc", "superstar.rc", "magic_dl3.rc"} <= set(record["cards"])
    assert record["definition"].startswith("Bootstrap: localimage")


def test_signing_changes_the_file_and_not_the_image(pool, toy_image, tmp_path_factory):
    copy = pool.runs / "signed.sif"
    pool.user(["cp", toy_image, copy])
    pool.user(["cp", toy_image.with_suffix(".json"), copy.with_suffix(".json")])
    key = pool.runs / "key.pem"
    pool.user(["python3", "-c", f"open({str(key)!r}, 'w').write({private_key()!r})"])
    before = json.loads(copy.with_suffix(".json").read_text())
    pool.automagic("image", "sign", copy, "--key", key)
    after = json.loads(copy.with_suffix(".json").read_text())
    assert after["partition_sha256"] == before["partition_sha256"]
    assert after["file_sha256"] != before["file_sha256"]
    public = pool.runs / "public.pem"
    pool.user(["python3", "-c", f"open({str(public)!r}, 'w').write({public_key(key)!r})"])
    assert "signature   good" in pool.automagic("image", "verify", copy, "--key", public).stdout
    with open(copy, "r+b") as file:
        file.seek(-100_000, 2)
        byte = file.read(1)
        file.seek(-100_000, 2)
        file.write(bytes([byte[0] ^ 1]))
    said = pool.automagic("image", "verify", copy, "--key", public, check=False)
    assert said.returncode == 2
    assert "record says" in said.stdout or "has the file system of its record" in said.stdout


def private_key():
    """Make a key."""
    return subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, text=True, check=True).stdout


def public_key(private):
    """Return the public half of a key."""
    words = ["openssl", "rsa", "-in", str(private), "-pubout"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_another_image_under_the_same_name_is_refused(toy, pool, toy_image):
    analysis = toy({"star:a": {}}, executor="local")
    analysis.run()
    lock = analysis.folder / "images.lock"
    pinned = lock.read_text()
    other = "0123456789abcdef" * 4
    lock.write_text(pinned.replace(json.loads(toy_image.with_suffix(".json").read_text())["partition_sha256"], other))
    said = analysis.run(code=2)
    assert "is pinned to another image of engine 'mars'" in said
    assert other[:16] in said
    assert "Traceback" not in said
    assert analysis.count("done") == {"star:a": 1}


def test_receipts_name_the_image(toy, toy_image):
    analysis = toy({"star:a": {}}, executor="local")
    analysis.run()
    receipt = json.loads(next(analysis.folder.glob("store/*/*/receipt.json")).read_text())
    record = json.loads(toy_image.with_suffix(".json").read_text())
    assert receipt["image"]["partition_sha256"] == record["partition_sha256"] == receipt["engine_digest"]
    assert receipt["environment"] == f"image sha256:{record['partition_sha256']}"
