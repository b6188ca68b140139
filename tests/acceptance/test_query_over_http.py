"""`POST /query` from outside: the contract's answers, statuses and headers on a real PostgreSQL."""

import gzip
import json
import socket
import time

import httpx
import pytest
from gateways import Gateway, Tenant


def test_seeds_curl_gets_its_row(shared_gateway: Gateway) -> None:
    """`SELECT 1`, as the users' own documentation sends it, under both pairs of names."""
    with shared_gateway.client() as http:
        ours = http.post("/query", json={"query": "SELECT 1", "parameters": []})
        theirs = http.post("/query", json={"sql": "SELECT 1", "params": []})
    assert ours.status_code == theirs.status_code == 200
    assert ours.json() == theirs.json()
    assert ours.json() == {
        "rows": [{"?column?": 1}],
        "rowCount": 1,
        "command": "SELECT",
        "fields": [{"name": "?column?", "dataTypeID": 23}],
    }


def test_rows_come_as_arrays_where_asked_for(shared_gateway: Gateway) -> None:
    """With `arrayMode` both columns of one name are there; without, the last one is."""
    sql = "SELECT id, body AS id FROM notes WHERE id = $1"
    arrays = shared_gateway.query(sql, 3, arrayMode=True).json()
    objects = shared_gateway.query(sql, 3).json()
    assert arrays["rows"] == [[3, "note 3"]]
    assert objects["rows"] == [{"id": "note 3"}]
    assert [field["name"] for field in objects["fields"]] == ["id", "id"]


def test_write_says_its_command_and_count(shared_gateway: Gateway, shared_tenant: Tenant) -> None:
    """INSERT, UPDATE and DELETE are done, and say to how many rows."""
    inserted = shared_gateway.query(
        "INSERT INTO notes (id, owner, body) VALUES ($1, $2, $3)", 99, "user1", "new"
    ).json()
    updated = shared_gateway.query("UPDATE notes SET body = $1 WHERE id = $2 RETURNING body", "newer", "99").json()
    assert (inserted["command"], inserted["rowCount"], inserted["rows"]) == ("INSERT", 1, [])
    assert (updated["command"], updated["rows"]) == ("UPDATE", [{"body": "newer"}])
    assert shared_tenant.fetch("SELECT body FROM notes WHERE id = 99") == [("newer",)]
    deleted = shared_gateway.query("DELETE FROM notes WHERE id = $1", 99).json()
    assert (deleted["command"], deleted["rowCount"]) == ("DELETE", 1)


def test_large_integer_is_exact_in_both_directions(shared_gateway: Gateway) -> None:
    """An int8 and a numeric come back as they went in, unquoted in and quoted out."""
    body = b'{"query": "SELECT $1::int8 AS i, $2::numeric AS n", "parameters": [9223372036854775807, %s]}'
    digits = b"1234567890123456789012345678901234567890.5"
    with shared_gateway.client() as http:
        headers = {"content-type": "application/json"}
        response = http.post("/query", content=body % digits, headers=headers)
    assert response.json()["rows"] == [{"i": "9223372036854775807", "n": digits.decode()}]


@pytest.mark.parametrize(
    ("sql", "parameters", "status", "error", "code"),
    [
        ("SELECT nothing FROM notes", [], 400, "sql-error", "42703"),
        ("SELEC 1", [], 400, "sql-syntax", "42601"),
        ("SELECT value FROM secrets", [], 403, "statement-denied", "42501"),
        ("SELECT id FROM notes WHERE id = $1", ["x"], 400, "sql-error", "22P02"),
        ("SELECT 1 / (id - 1) FROM notes", [], 400, "sql-error", "22012"),
        ("SELECT id FROM notes WHERE id = $1", [], 400, "bad-request", "08P01"),
        ("SELECT id FROM notes WHERE id = $1", [1, 2], 400, "bad-request", "08P01"),
        ("SELECT id FROM notes WHERE id = $1", [{"a": 1}], 400, "bad-request", None),
        ("INSERT INTO notes (id, owner) VALUES (1, 'x')", [], 409, "unique-violation", "23505"),
        ("INSERT INTO notes (id) VALUES (98)", [], 400, "sql-error", "23502"),
        ("INSERT INTO marks (note_id, mark) VALUES (1, 0)", [], 400, "sql-error", "23514"),
        ("INSERT INTO marks (note_id, mark) VALUES (555, 1)", [], 409, "foreign-key-violation", "23503"),
        ("SELECT a.id FROM notes a, notes b", [], 413, "result-too-large", None),
    ],
)
def test_failure_has_its_status_slug_and_sqlstate(  # noqa: PLR0917 - a table of cases
    shared_gateway: Gateway, sql: str, parameters: list[object], status: int, error: str, code: str | None
) -> None:
    """Each failure of a statement is the contract's, and says that nothing was applied."""
    response = shared_gateway.query(sql, *parameters)
    document = response.json()
    assert (response.status_code, document["error"]) == (status, error), document
    assert document["applied"] == "no"
    if code is not None:
        assert document["code"] == code


def test_denial_names_its_rule_quickly(shared_gateway: Gateway) -> None:
    """A denial is 403 with a rule, in a tenth of a second, and says what to do."""
    shared_gateway.query("SELECT 1")
    began = time.monotonic()
    response = shared_gateway.query("SELECT value FROM secrets")
    assert time.monotonic() - began < 0.1
    document = response.json()
    assert (response.status_code, document["rule"]) == (403, "table-granted")
    assert document["hint"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"SELECT 1", "not JSON"),
        (b'["SELECT 1"]', "not a JSON object"),
        (b'{"query": 1}', "query is a number"),
        (b'{"query": "SELECT 1", "paramters": []}', "paramters"),
        (b'{"query": "SELECT 1", "sql": "SELECT 1"}', "both names"),
        (b'{"query": "SELECT \\u0000 1"}', "NUL"),
        (b'{"query": "SELECT $1", "parameters": ["\\ud800"]}', "surrogate"),
        (b'{"query": "SELECT $1", "parameters": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}", "nested"),
        (b'{"query": "\xff"}', "UTF-8"),
    ],
)
def test_malformed_body_is_400_and_says_why(shared_gateway: Gateway, body: bytes, says: str) -> None:
    """Whatever the body is, the answer is a 400 that names the fault."""
    with shared_gateway.client() as http:
        response = http.post("/query", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["error"]) == (400, "bad-request")
    assert says in response.json()["message"]


@pytest.mark.parametrize("chunked", [False, True])
def test_ten_megabytes_are_413(shared_gateway: Gateway, *, chunked: bool) -> None:
    """A body over the limit is refused, whether it tells its length or not, and the gateway serves on."""
    body = json.dumps({"query": "SELECT 1", "parameters": ["x" * 10_000_000]}).encode()
    content = (body[i : i + 65_536] for i in range(0, len(body), 65_536)) if chunked else body
    with shared_gateway.client() as http:
        response = http.post("/query", content=content, headers={"content-type": "application/json"})
        assert (response.status_code, response.json()["error"]) == (413, "request-too-large")
        assert http.post("/query", json={"query": "SELECT 1"}).status_code == 200


def test_chunked_body_is_read(shared_gateway: Gateway) -> None:
    """A small body without a length is a body like any other."""
    parts = iter([b'{"query": ', b'"SELECT $1::text AS x", ', b'"parameters": ["a"]}'])
    with shared_gateway.client() as http:
        response = http.post("/query", content=parts, headers={"content-type": "application/json"})
    assert response.json()["rows"] == [{"x": "a"}]


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "text/plain"},
        {},
        {"content-type": "application/json; charset=utf-16"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
def test_body_of_another_kind_is_415(shared_gateway: Gateway, headers: dict[str, str]) -> None:
    """What is not plain JSON in UTF-8 is refused with the header to mend."""
    body = b'{"query": "SELECT 1"}'
    content = gzip.compress(body) if "content-encoding" in headers else body
    with shared_gateway.client() as http:
        response = http.post("/query", content=content, headers=headers)
    assert (response.status_code, response.json()["error"]) == (415, "unsupported-media-type")
    assert "Content-" in response.json()["hint"] or "UTF-8" in response.json()["hint"]


def test_request_id_is_the_callers_or_a_new_one(shared_gateway: Gateway) -> None:
    """A well-formed id comes back and is in the log; another is replaced."""
    with shared_gateway.client() as http:
        kept = http.post("/query", json={"query": "SELECT 1"}, headers={"x-request-id": "worker-7.a_b"})
        replaced = http.post("/query", json={"query": "SELECT 1"}, headers={"x-request-id": "a b"})
        refused = http.post("/query", content=b"x", headers={"content-type": "application/json"})
    assert kept.headers["x-request-id"] == "worker-7.a_b"
    assert shared_gateway.event("request_served", request_id="worker-7.a_b")["status"] == 200
    assert replaced.headers["x-request-id"] != "a b"
    assert refused.headers["x-request-id"] == refused.json()["requestId"]


def test_rows_of_others_are_not_there(shared_gateway: Gateway) -> None:
    """Where the policy says whose rows a role sees, the token's subject decides, on one and the same connection."""
    for subject, rows in (("user0", 10), ("user1", 10), ("nobody", 0), ("user0", 10)):
        response = shared_gateway.query("SELECT owner FROM notes", token=shared_gateway.token(role="own", sub=subject))
        assert [row["owner"] for row in response.json()["rows"]] == [subject] * rows


def test_table_made_while_serving_is_known_soon(gateway: Gateway, tenant: Tenant) -> None:
    """A column added by a migration is usable within seconds, without a restart."""
    sql = "SELECT added FROM notes WHERE id = 1"
    assert gateway.query(sql).status_code in {400, 403}
    tenant.run("ALTER TABLE notes ADD COLUMN added int DEFAULT 7", f"GRANT SELECT (added) ON notes TO {tenant.login}")
    deadline = time.monotonic() + 10
    while (response := gateway.query(sql)).status_code != 200 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert response.json()["rows"] == [{"added": 7}]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/query", 405), ("GET", "/", 404), ("POST", "/metrics", 404)]
)
def test_other_paths_and_methods(shared_gateway: Gateway, method: str, path: str, status: int) -> None:
    """Elsewhere HTTP's own answers, as JSON; the admin's paths are not on the public address."""
    response = httpx.request(method, f"{shared_gateway.url}{path}")
    assert response.status_code == status
    assert response.json()["requestId"] == response.headers["x-request-id"]
    assert ("allow" in response.headers) == (status == 405)


@pytest.mark.parametrize(
    "sent",
    [
        b"this is not HTTP\r\n\r\n",
        b"POST /query HTTP/1.1\r\nHost: x\r\nX-Filler: " + b"x" * 70_000,
        b"POST /query HTTP/1.1\r\n" + b"X-Filler: x\r\n" * 5_500,
        b"GET /" + b"a" * 70_000,
    ],
    ids=["not-http", "endless-header", "endless-headers", "endless-path"],
)
def test_what_is_not_http_is_a_400_and_the_connection_ends(shared_gateway: Gateway, sent: bytes) -> None:
    """Bytes that are no request, and heads without a measure, are answered in the shape of every error."""
    url = httpx.URL(shared_gateway.url)
    with socket.create_connection((url.host, url.port or 80), timeout=5) as connection:
        connection.sendall(sent)
        received = b""
        while part := connection.recv(65_536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    document = json.loads(body)
    assert document["error"] == "bad-request"
    assert f"x-request-id: {document['requestId']}".encode() in head
    assert shared_gateway.query("SELECT 1").status_code == 200
