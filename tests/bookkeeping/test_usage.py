"""What the next job is given is enough for what such jobs have used, and no more than makes sense."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automagic.bookkeeping import Journal, catalog
from automagic.bookkeeping.usage import DISK_MIN_MB, FEWEST, MEMORY_MIN_MB, Usage
from automagic.graph.task import Resources
from tests.bookkeeping.small import Small, task

DEFAULT = Resources(cores=2, memory_mb=700, disk_mb=500, minutes=60.0)

sizes = st.one_of(st.just(0.0), st.floats(1e-4, 1e5))
jobs = st.fixed_dictionaries(
    {
        "program": st.sampled_from(["star", "superstar"]),
        "state": st.just("done"),
        "input_mb": sizes,
        "max_rss_mb": st.floats(1, 30_000),
        "disk_mb": st.one_of(st.none(), st.floats(0, 30_000)),
        "wall_s": st.floats(0, 1e6),
    }
)


def job(**changes):
    row = {"program": "star", "state": "done", "input_mb": 100.0, "max_rss_mb": 330.0, "disk_mb": 20.0, "wall_s": 240.0}
    return row | changes


def learnt(*rows):
    usage = Usage()
    usage.learn(rows)
    return usage


def near(rows, size):
    """Return the jobs of star with inputs of half to twice a size; below 1 kB all are the same."""
    size = max(size, 0.001)
    return [r for r in rows if r["program"] == "star" and size / 2 <= max(r["input_mb"], 0.001) <= 2 * size]


@settings(max_examples=300)
@given(st.lists(jobs, min_size=FEWEST, max_size=40), st.data())
def test_never_less_than_was_seen(rows, data):
    size = data.draw(st.sampled_from([row["input_mb"] * factor for row in rows for factor in (0.5, 1.0, 2.0)]))
    given_ = learnt(*rows).suggest("star", size, DEFAULT)
    seen = near(rows, size)
    if len(seen) < FEWEST:
        return
    assert given_.cores == DEFAULT.cores
    assert given_.memory_mb >= max(MEMORY_MIN_MB, 1.25 * max(row["max_rss_mb"] for row in seen))
    assert given_.disk_mb >= max(DISK_MIN_MB, 1.25 * max(row["disk_mb"] or 0 for row in seen))
    longest = max(row["wall_s"] for row in seen) / 60
    assert given_.minutes >= min(max(10, 5 * longest), DEFAULT.minutes)
    assert given_.minutes >= 1.25 * longest
    assert given_.memory_mb % 100 == 0


@given(st.lists(jobs, max_size=30), sizes, st.randoms(use_true_random=False))
def test_the_order_of_jobs_does_not_matter(rows, size, random):
    shuffled = random.sample(rows, len(rows))
    assert learnt(*rows).suggest("star", size, DEFAULT) == learnt(*shuffled).suggest("star", size, DEFAULT)


@given(st.lists(jobs, max_size=30), sizes)
def test_wall_time_stays_within_the_default_unless_jobs_needed_more(rows, size):
    minutes = learnt(*rows).suggest("star", size, DEFAULT).minutes
    longest = max((row["wall_s"] / 60 for row in rows if row["program"] == "star"), default=0.0)
    assert minutes <= max(DEFAULT.minutes, 10 * math.ceil(1.25 * longest / 10))


def test_few_jobs_other_programs_and_other_sizes_do_not_count():
    assert learnt(*[job()] * 4).suggest("star", 100, DEFAULT) == DEFAULT
    usage = learnt(*[job()] * 5)
    assert usage.suggest("star", 100, DEFAULT) != DEFAULT
    assert usage.suggest("superstar", 100, DEFAULT) == DEFAULT
    assert usage.suggest("star", 300, DEFAULT) == DEFAULT
    assert usage.suggest("star", 33, DEFAULT) == DEFAULT


def test_what_is_learnt_later_counts_as_well():
    usage = learnt(*[job()] * 5)
    assert usage.suggest("star", 100, DEFAULT).memory_mb == 500
    usage.learn([job(max_rss_mb=2000.0)])
    assert usage.suggest("star", 100, DEFAULT).memory_mb == 2500


def test_a_job_that_its_limits_have_ended_needs_more_than_those():
    usage = learnt(*[job()] * 5)
    assert usage.suggest("star", 100, DEFAULT).minutes == 20
    usage.learn([job(state="failed", cause="time", wall_s=1200.0)])
    assert usage.suggest("star", 100, DEFAULT).minutes == 60
    usage.learn([job(state="failed", cause="time", wall_s=3600.0)])  # a job that hangs does not grow for ever
    assert usage.suggest("star", 100, DEFAULT).minutes == 60
    usage.learn([job(state="failed", cause="memory", requested_mb=900, max_rss_mb=None, wall_s=None)])
    assert usage.suggest("star", 100, DEFAULT).memory_mb == 1200
    usage.learn([job(state="failed", cause="exit", max_rss_mb=9000.0), job(state="lost", max_rss_mb=9000.0)])
    assert usage.suggest("star", 100, DEFAULT).memory_mb == 1200


@pytest.fixture
def folder(tmp_path):
    """An analysis whose journal has jobs of many sizes, as the driver writes them."""
    made = Small(tmp_path / "crab", [task(f"star:{number}", resources=DEFAULT) for number in range(40)]).folder
    journal = Journal(made.journal, {"event": "start"})
    for number in range(40):
        about = {"task": f"star:{number}", "action": "ab12", "attempt": f"{number}", "requested_mb": 700}
        size = 2.0 ** (number % 8)
        end = {"event": "done", "max_rss_mb": 100.0 + number, "wall_s": 60.0 * number, "scratch_mb": 10.0 * number}
        if number == 39:
            end = {"event": "failed", "cause": "memory", "reason": "too little"}
        journal.write({**about, "event": "submitted"}, {**about, **end, "input_mb": size})
    journal.close()
    return made


def test_the_catalog_tells_what_jobs_have_used(folder):
    usage = Usage()
    usage.read(folder)
    assert usage.suggest("star", 8.0, DEFAULT) == DEFAULT  # there is no catalog yet
    catalog.rebuild(folder)
    with catalog.connect(folder) as connection:
        cursor = connection.execute("SELECT * FROM jobs")
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    (last,) = [row for row in rows if row["attempt"] == "39"]
    assert (last["cause"], last["requested_mb"], last["program"], last["cores"]) == ("memory", 700, "star", 2)
    usage.read(folder)
    told = learnt(*rows)
    suggested = {size: usage.suggest("star", size, DEFAULT) for size in (0.5, 1.0, 3.3, 64.0, 128.0, 300.0)}
    assert suggested == {size: told.suggest("star", size, DEFAULT) for size in suggested}
    assert len(set(suggested.values())) > 1
    assert suggested[64.0].memory_mb == 900  # of the job that ran out of its 700 MB


def test_exports_of_an_older_version_tell_nothing(folder):
    import duckdb

    folder.exports.mkdir()
    with duckdb.connect() as connection:
        target = str(folder.exports / "jobs.parquet")
        connection.execute(f"COPY (SELECT 'star' AS program) TO '{target}' (FORMAT parquet)")
    usage = Usage()
    usage.read(folder)
    assert usage.suggest("star", 8.0, DEFAULT) == DEFAULT
