"""From text to statements (sql_lite_frontend/tree.py): sqlglot reads the text, after limits; what we lack is refused.

Owns the dialect and what may stand where in a statement: each node that is taken up names the parts it understands,
and any other part that is there is refused with 0A000, by its name and place. Expressions: sql_lite_frontend/terms.py;
CREATE and DROP: sql_lite_frontend/definitions.py. Does not own names and types of columns
(sql_lite_frontend/binder.py). Read next: sql_lite_frontend/terms.py.
"""

from itertools import pairwise
from typing import Any

from sql_lite_frontend import tree
from sql_lite_frontend.definitions import created, dropped
from sql_lite_frontend.errors import SqlError
from sql_lite_frontend.limits import check_text, check_tokens
from sql_lite_frontend.selects import Queries
from sql_lite_frontend.terms import Terms, identifier, name_of, only, place, refuse, table_name

try:
    from sqlglot import exp, parser, tokens
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.errors import ParseError, TokenError
    from sqlglot.tokens import Token, TokenType
except ImportError as error:
    raise ImportError("SQL needs sqlglot: pip install 'argosy[sql]'") from error


def _check(reader: Any) -> Any:
    """A CHECK, which keeps its text: the catalog has it by that."""
    first = reader._curr
    made = parser.Parser.CONSTRAINT_PARSERS["CHECK"](reader)
    if made is not None:
        made.meta.update(start=first.start, text=reader.sql[first.start : reader._prev.end + 1])
    return made


class Argosy(Dialect):
    """The words that we understand. All functions are calls by name, so that ours are a table of our own."""

    class Tokenizer(tokens.Tokenizer):  # noqa: D106
        HEX_STRINGS: list[Any] = [("x'", "'"), ("X'", "'")]  # noqa: RUF012
        COMMANDS: set[TokenType] = set()  # noqa: RUF012  (what is behind such a word would be one text)

    class Parser(parser.Parser):  # noqa: D106
        FUNCTIONS: dict[str, Any] = {}  # noqa: RUF012
        FUNCTION_PARSERS: dict[str, Any] = {name: parser.Parser.FUNCTION_PARSERS[name] for name in ("CAST", "EXTRACT")}  # noqa: RUF012
        NO_PAREN_FUNCTIONS: dict[TokenType, Any] = {}  # noqa: RUF012
        CONSTRAINT_PARSERS: dict[str, Any] = {**parser.Parser.CONSTRAINT_PARSERS, "CHECK": _check}  # noqa: RUF012


_dialect = Argosy()
_BRACKETED = {*parser.Parser.TYPE_TOKENS, *parser.Parser.FUNC_TOKENS} - {TokenType.VAR, TokenType.IDENTIFIER}
_PLAIN = {
    ("BEGIN",): "begin",
    ("BEGIN", "TRANSACTION"): "begin",
    ("START", "TRANSACTION"): "begin",
    ("COMMIT",): "commit",
    ("COMMIT", "TRANSACTION"): "commit",
    ("END",): "commit",
    ("ROLLBACK",): "rollback",
    ("ROLLBACK", "TRANSACTION"): "rollback",
}
_SHOWN = ("TABLES", "NODES", "RANGES")


def parse(text: str) -> Any:
    """The one statement of a text. Raises SqlError, which knows its place in the text."""
    try:
        tokens = _tokens(text)
        while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
            tokens.pop()
        for token, following in pairwise(tokens):
            if token.token_type is TokenType.SEMICOLON:
                raise SqlError("42601", "one statement at a time", following.start)
        return _statement(text, tokens)
    except SqlError as error:
        raise error.locate(text) from None


def _tokens(text: str) -> list[Token]:
    check_text(text)
    try:
        tokens: list[Token] = _dialect.tokenize(text)
    except TokenError as error:
        raise SqlError("42601", f"a text or a comment is not closed: {str(error)[:80]}") from None
    check_tokens((token.text.upper(), token.token_type in _BRACKETED, token.start) for token in tokens)
    return tokens


def _statement(text: str, tokens: list[Token]) -> Any:
    if not tokens:
        raise SqlError("42601", "there is no statement")
    words = tuple(token.text.upper() for token in tokens)
    if words in _PLAIN:
        return tree.Plain(_PLAIN[words])
    if words[0] == "EXPLAIN":
        analyze = words[1:2] == ("ANALYZE",)
        rest = tokens[1 + analyze :]
        if rest and rest[0].text.upper() in ("ANALYZE", "VERBOSE", "EXPLAIN", "("):
            raise SqlError("0A000", f"EXPLAIN {rest[0].text.upper()} is not supported", rest[0].start)
        return tree.Explain(_statement(text, rest), analyze)
    if words[0] == "SHOW":
        return _show(tokens, words)
    if words[0] not in ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "WITH", "VALUES", "("):
        raise SqlError("0A000", f"{words[0][:40]} is not supported", tokens[0].start)
    try:
        (parsed,) = _dialect.parser().parse(tokens, text)
    except ParseError as error:
        raise _wrong_syntax(error, text) from None
    except RecursionError:
        raise SqlError("54001", "this statement is nested too deep") from None
    return _take(parsed)


def _show(tokens: list[Token], words: tuple[str, ...]) -> tree.Show:
    if len(words) == 1 or words[1] not in _SHOWN:
        raise SqlError("0A000", "SHOW shows TABLES, NODES or RANGES", tokens[-1].start)
    what, rest = words[1].lower(), words[2:]
    if not rest:
        return tree.Show(what)
    if what != "ranges" or len(rest) != 3 or rest[:2] != ("FROM", "TABLE"):
        raise SqlError("42601", "SHOW RANGES may have FROM TABLE and a name behind it", tokens[2].start)
    name = tokens[4]
    title = name.text if name.token_type is TokenType.IDENTIFIER else name.text.lower()
    return tree.Show(what, tree.TableName(title, title, name.start))


def _wrong_syntax(error: ParseError, text: str) -> SqlError:
    found = error.errors[0] if error.errors else {}
    description = str(found.get("description") or error).split(" for <class")[0].rstrip(".")
    line, column = int(found.get("line") or 1), int(found.get("col") or 1)
    start = sum(len(each) + 1 for each in text.split("\n")[: line - 1])
    word = str(found.get("highlight") or "")
    offset = max(0, start + column - max(1, len(word)))  # sqlglot counts to the last letter of the word
    return SqlError("42601", f"{description} near {word[:40]!r}", offset)


def _take(parsed: Any) -> Any:
    queries = Queries()
    if isinstance(parsed, exp.Query | exp.Values):
        return queries.take(parsed)
    with queries.naming(parsed):
        parsed.set("with_", None)
        return _other(queries, parsed)


def _other(queries: Queries, parsed: Any) -> Any:
    """A statement that is no query."""
    match parsed:
        case exp.Insert():
            return _insert(queries, parsed)
        case exp.Update():
            return _update(queries, parsed)
        case exp.Delete():
            only(parsed, "DELETE", "this", "where", "returning")
            where = queries.terms.optional(parsed.args.get("where"))
            return tree.Delete(table_name(parsed.this), where, _returning(queries, parsed))
        case exp.Create():
            return created(queries.terms, parsed)
        case exp.Drop():
            return dropped(parsed)
    raise refuse(parsed, name_of(parsed))


def _insert(queries: Queries, parsed: Any) -> tree.Insert:
    only(parsed, "INSERT", "this", "expression", "default", "conflict", "returning")
    target = parsed.this
    named = target.expressions if isinstance(target, exp.Schema) else ()
    target = target.this if isinstance(target, exp.Schema) else target
    alias = target.args.get("alias")
    if alias is not None and alias.args.get("columns"):  # t AS u (a, b) are no names for t's columns
        named = alias.args["columns"]
        alias.set("columns", None)
    columns: tuple[tree.Column, ...] | None = _names(named)
    values, query = parsed.expression, None
    rows: tuple[tuple[Any, ...], ...] = ()
    if parsed.args.get("default"):
        if columns:
            raise SqlError("42601", "columns in front of DEFAULT VALUES", columns[0].at)
        columns, rows = None, ((),)
    elif values is None:
        raise refuse(parsed, "INSERT of nothing")
    elif isinstance(values, exp.Values):
        only(values, "VALUES", "expressions")
        rows = queries.rows(values)
    else:
        query = queries.take(values)
    conflict = parsed.args.get("conflict")
    made = None if conflict is None else _conflict(queries.terms, conflict)
    return tree.Insert(table_name(target), columns, rows, query, made, _returning(queries, parsed))


def _names(parsed: Any) -> tuple[tree.Column, ...]:
    return tuple(tree.Column("", identifier(each), place(each)) for each in parsed)


def _conflict(terms: Terms, parsed: Any) -> tree.Conflict:
    target = _names(parsed.args.get("conflict_keys") or ())
    if parsed.args["action"].name == "DO NOTHING":
        only(parsed, "ON CONFLICT DO NOTHING", "action", "conflict_keys")
        return tree.Conflict(target, None, None, place(parsed))
    only(parsed, "ON CONFLICT", "action", "conflict_keys", "expressions", "where")
    changes = _changes(terms, parsed.expressions)
    return tree.Conflict(target, changes, terms.optional(parsed.args.get("where")), place(parsed))


def _changes(terms: Terms, parsed: Any) -> tuple[tuple[tree.Column, Any], ...]:
    """What SET says."""
    changes = []
    for each in parsed:
        if not isinstance(each, exp.EQ) or not isinstance(each.this, exp.Column):
            raise SqlError("42601", "SET takes column = value", place(each))
        changes.append((terms.take(each.this), terms.take(each.expression)))
    return tuple(changes)


def _returning(queries: Queries, parsed: Any) -> tuple[tree.Output, ...]:
    found = parsed.args.get("returning")
    if found is None:
        return ()
    only(found, "RETURNING", "expressions")
    return queries.outputs(found.expressions)


def _update(queries: Queries, parsed: Any) -> tree.Update:
    only(parsed, "UPDATE", "this", "expressions", "where", "returning")
    changes = _changes(queries.terms, parsed.expressions)
    where = queries.terms.optional(parsed.args.get("where"))
    return tree.Update(table_name(parsed.this), changes, where, _returning(queries, parsed))
