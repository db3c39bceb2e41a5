"""What the database's verbs do with what they are told."""

from typer.testing import CliRunner

from laurels.cli.app import app


def test_an_import_into_a_sandbox_that_is_not_there_never_reaches_the_live_database(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("LAURELS_DATABASE_URL", "postgresql://live.invalid/laurels")
    monkeypatch.delenv("LAURELS_SANDBOX_DATABASE_URL", raising=False)
    events = tmp_path / "events.csv"
    events.write_text("id,member,type,occurred_at\n")
    found = CliRunner().invoke(app, ["import", "my-shop", str(events), "--sandbox"])
    assert found.exit_code == 2
    assert "LAURELS_SANDBOX_DATABASE_URL" in found.output + found.stderr
