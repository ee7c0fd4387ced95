using Npgsql;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Acceptance;

/// <summary>References whose values the server takes for equal and the lake does not.</summary>
[Collection(HealthySources.Name)]
public sealed class ReferenceEqualitySpec(HealthySources sources) : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-equal-");

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("numeric", "type = string", "numbers whatever zeros")]
    [InlineData("numeric", "type = \"decimal(38,6)\"", null)]
    [InlineData("numeric(10,2)", "type = \"decimal(10,2)\"", null)]
    [InlineData("char(8)", "type = string", "texts whatever blanks")]
    [InlineData("char(8)", "type = string, value = \"trim(code)\"", null)]
    [InlineData("text", "type = string", null)]
    public async Task Check_refuses_what_would_wait_for_ever(string type, string column, string? told)
    {
        await using var database = NpgsqlDataSource.Create(sources.PostgresConnectionString);
        await using var make = database.CreateCommand($"""
            DROP TABLE IF EXISTS equal_rows; DROP TABLE IF EXISTS equal_codes;
            CREATE TABLE equal_codes (code {type} PRIMARY KEY, updated_at timestamptz NOT NULL DEFAULT now());
            CREATE TABLE equal_rows (id bigint PRIMARY KEY, code {type} REFERENCES equal_codes, updated_at timestamptz NOT NULL DEFAULT now());
            CREATE INDEX ON equal_codes (updated_at); CREATE INDEX ON equal_rows (updated_at);
            """);
        await make.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var config = await RunningNode.ConfigureAsync(_directory, sources.PostgresOf("""
            codes { table = "public.equal_codes", watermark = updated_at, key = [code] }, rows { table = "public.equal_rows", watermark = updated_at, key = [id] }
            """), behind: $$"""
            silver {
              codes { from = bronze/app/codes, columns { code { {{column}} } }, key = [code] }
              rows { from = bronze/app/rows, columns { id { type = long }, code { {{column}} } }, key = [id], references = [{ column = code, table = silver/codes }] }
            }
            """);

        var check = await NodeRun.OfAsync("check", "--config", config);

        Assert.True(told is null == (check.ExitCode == ExitCode.Done), check.Data + check.Messages);
        if (told is not null) foreach (var table in (string[])["silver/codes.code", "silver/rows.code"]) Assert.Contains(table, check.Data + check.Messages, StringComparison.Ordinal);
    }
}
