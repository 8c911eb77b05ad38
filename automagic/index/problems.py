"""What is wrong in storage, as rows with a sentence each. All in SQL, on whole columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

KINDS = {
    "versions": "two versions of a run",
    "twice": "the same file twice",
    "telescope": "a telescope missing",
    "unequal": "unequal numbers of subruns",
    "gap": "a gap in subruns",
    "report": "a report missing, empty or broken",
    "empty": "an empty file",
    "shrank": "a file that shrank",
    "header": "a file that cannot be read",
    "inside": "a file whose inside is of another run",
    "disagree": "files of one run that disagree",
    "folder": "a folder that cannot be read",
}
"""Kind of problem, in words."""

MACROS = (
    "CREATE OR REPLACE MACRO the_run(number) AS format('run {:08d}', number)",
    "CREATE OR REPLACE MACRO numbers(all_of) AS "
    "array_to_string(list_transform(all_of, lambda x: format('{:03d}', x)), ', ')",
    "CREATE OR REPLACE MACRO in_version(version) AS coalesce(' in version ' || version, '')",
    "CREATE OR REPLACE MACRO stereo(level) AS level IN ('raw', 'calibrated', 'star')",
)

QUERIES = (
    """
    SELECT 'versions' AS kind, run, NULL AS telescope, NULL AS path,
        the_run(run) || ': there are ' || count(*) || ' versions of its ' || level || ' files ('
        || string_agg(coalesce(version, 'one without a number'), ', ' ORDER BY version NULLS FIRST)
        || '); the newest is taken' AS text, level
    FROM runs GROUP BY run, level HAVING count(*) > 1
    """,
    """
    SELECT 'twice', run, telescope, min(folder || '/' || name),
        name || ' is there ' || count(*) || ' times, in ' || string_agg(folder, ' and ' ORDER BY folder)
        || '; the first is taken', level
    FROM files f
    SEMI JOIN (
        SELECT kind, run, level, telescope, subrun FROM files WHERE kind <> 'summary' GROUP BY ALL HAVING count(*) > 1
    ) d ON d.kind = f.kind AND d.level = f.level AND d.run IS NOT DISTINCT FROM f.run
        AND d.telescope IS NOT DISTINCT FROM f.telescope AND d.subrun IS NOT DISTINCT FROM f.subrun
    GROUP BY run, level, telescope, name, version, mc_version, period, folder_sample HAVING count(*) > 1
    """,
    """
    SELECT 'telescope', run, t, NULL,
        the_run(run) || ' has no ' || level || ' file of M' || t || in_version(version), level
    FROM (SELECT *, CASE WHEN subruns_m1 = 0 THEN 1 ELSE 2 END AS t FROM runs)
    WHERE stereo(level) AND (subruns_m1 = 0 OR subruns_m2 = 0)
    """,
    """
    SELECT 'unequal', run, NULL, NULL,
        the_run(run) || ': M1 has ' || n1 || ' ' || level || ' subruns and M2 has ' || n2 || in_version(version)
        || CASE WHEN len(no1) > 0 THEN '; M1 lacks ' || numbers(no1) ELSE '' END
        || CASE WHEN len(no2) > 0 THEN '; M2 lacks ' || numbers(no2) ELSE '' END, level
    FROM (
        SELECT run, level, version, count(*) FILTER (m1) AS n1, count(*) FILTER (m2) AS n2,
            coalesce(list(subrun ORDER BY subrun) FILTER (NOT m1), []) AS no1,
            coalesce(list(subrun ORDER BY subrun) FILTER (NOT m2), []) AS no2
        FROM subruns WHERE stereo(level)
            AND run IN (SELECT run FROM runs WHERE stereo(level) AND subruns_m1 <> subruns_m2)
        GROUP BY ALL
    )
    WHERE n1 > 0 AND n2 > 0 AND n1 <> n2
    """,
    """
    SELECT 'gap', run, telescope, NULL,
        the_run(run) || ': the ' || level || ' files of M' || telescope || in_version(version) || ' go to subrun '
        || format('{:03d}', last) || ' but lack ' || numbers(lacking), level
    FROM (
        SELECT f.run, f.level, f.version, f.telescope, any_value(g.last) AS last,
            list_filter(range(1, any_value(g.last) + 1), lambda x: NOT list_contains(list(subrun), x)) AS lacking
        FROM files f JOIN (
            SELECT run, level, version, telescope, max(subrun)::INTEGER AS last FROM files
            WHERE kind = 'data' AND stereo(level) GROUP BY ALL
            HAVING count(DISTINCT subrun) FILTER (subrun > 0) < max(subrun)
        ) g ON g.run = f.run AND g.level = f.level AND g.telescope = f.telescope
            AND g.version IS NOT DISTINCT FROM f.version
        GROUP BY f.run, f.level, f.version, f.telescope
    )
    """,
    """
    SELECT DISTINCT 'report', run, t, NULL,
        the_run(run) || ': subrun ' || format('{:03d}', subrun) || ' of M' || t || ' has no report', 'report'
    FROM (
        SELECT run, subrun, 1 AS t FROM subruns WHERE level = 'raw' AND m1 AND NOT report_m1
        UNION ALL
        SELECT run, subrun, 2 FROM subruns WHERE level = 'raw' AND m2 AND NOT report_m2
    )
    """,
    """
    SELECT 'report', run, telescope, folder || '/' || name,
        the_run(run) || ': the report of subrun ' || format('{:03d}', subrun) || ' of M' || telescope || ' is empty',
        level
    FROM files WHERE level = 'report' AND size = 0
    """,
    """
    SELECT 'report', run, telescope, f.folder || '/' || f.name,
        the_run(run) || ': ' || broken || ' of ' || "lines" || ' lines in the report of subrun '
        || format('{:03d}', subrun) || ' of M' || telescope || ' are broken', level
    FROM files f JOIN headers h ON h.folder = f.folder AND h.name = f.name WHERE broken > 0
    """,
    """
    SELECT 'empty', run, telescope, folder || '/' || name, name || ' is empty (0 bytes)', level
    FROM files WHERE size = 0 AND level <> 'report'
    """,
    """
    SELECT 'shrank', run, telescope, folder || '/' || name,
        name || ' has ' || size || ' bytes and had ' || largest, level
    FROM files WHERE size < largest
    """,
    """
    SELECT 'header', f.run, f.telescope, f.folder || '/' || f.name, f.name || ' cannot be read: ' || error, f.level
    FROM files f JOIN headers h ON h.folder = f.folder AND h.name = f.name WHERE error IS NOT NULL
    """,
    """
    SELECT 'inside', f.run, f.telescope, f.folder || '/' || f.name,
        f.name || ' is of ' || the_run(run_inside) || ' by what is inside', f.level
    FROM files f JOIN headers h ON h.folder = f.folder AND h.name = f.name WHERE run_inside <> f.run
    """,
    """
    SELECT 'disagree', run, NULL, NULL,
        the_run(run) || ': its files do not agree: ' || string_agg(said, ', ' ORDER BY n DESC, said), NULL
    FROM (
        SELECT run, n, n || CASE WHEN n = 1 THEN ' is' ELSE ' are' END || ' of ' || source
            || coalesce('-' || wobble, '') || ' in the night ' || night AS said
        FROM (SELECT run, night, source, wobble, count(*) AS n FROM files WHERE kind = 'data' GROUP BY ALL)
    )
    GROUP BY run HAVING count(*) > 1
    """,
    """
    SELECT 'folder', NULL, NULL, path, 'the folder ' || path || ' cannot be read: ' || error, NULL
    FROM folders WHERE error IS NOT NULL
    """,
)
"""One query a kind of finding: kind, run, telescope, path, text, and the level of the files (`None`: any)."""

FINDINGS = """
CREATE OR REPLACE TEMP TABLE findings
    (kind VARCHAR, run INTEGER, telescope TINYINT, path VARCHAR, text VARCHAR, level VARCHAR)
"""

PROBLEMS = """
CREATE OR REPLACE TABLE problems AS
SELECT DISTINCT f.*, coalesce(s.first_seen, $1) AS first_seen
FROM findings f LEFT JOIN (
    SELECT kind, run, telescope, path, text, min(first_seen) AS first_seen FROM old_problems GROUP BY ALL
) s ON s.kind = f.kind AND s.run IS NOT DISTINCT FROM f.run AND s.telescope IS NOT DISTINCT FROM f.telescope
    AND s.path IS NOT DISTINCT FROM f.path AND s.text = f.text
"""


def find_problems(connection: Any) -> None:
    """Make the table ``problems`` of a DuckDB connection that has the others.

    A problem that ``old_problems``, those of the last pass, has too keeps its ``first_seen``.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for macro in MACROS:
        connection.execute(macro)
    connection.execute(FINDINGS)
    for query in QUERIES:
        connection.execute("INSERT INTO findings " + query)
    connection.execute(PROBLEMS, [now])
