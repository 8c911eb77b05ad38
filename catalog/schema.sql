-- The catalog of one analysis, catalog.duckdb.
--
-- It is derived, never edited: graph.duckdb (what the analysis asks for), the journal (what happened) and the receipts in
-- store/ (what each job read and made) are the truth, and automagic.bookkeeping.catalog rebuilds all of it from them.
-- Every table is exported, ordered, as catalog/<table>.parquet. Keys are not declared: rows are unique by how they are
-- made, and checking that takes longer than all the rest.
-- Times are UTC text, 2026-01-31T12:00:00Z. Hashes are SHA-256 in hex.

-- What the catalog is about: analysis, engine, environment.<engine> (image or host environment, and its digest), schema, live (a driver was running), note.1, note.2 … (what the selection left out, and why)
CREATE TABLE meta (
    key   VARCHAR NOT NULL,
    value VARCHAR
);

-- The selected runs. One row a run (both telescopes).
CREATE TABLE runs (
    run        BIGINT  NOT NULL,  -- 8-digit run number
    night      VARCHAR,           -- date of the night, 2013-01-31
    source     VARCHAR,
    wobble     VARCHAR,           -- as in the file names, W0.40+035
    zenith     DOUBLE,            -- deg, mean
    azimuth    DOUBLE,            -- deg, mean
    period     VARCHAR,           -- observation period, ST.03.07 …
    attributes VARCHAR            -- JSON: everything else that the index knows of the run
);

-- The selection: each run of the source (and others near it) that was looked at, taken or left out for one reason.
CREATE TABLE selection (
    run          BIGINT  NOT NULL,
    taken        BOOLEAN,
    cause        VARCHAR,         -- the key of [data] that left it out, or telescope, calibration, reports; NULL: taken
    reason       VARCHAR,         -- the same as a sentence
    night        VARCHAR,
    source       VARCHAR,
    wobble       VARCHAR,
    level        VARCHAR,         -- of the files that were found
    start        VARCHAR,
    minutes      DOUBLE,
    zenith_min   DOUBLE,          -- deg
    zenith_max   DOUBLE,          -- deg
    azimuth      DOUBLE,          -- deg
    period       VARCHAR,
    nsb          DOUBLE,          -- in units of a dark night's
    hv           VARCHAR,         -- nominal, reduced
    trigger      VARCHAR,         -- standard, sumt
    transmission DOUBLE,          -- of aerosols, 9 km to ground, relative to a clear night
    cloudiness   DOUBLE,          -- percent
    rate         DOUBLE,          -- Hz, L3
    version      VARCHAR,         -- of the processing
    conditions   VARCHAR,         -- in words
    remarks      VARCHAR          -- what is unusual about a run that is taken
);

-- Files in storage that tasks read. Files that tasks make are products.
CREATE TABLE files (
    path       VARCHAR NOT NULL,
    name       VARCHAR,
    level      VARCHAR,           -- raw, calibrated, star …
    run        BIGINT,
    telescope  INTEGER,           -- 1, 2, or NULL for both
    size       BIGINT,            -- bytes; NULL where the file was not there
    mtime_ns   BIGINT,            -- when its content changed last, as its file system tells; with the next two and the
    inode      UBIGINT,           -- size it is seen whether a file was touched since its hash was taken
    ctime_ns   BIGINT,
    sha256     VARCHAR
);

-- The Monte Carlo sets that the analysis uses.
CREATE TABLE mc_sets (
    mc_set     VARCHAR NOT NULL,
    particle   VARCHAR,
    kind       VARCHAR,           -- point-like, ring, diffuse
    zenith_min DOUBLE,            -- deg
    zenith_max DOUBLE,            -- deg
    period     VARCHAR,
    attributes VARCHAR            -- JSON: the rest
);

-- The tasks of the analysis as it is now. One row a node of the graph.
CREATE TABLE tasks (
    task       VARCHAR NOT NULL,  -- stage:what, e.g. star:05029747.M1
    position   INTEGER,           -- topological order
    stage      VARCHAR,
    program    VARCHAR,
    engine     VARCHAR,           -- openmars, mars, science
    executable VARCHAR,
    arguments  VARCHAR,           -- words after the executable, quoted as for a shell
    card       VARCHAR,           -- hash of the rendered card; NULL without one
    recipe     VARCHAR,           -- hash of what the task itself brings into its action: all but engine and inputs
    form       VARCHAR,           -- hash of the card without comments, in order
    action     VARCHAR,           -- the action that was last done for it; NULL where none was
    state      VARCHAR,           -- done (and nothing has changed since), failed, blocked (something before it failed), pending
    reason     VARCHAR,           -- why it failed or is blocked
    cores      INTEGER,
    memory_mb  INTEGER,
    disk_mb    INTEGER,
    minutes    DOUBLE
);

-- Attempts. One row each time that a job was started, in this analysis, ever.
CREATE TABLE jobs (
    attempt      VARCHAR NOT NULL,
    task         VARCHAR,
    action       VARCHAR,
    program      VARCHAR,         -- NULL where the analysis does not have the task any more
    state        VARCHAR,         -- done, failed, cancelled, running, lost (the driver died first)
    cause        VARCHAR,         -- of a failed job: exit, signal, time, disk, memory … (automagic/executors/policy.py)
    reason       VARCHAR,         -- the same as a sentence
    exit_code    INTEGER,
    remark       VARCHAR,         -- of a done job: what its exit code means, where that is not 0 and tolerated
    submitted    VARCHAR,
    started      VARCHAR,
    ended        VARCHAR,
    wall_s       DOUBLE,
    cpu_s        DOUBLE,
    cores        INTEGER,
    input_mb     DOUBLE,          -- size of its inputs
    requested_mb DOUBLE,          -- memory that it was given at first
    max_rss_mb   DOUBLE,          -- memory that it used
    disk_mb      DOUBLE,          -- what lay in its scratch folder at the end, inputs not counted
    host         VARCHAR,
    environment  VARCHAR          -- "image sha256:…", or "host environment sha256:…"
);

-- What was last done for each task that is in the analysis. One row a task; tasks.state tells whether it still counts.
CREATE TABLE made (
    task          VARCHAR NOT NULL,
    action        VARCHAR,
    recipe        VARCHAR,        -- as they were then; NULL in what older versions made
    form          VARCHAR,
    engine_digest VARCHAR,
    attempt       VARCHAR,        -- NULL where the action was found in the store
    time          VARCHAR,
    origin        VARCHAR,        -- the analysis or store that it was taken from; NULL where it was made here
    host          VARCHAR,        -- where its job ran, and the CPU time of that (s); NULL where it was found in the store
    cpu_s         DOUBLE          -- from an earlier time of this analysis: then jobs has them
);

-- Files that the tasks made, as they are in store/. One row a file of what was last done for a task.
CREATE TABLE products (
    task    VARCHAR NOT NULL,
    name    VARCHAR NOT NULL,     -- below the action's folder
    level   VARCHAR,              -- star, superstar, melibea, dl3, result …
    link    VARCHAR,              -- where a person finds it, relative to the analysis folder
    path    VARCHAR,              -- where it is, relative to the analysis folder
    size    BIGINT,
    sha256  VARCHAR,
    action  VARCHAR,
    mtime_ns BIGINT,              -- as for files; NULL where the file was not looked at since it was made
    inode    UBIGINT,
    ctime_ns BIGINT
);

-- What was read for that. One row an input file.
CREATE TABLE lineage (
    task      VARCHAR NOT NULL,
    role      VARCHAR NOT NULL,   -- what the file was to the program: calibrated, m1, mc …
    name      VARCHAR NOT NULL,
    sha256    VARCHAR,
    from_task VARCHAR,            -- the task that made it; NULL for a file in storage
    path      VARCHAR,            -- the file in storage; NULL for a product
    action    VARCHAR
);

-- The rendered cards. One row a different card.
CREATE TABLE cards (
    card    VARCHAR NOT NULL,     -- hash of the text
    program VARCHAR,
    text    VARCHAR
);

-- Under which conditions a task's data were taken or simulated: run, telescope, zenith, period, nsb, cleaning levels …
CREATE TABLE conditions (
    task   VARCHAR NOT NULL,
    key    VARCHAR NOT NULL,
    value  VARCHAR,
    number DOUBLE                 -- the same as a number, where it is one
);

-- Numbers that the science steps found, from the "results" lists of their JSON products.
CREATE TABLE results (
    task     VARCHAR NOT NULL,
    key      VARCHAR NOT NULL,    -- e.g. spectrum.amplitude
    value    DOUBLE,              -- NULL where it is a word
    error    DOUBLE,
    unit     VARCHAR,
    text     VARCHAR,             -- the value where it is not a number
    product  VARCHAR              -- name of the JSON file
);

-- Products that came out otherwise when their task was run again (automagic audit --reexecute). One row a product and time.
CREATE TABLE nondeterminism (
    time    VARCHAR,
    task    VARCHAR,
    action  VARCHAR,
    product VARCHAR,
    sha256  VARCHAR,              -- as it is in store/
    again   VARCHAR,              -- as it came out; NULL where it did not
    report  VARCHAR               -- where the two differ, a finding a line
);

-- What was taken from elsewhere and not computed: from the shared store of the site, or from another analysis. One row an
-- event, ever; its CPU time was spent by who made it, and is not in jobs.
CREATE TABLE taken (
    time     VARCHAR,
    task     VARCHAR,
    action   VARCHAR,
    stage    VARCHAR,
    program  VARCHAR,             -- NULL where the analysis does not have the task any more
    origin   VARCHAR,             -- path of the store or analysis
    maker    VARCHAR,             -- user who made it, where that is known
    made     VARCHAR,             -- when
    host     VARCHAR,             -- where
    cpu_s    DOUBLE,              -- what it took then
    how      VARCHAR,             -- link (takes no further place), copy; NULL where that is not known
    size     BIGINT               -- bytes of its products
);
