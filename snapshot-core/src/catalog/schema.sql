-- The catalog of a store, version 1. docs/format.md tells what it means.

-- One row: the store that the catalog belongs to, and the identity of its
-- directory. On another disk the numbers in `stored` are worth nothing. In
-- `damaged`, how many rows were lost that older snapshots may have had.
CREATE TABLE store (
    id       TEXT NOT NULL,
    inode    INTEGER NOT NULL,
    born     INTEGER,
    born_ns  INTEGER,
    damaged  INTEGER NOT NULL
);

-- The snapshots that the rows below tell of.
CREATE TABLE snapshot (
    sequence        INTEGER PRIMARY KEY,
    name            TEXT NOT NULL,
    rules           TEXT NOT NULL,
    directory_bytes INTEGER NOT NULL,
    crc32           INTEGER NOT NULL
);

-- The filesystems of the sources, known by their roots.
CREATE TABLE mount (
    id       INTEGER PRIMARY KEY,
    inode    INTEGER NOT NULL,
    born     INTEGER,
    born_ns  INTEGER,
    path     BLOB NOT NULL,
    crc32    INTEGER NOT NULL
);

-- Every path of a directory, once.
CREATE TABLE directory (
    id       INTEGER PRIMARY KEY,
    up       INTEGER NOT NULL,
    name     BLOB NOT NULL,
    changed  INTEGER NOT NULL,
    crc32    INTEGER NOT NULL,
    UNIQUE (up, name)
);

-- The versions that the newest snapshot has. What a run asks for each entry
-- comes first.
CREATE TABLE entry (
    dir       INTEGER NOT NULL,
    name      BLOB NOT NULL,
    first     INTEGER NOT NULL,
    mark      INTEGER NOT NULL,
    stored    INTEGER,
    mode      INTEGER NOT NULL,
    uid       INTEGER NOT NULL,
    gid       INTEGER NOT NULL,
    size      INTEGER NOT NULL,
    mtime     INTEGER NOT NULL,
    mtime_ns  INTEGER NOT NULL,
    ctime     INTEGER NOT NULL,
    ctime_ns  INTEGER NOT NULL,
    inode     INTEGER NOT NULL,
    mount     INTEGER NOT NULL,
    allocated INTEGER NOT NULL,
    racy      INTEGER NOT NULL,
    shared    INTEGER NOT NULL,
    device    INTEGER NOT NULL,
    target    BLOB,
    xattrs    BLOB,
    blake3    BLOB,
    crc32     INTEGER NOT NULL,
    PRIMARY KEY (dir, name)
) WITHOUT ROWID;

-- A file that has another name now is found by its inode in the source.
CREATE INDEX entry_inode ON entry (inode);
CREATE INDEX entry_shared ON entry (stored) WHERE shared;

-- The versions that only older snapshots have.
CREATE TABLE past (
    dir       INTEGER NOT NULL,
    name      BLOB NOT NULL,
    first     INTEGER NOT NULL,
    until     INTEGER NOT NULL,
    mark      INTEGER NOT NULL,
    stored    INTEGER,
    mode      INTEGER NOT NULL,
    uid       INTEGER NOT NULL,
    gid       INTEGER NOT NULL,
    size      INTEGER NOT NULL,
    mtime     INTEGER NOT NULL,
    mtime_ns  INTEGER NOT NULL,
    ctime     INTEGER NOT NULL,
    ctime_ns  INTEGER NOT NULL,
    inode     INTEGER NOT NULL,
    mount     INTEGER NOT NULL,
    allocated INTEGER NOT NULL,
    racy      INTEGER NOT NULL,
    shared    INTEGER NOT NULL,
    device    INTEGER NOT NULL,
    target    BLOB,
    xattrs    BLOB,
    blake3    BLOB,
    crc32     INTEGER NOT NULL,
    PRIMARY KEY (dir, name, first)
) WITHOUT ROWID;

CREATE INDEX past_range ON past (until, first);
CREATE INDEX past_shared ON past (stored) WHERE shared;
-- A directory that was moved is found by its inode in the source.
CREATE INDEX past_directory ON past (inode) WHERE mode & 61440 = 16384;

-- All of them, for those who ask by hand.
CREATE VIEW version AS
    SELECT dir, name, first, NULL AS until, mode, uid, gid, size, mtime, mtime_ns, ctime, ctime_ns,
           inode, mount, stored, allocated, racy, shared, device, target, xattrs, blake3
    FROM entry
    UNION ALL
    SELECT dir, name, first, until, mode, uid, gid, size, mtime, mtime_ns, ctime, ctime_ns,
           inode, mount, stored, allocated, racy, shared, device, target, xattrs, blake3
    FROM past;
