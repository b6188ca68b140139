"""The lexer against the scanner that it repeats: PostgreSQL's own."""

import random

import asyncpg
import pytest
from databases import Connect
from lexer_cases import TOKENS

from proxy.vetting.denial import Denial
from proxy.vetting.lexer import Token, tokenize
from proxy.vetting.spelling import quote_literal, quote_name

# What texts are made of, for tokens to meet in unusual ways. Each piece is harmless in any order.
PIECES = [
    *"""
    ' '' " "" E' e' \\ \\' \\n \\x41 \\101 $$ $a$ $b $1 $ 1 1. .5 1e3 .. . , ( ) [ ] : :: := + - * / < > = <> ! @ # % ^
    & | ~ ` ? -- /* */ ; a A_1 "a" 'x' null
    """.split(),
    *(" ", "  ", "\t", "\n", "\r", "\f", "\n'", "'\n'", "--\n"),
]
ATTEMPTS = 8_000


@pytest.fixture
async def server(connect: Connect) -> asyncpg.Connection:
    """Open a connection on which nothing that is executed lasts."""
    connection = await connect()
    await connection.execute("SET default_transaction_read_only = on; SET statement_timeout = '2s'")
    return connection


@pytest.mark.every_postgresql
async def test_each_case_is_cut_as_the_server_cuts_it(server: asyncpg.Connection) -> None:
    """A text and its tokens written apart come to the same in PostgreSQL."""
    for text, _ in TOKENS:
        assert await answer(server, text) == await answer(server, apart(tokenize(text))), text


@pytest.mark.every_postgresql
async def test_random_texts_are_cut_as_the_server_cuts_them(server: asyncpg.Connection) -> None:
    """What our lexer accepts, PostgreSQL cuts the same way, whatever meets what."""
    choose = random.Random(20251121)  # noqa: S311 - texts, not secrets
    compared = 0
    for _ in range(ATTEMPTS):
        text = "".join(choose.choices(PIECES, k=choose.randint(1, 9)))
        try:
            tokens = tokenize(text)
        except Denial:
            continue
        if any(token.text == ";" for token in tokens):
            continue
        assert await answer(server, text) == await answer(server, apart(tokens)), repr(text)
        compared += 1
    assert compared > ATTEMPTS / 10


async def answer(connection: asyncpg.Connection, text: str) -> object:
    """Return names and rows of `SELECT text`, or its SQLSTATE."""
    try:
        statement = await connection.prepare(f"SELECT {text}\n")
        if statement.get_parameters():
            return [parameter.name for parameter in statement.get_parameters()]
        names = [attribute.name for attribute in statement.get_attributes()]
        return names, [tuple(row.values()) for row in await statement.fetch()]
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)


def apart(tokens: list[Token]) -> str:
    """Write tokens with a space between any two, each in its plainest form."""
    return " ".join(_plain(token) for token in tokens)


def _plain(token: Token) -> str:
    match token.kind:
        case "string":
            return quote_literal(token.text)
        case "name":
            return quote_name(token.text)
        case "parameter":
            return f"${token.text}"
        case _:
            return token.text
