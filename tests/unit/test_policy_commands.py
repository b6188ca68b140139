"""`policy` on the command line: what it prints, and its exit status."""

from pathlib import Path

import orjson
import pytest

from proxy.cli import main

GOOD = """\
tenant: shop
database: shop
login: shop_edge
functions: [aggregates]
roles:
  clerk:
    items: {select: [id, name], update: [name]}
tests:
  - {as: clerk, allow: "SELECT id FROM items"}
  - {as: clerk, deny: "SELECT price FROM items", rule: column-granted}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with one good policy."""
    (tmp_path / "shop.yaml").write_text(GOOD)
    (tmp_path / ".shop.yaml.swp").write_text("an editor's own")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """Run a command line; return its exit status, its output and its complaints."""
    status = main(["policy", *map(str, words)])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_check_says_ok(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sound folder is told file by file, with sizes that a reader can compare with the file."""
    assert run(capsys, "check", "--policies", folder) == (0, f"{folder}/shop.yaml: ok (1 role, 1 table, 2 tests)\n", "")


def test_check_tells_every_fault_of_every_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One run is enough to mend all files."""
    (folder / "bad.yaml").write_text("tenant: bad\nroles: {r: {t: {selct: all}}}\n")
    (folder / "latin.yaml").write_bytes(b"tenant: b\nlogin: \xe4\n")
    status, out, _ = run(capsys, "check", "--policies", folder)
    assert status == 1
    assert f'{folder}/bad.yaml:2:17: "selct" is not known in the grant of t (Did you mean "select"?)' in out
    assert f'{folder}/bad.yaml:1:1: "login" is missing' in out
    assert f"{folder}/latin.yaml:2:1: byte 17 is not UTF-8 (Save it as UTF-8.)" in out
    assert f"{folder}/shop.yaml: ok" in out


def test_check_tells_what_files_cannot_be_beside_each_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tenant has one file of its name, and a login has one tenant."""
    (folder / "other.yaml").write_text(GOOD)
    (folder / "third.yaml").write_text(GOOD.replace("tenant: shop", "tenant: third"))
    status, out, _ = run(capsys, "check", "--policies", folder)
    assert status == 1
    assert 'the file is named "other" and its tenant "shop"' in out
    assert f'shop.yaml:1:1: tenant "shop" is in {folder}/other.yaml too (Keep one.)' in out
    assert 'third.yaml:1:1: the login "shop_edge" is in' in out


def test_check_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script finds file, line and column as numbers."""
    (folder / "bad.yaml").write_text("tenant: bad\ndatabase: d\nlogin: l\nroles: {r: }\nmode: x\n")
    status, out, _ = run(capsys, "check", "--json", folder / "bad.yaml")
    report = orjson.loads(out)
    assert (status, report["ok"]) == (1, False)
    assert report["files"][0]["faults"] == [
        {"line": 5, "column": 7, "message": "mode must be enforce or observe", "hint": None}
    ]


def test_check_warns_loudly_of_a_file_without_second_reader(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is no fault, and nobody may overlook it: the reason is told, to people and to scripts."""
    (folder / "shop.yaml").write_text(GOOD + "second_reader: {off_because: nobody here is a superuser}\n")
    status, out, _ = run(capsys, "check", "--policies", folder)
    assert status == 0
    assert "warning: THE SECOND READER IS OFF" in out
    assert "(nobody here is a superuser)" in out
    report = orjson.loads(run(capsys, "check", "--json", "--policies", folder)[1])
    assert "nobody here is a superuser" in report["files"][0]["warnings"][0]


def test_check_tells_a_database_that_cannot_be_reached(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unreachable server is a finding, and no password of its URL is shown."""
    url = f"postgresql://admin:hidden-word@/?host={folder}"
    status, out, err = run(capsys, "check", "--policies", folder, "--database", url)
    assert status == 1
    assert 'cannot connect to database "shop"' in out
    assert "hidden-word" not in out + err


def test_a_file_or_a_tenant_that_is_not_there_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was meant is suggested."""
    assert run(capsys, "sql", "shp", "--policies", folder)[::2] == (
        2,
        f'database-proxy: there is no policy of tenant "shp" in {folder}\n  Did you mean "shop"?\n',
    )
    assert run(capsys, "check", "no/such.yaml")[0] == 2
    assert run(capsys, "test", "--policies", folder / "none")[::2] == (
        2,
        f"database-proxy: no policy file in {folder}/none\n  Name files, or a folder with --policies.\n",
    )


def test_sql_prints_one_transaction(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed can go straight to psql."""
    status, out, _ = run(capsys, "sql", "shop", "--policies", folder)
    assert status == 0
    assert out.startswith("BEGIN;\n")
    assert out.endswith("COMMIT;\n")
    assert 'GRANT UPDATE ("name") ON TABLE "public"."items" TO "shop_edge";' in out


def test_sql_lets_the_gateways_role_in_unless_the_second_reader_is_off(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The role is the gateway's usual one or the one that is named, and never the tenant's own login."""
    usual = run(capsys, "sql", "shop", "--policies", folder)[1]
    assert 'GRANT USAGE ON SCHEMA "public" TO "database_proxy";' in usual
    named = run(capsys, "sql", "shop", "--policies", folder, "--gateway-role", "my-gateway")[1]
    assert 'ALTER ROLE "my-gateway" IN DATABASE "shop" SET log_min_messages = fatal;' in named
    assert '"database_proxy"' not in named
    status, out, err = run(capsys, "sql", "shop", "--policies", folder, "--gateway-role", "shop_edge")
    assert (status, out) == (2, "")
    assert "shop_edge is the tenant's login" in err
    (folder / "shop.yaml").write_text(GOOD + "second_reader: {off_because: nobody here is a superuser}\n")
    assert '"database_proxy"' not in run(capsys, "sql", "shop", "--policies", folder)[1]


def test_sql_of_a_faulty_file_prints_no_script(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing reaches psql of a file that is not valid."""
    (folder / "shop.yaml").write_text("tenant: shop\n")
    status, out, err = run(capsys, "sql", "shop", "--policies", folder)
    assert (status, out) == (1, "")
    assert '"login" is missing' in err


def test_tests_of_a_policy_pass(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file whose tests hold exits 0."""
    assert run(capsys, "test", "--policies", folder) == (0, f"{folder}/shop.yaml: 2 of 2 tests passed\n", "")


def test_a_test_that_fails_is_told_by_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected allowance, an unexpected denial, and another rule than the expected are failures."""
    with (folder / "shop.yaml").open("a") as file:
        file.write('  - {as: clerk, deny: "SELECT id FROM items"}\n  - {as: clerk, allow: "SELECT 1 FROM secrets"}\n')
        file.write('  - {as: clerk, deny: "SELECT price FROM items", rule: table-granted}\n')
    status, out, _ = run(capsys, "test", "--policies", folder)
    assert status == 1
    assert f"{folder}/shop.yaml:11: clerk is allowed this, and the test expects a denial\n  SELECT id FROM items" in out
    assert f"{folder}/shop.yaml:12: clerk is denied this (table-granted: " in out
    assert f"{folder}/shop.yaml:13: denied by column-granted (" in out
    assert "2 of 5 tests passed" in out
    status, out, _ = run(capsys, "test", "--policies", folder, "--json")
    assert [failure["line"] for failure in orjson.loads(out)["files"][0]["failures"]] == [11, 12, 13]


def test_tests_mean_the_grants_also_in_mode_observe(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What observing lets through still counts as denied."""
    (folder / "shop.yaml").write_text("mode: observe\n" + GOOD)
    assert run(capsys, "test", "--policies", folder)[0] == 0


def explain(capsys: pytest.CaptureFixture[str], folder: Path, sql: str, *more: str) -> tuple[int, str]:
    """Explain a statement of the clerk."""
    status, out, _ = run(capsys, "explain", "--policies", folder, "--tenant", "shop", "--role", "clerk", *more, sql)
    return status, out


def test_explain_shows_what_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of an allowed statement, the text that PostgreSQL gets."""
    status, out = explain(capsys, folder, "SELECT id FROM items")
    assert status == 0
    assert out.startswith("allowed\n  runs: SELECT ")


def test_explain_says_what_to_write(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a denial the rule, the place, and lines that grant it; pasted into the file, they do."""
    sql = "SELECT lower(name), price FROM items"
    status, out = explain(capsys, folder, sql)
    assert status == 1
    assert out.startswith("denied by column-granted (line 1, column 21)\n")
    grant = "functions: [aggregates, text]\nroles:\n  clerk:\n    items:\n"
    grant += "      select: [id, name, price]\n      update: [name]"
    assert out.endswith(f"shop.yaml say:\n\n{grant}\n")
    head = GOOD.split("functions:", maxsplit=1)[0]
    (folder / "shop.yaml").write_text(head + grant + "\n")
    assert explain(capsys, folder, sql)[0] == 0


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM items",
        "DELETE FROM items",
        "DELETE FROM items WHERE id = 1 RETURNING price",
        "INSERT INTO orders (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2",
        "SELECT count(*) FROM orders",
        "SELECT id FROM items FOR UPDATE",
        "SELECT 'x'::mood, app.f(1), repeat('a', 3)",
        "INSERT INTO hr.people VALUES (1)",
        "UPDATE items SET name = upper(name)",
    ],
)
def test_what_explain_prints_is_enough(folder: Path, capsys: pytest.CaptureFixture[str], sql: str) -> None:
    """Whatever a policy can grant, the lines grant it, and a second look finds nothing left."""
    status, out = explain(capsys, folder, sql, "--json")
    explanation = orjson.loads(out)
    assert (status, explanation["verdict"], explanation["remains"]) == (1, "denied", None)
    grant = "\n".join(explanation["grant"])
    rest = "" if grant.startswith("functions") else "functions: [aggregates]\n"
    head = GOOD.split("functions:", maxsplit=1)[0] + rest + ("" if "roles:" in grant else "roles: {clerk: }\n")
    (folder / "shop.yaml").write_text(head + grant + "\n")
    assert explain(capsys, folder, sql)[0] == 0, grant


@pytest.mark.parametrize(
    "sql", ["SELECT pg_sleep(1)", "DROP TABLE items", "SELECT 1; SELECT 2", "SELECT 1 FROM pg_class", "SELECT form x y"]
)
def test_explain_says_that_nothing_can_grant_it(folder: Path, capsys: pytest.CaptureFixture[str], sql: str) -> None:
    """What no policy can allow is told as that."""
    status, out = explain(capsys, folder, sql)
    assert status == 1
    assert "grants this." in out or "nothing can grant it." in out
    assert "say:" not in out


def test_explain_of_a_role_that_is_not_there_names_those_that_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt role is wrong usage, not a denial."""
    status, _, err = run(capsys, "explain", "--policies", folder, "--tenant", "shop", "--role", "clark", "SELECT 1")
    assert (status, err) == (
        2,
        'database-proxy: the policy of shop has no role "clark"\n  Its roles: clerk.\n',
    )


def test_diff_exits_with_1_for_a_difference(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The differences are lines or JSON, and none is said in words."""
    new = folder / "new.yaml"
    new.write_text(GOOD.replace("select: [id, name]", "select: [id, name, price]"))
    assert run(capsys, "diff", "shop", new, "--policies", folder)[:2] == (1, "+ clerk: select items: price\n")
    assert orjson.loads(run(capsys, "diff", folder / "shop.yaml", new, "--json")[1]) == [
        {"kind": "grants", "message": "clerk: select items: price"}
    ]
    assert run(capsys, "diff", new, new)[:2] == (0, "no difference in what is allowed\n")
