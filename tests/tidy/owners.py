"""Who may import what: one owner for each third-party library and each system module.

A pattern is a path, with `*` for anything. A third-party library that is not in the table is a finding:
a new dependency is decided here. Standard modules that touch nothing outside the process are free.
"""

COMMAND_LINE = ("argosy/cli/*", "bench/*")
SHELL = "sql_lite_frontend/shell/*"

OWNERS: dict[str, tuple[str, ...]] = {
    # third party
    "lmdb": ("node/journal.py", "node/layout.py", "node/writer.py", "argosy/testing/files.py", "bench/embedded.py"),
    "cbor2": ("node/codec.py",),
    "trio": (
        "node/drivers/*",
        "argosy/embedded.py",
        "argosy/remote.py",
        "argosy/parking.py",
        "argosy/testing/virtual.py",
        *COMMAND_LINE,
    ),
    "cryptography": ("node/tls.py", "node/certificates.py"),
    "sortedcontainers": ("node/*", "ranges/*", "txn/*", "argosy/testing/*"),
    "structlog": COMMAND_LINE,
    "click": COMMAND_LINE,
    "rich": (*COMMAND_LINE, SHELL),
    "prompt_toolkit": (SHELL,),
    "sqlglot": (
        "sql_lite_frontend/parse.py",
        "sql_lite_frontend/selects.py",
        "sql_lite_frontend/definitions.py",
        "sql_lite_frontend/terms.py",
    ),
    "airportsdata": ("bench/*",),
    "matplotlib": ("bench/plots.py", "bench/parts.py"),
    "pytest": ("argosy/plugin.py",),
    # sockets
    "socket": ("node/link.py", "node/sockets.py", "bench/*"),
    "select": (),
    "selectors": ("node/link.py", "node/sockets.py", "bench/*"),
    "ssl": ("node/tls.py",),
    # threads and processes
    "threading": (
        "node/journal.py",
        "node/drivers/*",
        "argosy/remote.py",
        "argosy/dbapi/connection.py",
        SHELL,
        "bench/*",
    ),
    "queue": ("node/journal.py", "node/drivers/*", "argosy/testing/real_journal.py"),
    "multiprocessing": (),
    "concurrent": (),
    "asyncio": (),
    "subprocess": ("node/state.py", "node/writer.py", "node/dump.py", SHELL, "bench/*"),
    "signal": ("node/writer.py", "node/dump.py", "argosy/testing/real_state.py", SHELL, *COMMAND_LINE),
    # time and chance
    "time": ("node/clock.py", "bench/*"),
    "datetime": (
        "node/clock.py",
        "sql_lite_frontend/values.py",
        "sql_lite_frontend/times.py",
        "sql_lite_frontend/keys.py",
        "argosy/dbapi/values.py",
        SHELL,
    ),
    "random": ("argosy/local.py", "argosy/embedded.py", "argosy/remote.py", "argosy/testing/*", "bench/*"),
    "secrets": (),
    "uuid": (),
    # what takes code from outside, or tempts to
    "pickle": (),
    "shelve": (),
    "marshal": (),
    "sqlite3": ("bench/*",),
}
