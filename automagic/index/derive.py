"""Tables made from ``files`` and ``headers``: subruns, runs, sets of Monte Carlo. All in SQL, on whole columns."""

from __future__ import annotations

from typing import Any

SUBRUNS = """
CREATE OR REPLACE TABLE subruns AS
WITH sizes AS (
    SELECT run, level, version, subrun, telescope, max(size) AS size
    FROM files WHERE kind = 'data' AND telescope IS NOT NULL AND level <> 'report' GROUP BY ALL
), reports AS (
    SELECT DISTINCT run, subrun, telescope FROM files WHERE level = 'report'
)
SELECT s.run, s.level, s.version, s.subrun, bool_or(s.telescope = 1) AS m1, bool_or(s.telescope = 2) AS m2,
    max(s.size) FILTER (s.telescope = 1) AS size_m1, max(s.size) FILTER (s.telescope = 2) AS size_m2,
    bool_or(s.telescope = 1 AND r.run IS NOT NULL) AS report_m1,
    bool_or(s.telescope = 2 AND r.run IS NOT NULL) AS report_m2
FROM sizes s LEFT JOIN reports r ON r.run = s.run AND r.subrun = s.subrun AND r.telescope = s.telescope
GROUP BY s.run, s.level, s.version, s.subrun
"""

INSIDE = """
CREATE OR REPLACE TEMP VIEW inside AS
SELECT f.run, f.level, f.version, f.telescope, f.subrun, f.night, h.* EXCLUDE (folder, name, size, mtime_ns)
FROM files f JOIN headers h ON h.folder = f.folder AND h.name = f.name
WHERE f.kind = 'data' AND h.error IS NULL AND (run_inside IS NULL OR run_inside = f.run)
"""

CONDITIONS = """
CREATE OR REPLACE TEMP TABLE conditions AS
WITH own AS (
    SELECT * EXCLUDE (level), CASE level WHEN 'report' THEN 'raw' ELSE level END AS level FROM inside
), placed AS (
    -- reports have a folder of their own, often without a version: they go with every version of their run
    SELECT * EXCLUDE (version), version FROM own
    WHERE NOT (level = 'raw' AND "lines" IS NOT NULL)
    UNION ALL
    SELECT o.* EXCLUDE (version), v.version
    FROM (SELECT * FROM own WHERE level = 'raw' AND "lines" IS NOT NULL) o
    JOIN (SELECT DISTINCT run, version FROM files WHERE level = 'raw') v ON v.run = o.run
), timed AS (
    SELECT run, level, version, coalesce(subrun, -1) AS subrun, max(seconds) AS seconds
    FROM placed GROUP BY ALL
), minutes AS (
    SELECT run, level, version, sum(seconds) / 60 AS minutes FROM timed GROUP BY ALL
)
SELECT p.run, p.level, p.version,
    round(min(zenith_min), 2) AS zenith_min, round(max(zenith_max), 2) AS zenith_max,
    round((degrees(atan2(avg(sin(radians(azimuth))), avg(cos(radians(azimuth))))) + 360) % 360, 2) AS azimuth,
    min(start) AS start, max(stop) AS stop, any_value(m.minutes) AS minutes,
    round(median(ra), 5) AS ra, round(median(dec), 5) AS dec,
    round(median(dc_na), 1) AS dc_na, round(median(nsb), 3) AS nsb,
    round(min(transmission), 4) AS transmission, round(avg(transmission_mean), 4) AS transmission_mean,
    round(avg(cloudiness), 2) AS cloudiness, round(avg(rate), 3) AS rate,
    CASE WHEN count(DISTINCT trigger) = 1 THEN any_value(trigger) END AS trigger,
    CASE WHEN count(DISTINCT hv) = 1 THEN any_value(hv) END AS hv,
    max(mars_version) AS mars_version, sum(events) AS events,
    string_agg(dc_track, ';' ORDER BY start, p.telescope) AS dc_track
FROM placed p JOIN minutes m ON m.run = p.run AND m.level = p.level AND m.version IS NOT DISTINCT FROM p.version
GROUP BY p.run, p.level, p.version
"""

RUNS = """
CREATE OR REPLACE TABLE runs AS
WITH named AS (
    SELECT run, level, version, night, source, wobble, count(*) AS n FROM files
    WHERE kind = 'data' AND level <> 'report' GROUP BY ALL
), first AS (
    -- files that disagree are a problem of their own; what most of them say counts
    SELECT * EXCLUDE (n) FROM named
    QUALIFY row_number() OVER (PARTITION BY run, level, version ORDER BY n DESC, night, source, wobble) = 1
), counted AS (
    SELECT run, level, version, count(*) AS files, sum(size)::BIGINT AS bytes,
        count(DISTINCT subrun) FILTER (telescope = 1) AS subruns_m1,
        count(DISTINCT subrun) FILTER (telescope = 2) AS subruns_m2
    FROM files WHERE kind = 'data' AND level <> 'report' GROUP BY ALL
)
SELECT r.*, n.files, n.bytes, n.subruns_m1, n.subruns_m2, p.name AS period, c.* EXCLUDE (run, level, version)
FROM first r
JOIN counted n ON n.run = r.run AND n.level = r.level AND n.version IS NOT DISTINCT FROM r.version
LEFT JOIN conditions c ON c.run = r.run AND c.level = r.level AND c.version IS NOT DISTINCT FROM r.version
LEFT JOIN periods p ON r.night = p.night
"""

MC_SETS = """
CREATE OR REPLACE TABLE mc_sets AS
SELECT format('GA_za{:02d}to{:02d}_{}', f.zenith_min, f.zenith_max, geometry) AS mc_set,
    f.zenith_min, f.zenith_max, geometry, level, period, mc_version,
    count(*) AS files, sum(f.size)::BIGINT AS bytes,
    count(*) FILTER (coalesce(folder_sample, sample) = 'TRAIN' OR half = 1) AS training,
    count(*) FILTER (coalesce(folder_sample, sample) = 'TEST' OR half = 2) AS test,
    CASE WHEN count(DISTINCT h.trigger) = 1 THEN any_value(h.trigger) END AS trigger,
    CASE WHEN count(DISTINCT h.nsb) = 1 THEN any_value(h.nsb) END AS nsb
FROM files f LEFT JOIN headers h ON h.folder = f.folder AND h.name = f.name AND h.error IS NULL
WHERE kind = 'mc'
GROUP BY f.zenith_min, f.zenith_max, geometry, level, period, mc_version
"""


def derive(connection: Any) -> None:
    """Make the tables ``subruns``, ``runs`` and ``mc_sets`` of a DuckDB connection that has the others."""
    from automagic.index.periods import period

    nights = connection.execute("SELECT DISTINCT night FROM files WHERE night IS NOT NULL").fetchall()
    connection.execute("CREATE OR REPLACE TEMP TABLE periods (night VARCHAR, name VARCHAR)")
    known = [(night, period(night)) for (night,) in nights]
    if known:
        connection.execute(
            "INSERT INTO periods SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[])",
            [[night for night, _ in known], [name for _, name in known]],
        )
    for statement in (SUBRUNS, INSIDE, CONDITIONS, RUNS, MC_SETS):
        connection.execute(statement)
