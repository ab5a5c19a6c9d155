"""SQL: tables over the transactional key space of `txn`.

A table is a span of keys, a row one value in it, an index a span beside it with an entry for each row. A statement is
one transaction, and BEGIN … COMMIT is one transaction over several statements, strictly serializable as all are
(txn/__init__.py). This package knows tables and nothing of ranges. It is free of I/O: statements are flows
(node/flow.py) over a `Database` and its `Transaction`s, so the same engine runs in the plain form, under trio, in a
client and in the simulated world.

The life of a statement
-----------------------
    text
     parse   limits.py, parse.py, selects.py, terms.py   bytes, tokens, depth; then sqlglot; what we lack is refused
      = tree             tree.py                         what was written; kept by its text
     schema              schema.py                       the catalog's version, read in the statement's transaction
     bind                binder.py, queries.py, changes.py    names -> fields, types; the plan that the text says
                         clauses.py, combined.py, subqueries.py
      = plan             plan.py, bound.py
     rules               planner.py, rules/              named, in a stated order
     make                execution.py, expressions.py, scans.py   functions of Python, generated from syntax trees
      = executable                                       kept by text and parameter types, under the catalog's version
     execute             sources.py, operators.py, joins.py, groups.py, answers.py   batches, pulled from above
                         writes.py, pending.py, conflicts.py  changes, handed to the transaction when all are known
                         ddl.py, indexes.py              changes of the catalog; an index is built beside other work
                         explain.py, analysis.py         a plan as text, with what each part did; SHOW: listings.py
    result               session.py                      rows stream; the snapshot is the statement's

Rules of the package
--------------------
1. What is not supported is refused by its name and place. Each parsed node names the parts that it understands.
2. An expression has a type before it runs. Types that do not fit are told with the place; there are few implicit
   casts: a number becomes a wider number, a written or given text a DATE or TIMESTAMP.
3. A statement reads the catalog's version in its transaction. Every change of the catalog writes a value there that
   was never there before. So a plan made under a version is right for whoever reads that version, and a statement
   and a change that overlap conflict.
4. A statement hands its changes to the transaction when all of them are known and checked. One that fails has
   changed nothing, and none meets its own rows.
5. No text is compiled: generated functions come from syntax trees with names made here.
6. What is held in memory is bounded (`HELD_BYTES_MAX`), and the bound has an error, 53200.

The planner
-----------
There are no statistics; a plan follows from the text, the primary keys and the indexes. Rules (planner.py:RULES):
constants are folded; parts of conditions go down to where their fields are; what a scan's condition says of the
primary key or of an index becomes the spans that it reads, and a whole key a get (sql_lite_frontend/rules/spans.py
has the order of preference); an index that holds all that is needed is read alone, else rows are fetched behind its
entries, many at once; equal fields become the keys of a join, and a join looks right rows up by a key where the left
side is a part of a table, else it hashes the right side; sorts that a scan's order does already are dropped; a limit
tells scans and sorts how little is wanted; scans take only the columns that are needed.
Tables are joined in the order in which they are written.

What differs from SQLite
------------------------
UNION, INTERSECT and EXCEPT are taken from the left, as there; INTERSECT ALL and EXCEPT ALL count rows. A query that
WITH names is carried out anew wherever it is used.
Types are strict: a column holds its type or NULL, a condition is BOOLEAN, TEXT and INTEGER do not compare.
x / 0 is an error (22012), not NULL. INTEGER beyond 64 bits is an error (22003), not REAL. LIKE tells large from small
letters. A table needs a PRIMARY KEY, whose columns are NOT NULL. A UNIQUE constraint is a unique index with a name,
which DROP INDEX drops. What is UNIQUE is looked at after a statement, so an UPDATE may exchange values. A CHECK is
a BOOLEAN without subqueries. ON CONFLICT DO UPDATE names the columns of a key, and meets no row that its own statement
wrote: that is an error (21000), as in PostgreSQL; over many rows of parameters each is a statement. RETURNING sees
tables as they were before its statement. Every column of
the result is grouped or aggregated. SUM of REALs is rounded once for a batch. MIN and MAX of several values are LEAST
and GREATEST. CONCAT takes NULL for an empty text. DATE + INTEGER are days later; parts of times are whole numbers.
NULL sorts first, and last with DESC, as there. INTEGER / INTEGER is cut towards zero, as there. BOOLEANs are no
numbers, NUMERIC is exact to 38 digits; a number with a point is REAL, but NUMERIC beside a NUMERIC.

Left out, and where it goes
---------------------------
- IS NULL as a span of an index. Indexes on expressions, or with DESC.
- ALTER TABLE: rows begin with a format (rows.py).
- WITH RECURSIVE, ANY and ALL, rows of several values, aggregates of an outer query's columns, names of WITH that see
  columns from outside. Window functions: a node.
- RETURNING for many rows of parameters; ON CONFLICT twice, or ON CONSTRAINT.
- FULL JOIN; INTERVAL; ORDER BY within an aggregate.
- Tables without a primary key. CURRENT_TIMESTAMP and what else needs a clock. Collations, arrays, JSON.
- Sorts and groups that go to disk. Statistics, and an order of joins by cost.
- A literal list of many rows is parsed value by value, which costs more than all the rest: parameters are faster.
Read next: sql_lite_frontend/session.py.
"""
