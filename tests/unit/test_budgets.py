"""How large, deep and wide the code may get, and what each test and each exception must say."""

import ast
import re

import pytest

from tests.fixtures.source_code import EVERYTHING, PROGRAM, functions, functions_of_tests, sources, tree

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
USUAL_FUNCTION_LINES = 30
USUAL_SHARE = 0.95
MAX_BROAD_EXCEPTS_PER_1000_LINES = 2
MAX_POSITIONAL_ARGUMENTS = 7
USUAL_POSITIONAL_ARGUMENTS = 5
FEW_ARGUMENTS_SHARE = 0.99
MAX_NESTING = 3
MAX_PATCHES_PER_100_TESTS = 5
EMPTY_WORDS = re.compile(r"(^|_)(utils?|helpers?|common|managers?|base|misc)(_|$)")
NESTING = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match)
SWITCHED_OFF = re.compile(r"# (?:noqa|type: ignore|pragma)\S*(?: [A-Z]+\d+,?)*(?P<reason>.*)")
REASON = re.compile(r"[-#(] *\S.{5,}")
PATCH = re.compile(r"\bmonkeypatch\.(?:setattr|delattr|setitem)\b|\bmock\b.*\bpatch\b|\bpatch(?:\.object)?\(")


def lines_of(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def positional(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many arguments beside self a call may give by place."""
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def nesting(node: ast.AST) -> int:
    """How deep decisions and loops stand in each other; elif is no level, a function within counts for itself."""
    inner = 0
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            is_elif = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
            inner = max(inner, nesting(child) + (isinstance(child, NESTING) and not is_elif))
    return inner


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Whether it catches everything and does not raise it again."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {kind.id if isinstance(kind, ast.Name) else "" if kind else "BaseException" for kind in kinds}
    hands_on = any(isinstance(node, ast.Raise) and node.exc is None for node in handler.body)
    return bool(names & {"Exception", "BaseException"}) and not hands_on


# -- sizes and names


def test_no_file_is_too_long() -> None:
    """No Python file is longer than 400 lines."""

    assert [] == [path for path, text in sources(*EVERYTHING).items() if len(text.splitlines()) > MAX_FILE_LINES]


def test_no_function_is_too_long() -> None:
    """No function is longer than 60 lines."""

    found = [
        f"{path}:{node.lineno} {node.name}"
        for path, node in functions(*EVERYTHING)
        if lines_of(node) > MAX_FUNCTION_LINES
    ]

    assert [] == found


@pytest.mark.parametrize("room", PROGRAM)
def test_functions_are_usually_short(room: str) -> None:
    """Of a room's functions 95 % fit into 30 lines."""

    lengths = [lines_of(node) for _, node in functions(room)]

    assert sum(length <= USUAL_FUNCTION_LINES for length in lengths) >= USUAL_SHARE * len(lengths)


def test_arguments_are_few() -> None:
    """A function takes at most seven positional arguments beside self, and 99 % take at most five."""
    numbers = {f"{path}:{node.lineno} {node.name}": positional(node) for path, node in functions(*PROGRAM)}

    assert [] == [name for name, number in numbers.items() if number > MAX_POSITIONAL_ARGUMENTS]
    few = [name for name, number in numbers.items() if number <= USUAL_POSITIONAL_ARGUMENTS]
    assert len(few) >= FEW_ARGUMENTS_SHARE * len(numbers)


def test_nesting_is_flat() -> None:
    """No function nests if, for, while, try and match more than three deep."""
    found = [
        f"{path}:{node.lineno} {node.name}" for path, node in functions(*EVERYTHING) if nesting(node) > MAX_NESTING
    ]

    assert [] == found


def test_broad_excepts_are_rare() -> None:
    """At most two handlers per 1,000 lines swallow every exception."""

    texts = sources(*PROGRAM).values()
    handlers = [node for text in texts for node in ast.walk(tree(text)) if isinstance(node, ast.ExceptHandler)]
    lines = sum(len(text.splitlines()) for text in texts)

    assert sum(map(is_broad, handlers)) <= lines / 1000 * MAX_BROAD_EXCEPTS_PER_1000_LINES


def test_names_say_something() -> None:
    """No module or class is called by a word that says nothing, such as utils or manager."""

    modules = [str(path) for path in sources(*EVERYTHING) if any(map(EMPTY_WORDS.search, path.with_suffix("").parts))]
    classes = [
        f"{path}:{node.lineno} {node.name}"
        for path, text in sources(*EVERYTHING).items()
        for node in ast.walk(tree(text))
        if isinstance(node, ast.ClassDef) and EMPTY_WORDS.search(re.sub(r"(?<!^)(?=[A-Z])", "_", node.name).lower())
    ]

    assert [] == modules + classes


def test_what_is_switched_off_has_its_reason() -> None:
    """Beside each lint or type check that is switched off in the program stands why."""
    found = [
        f"{path}:{number}"
        for path, text in sources(*PROGRAM).items()
        for number, line in enumerate(text.splitlines(), 1)
        if (off := SWITCHED_OFF.search(line)) and not REASON.search(off["reason"])
    ]

    assert [] == found


# -- tests


def test_tests_say_what_they_show() -> None:
    """Each test begins with one sentence that states the property."""
    found = []
    for path, text in sources("tests").items():
        for node in functions_of_tests(text):
            said = ast.get_docstring(node) or ""
            found += [] if said.rstrip().endswith(".") else [f"{path}:{node.lineno} {node.name}"]

    assert [] == found


def test_tests_patch_hardly_anything() -> None:
    """Per 100 tests at most five lines put something in the place of a program's name: a fake says more."""
    texts = sources("tests")
    patches = [line for text in texts.values() for line in text.splitlines() if PATCH.search(line)]
    number = sum(len(functions_of_tests(text)) for text in texts.values())

    assert len(patches) <= number / 100 * MAX_PATCHES_PER_100_TESTS
