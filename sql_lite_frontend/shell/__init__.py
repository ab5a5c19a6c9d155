"""The shell: SQL statements and commands typed by a person, or read from a script, and what comes of them.

    loop.py          a person types: prompt, history, keys
    script.py        a file, a pipe or an option: stops at the first error
      scanning.py    where a statement ends
     shell.py        carries one statement or command out, tells errors
      cancelling.py  Ctrl-C ends the statement
      commands.py    \\d and its kin; describing.py and exporting.py do the work of larger ones
       importing.py  a file's rows into a table; taking.py carries the batches out
        records.py   what a row is; guessing.py and converting.py: its types and values
      forms.py       how results look
      screen.py      where they go: terminal, pager, pipe
      progress.py    how far a long command is
     catalog.py      the tables that are known, for completion.py and \\d

Left out: compressed files; CSV with other delimiters than comma and tab.

It takes an engine (sql_lite_frontend/session.py) and what runs flows, and knows nothing of how they came to be:
argosy/cli/sql.py puts them together. Importing this package's modules needs `pip install 'argosy[sql]'`.
Read next: sql_lite_frontend/shell/shell.py.
"""
