"""What a statement may cost: bytes, tokens and depth before it is parsed, rows and memory while it runs.

Owns every constant of the front end, and the check of tokens that stands before the parser. That parser tries a
bracket behind the name of a type in two ways, so its time doubles with each of them inside another; and it recurses.
Does not own the tokens themselves (sql_lite_frontend/parse.py). Read next: sql_lite_frontend/parse.py.
"""

from collections.abc import Iterable

from sql_lite_frontend.errors import SqlError

STATEMENT_BYTES_MAX = 1 << 20
TOKENS_MAX = 50_000
DEPTH_MAX = 24  # brackets, CASE, and signs in a row, inside each other
TYPE_DEPTH_MAX = 3  # brackets behind the name of a type, inside each other
TREE_DEPTH_MAX = 120  # an expression's tree: a + b + c is one deeper than a + b
TREE_NODES_MAX = 100_000  # expressions of a statement
COLUMNS_MAX = 256  # of a table or a result
INDEXES_MAX = 32  # of a table
NAME_BYTES_MAX = 64
JOINS_MAX = 16
QUERIES_MAX = 64  # of a statement; one that WITH names counts again wherever it is used
QUERY_DEPTH_MAX = 16  # queries inside each other
PARAMETERS_MAX = 10_000
HELD_BYTES_MAX = 256 << 20  # estimated, of what one sort, group, distinct or hash table holds
STATEMENTS_CACHED = 512
PLANS_CACHED = 512
BATCH_ROWS = 1_024  # rows that operators hand on at once, where not a whole page
LOOKUP_KEYS = 256  # keys that one lookup asks for at once
LOOKUP_SPANS = 64  # spans that one lookup of a join asks for at once
SPANS_MAX = 1_000  # parts of a table that one scan reads
SPANS_LOCATED = 64  # of them EXPLAIN looks for the ranges
RANGES_NAMED = 8  # by EXPLAIN, for each scan
ROW_OVERHEAD_BYTES = 120  # of a row in memory, beside text and bytes

OPENING = ("(", "[", "{")
CLOSING = (")", "]", "}")
SIGNS = ("-", "+", "~", "NOT")


def check_text(text: str) -> None:
    """Raises 54000."""
    if len(text) > STATEMENT_BYTES_MAX or len(text.encode("utf-8", "surrogatepass")) > STATEMENT_BYTES_MAX:
        raise SqlError("54000", f"a statement has at most {STATEMENT_BYTES_MAX} bytes", hint="use parameters")


def check_tokens(tokens: Iterable[tuple[str, bool, int]]) -> None:
    """Tokens are (upper text, is it a type's or similar name, offset). Raises 54000 or 54001."""
    depth: list[bool] = []  # of each open bracket: does it stand behind a type's name?
    types = signs = 0
    behind_type = False
    for count, (text, is_type, offset) in enumerate(tokens, 1):
        if count > TOKENS_MAX:
            raise SqlError("54000", f"a statement has at most {TOKENS_MAX} words and signs", offset, "use parameters")
        signs = signs + 1 if text in SIGNS else 0
        if text in OPENING or text == "CASE":
            depth.append(behind_type)
            types += behind_type
        elif (text in CLOSING or text == "END") and depth:
            types -= depth.pop()
        if len(depth) + signs > DEPTH_MAX:
            raise SqlError("54001", f"nested more than {DEPTH_MAX} deep", offset)
        if types > TYPE_DEPTH_MAX:
            raise SqlError("54001", f"names of types nested more than {TYPE_DEPTH_MAX} deep", offset)
        behind_type = is_type
