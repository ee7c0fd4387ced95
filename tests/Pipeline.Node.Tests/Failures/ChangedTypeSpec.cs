using Npgsql;
using Pipeline.Ingest;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

/// <summary>
/// A column whose type changes at its source while a node reads: the lake's tables keep their types, so what does not fit halts
/// its table, with both types told, and goes on when the source is as it was: by itself, or at once when it is told.
/// </summary>
[Collection(HealthySources.Name)]
public sealed class ChangedTypeSpec(HealthySources healthy) : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-types-");

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("NUMBER(12,2)", "NUMBER(18,2)", "decimal(12,2)", "decimal(18,2)", false)]
    [InlineData("NUMBER(18,2)", "NUMBER(12,2)", "decimal(18,2)", "decimal(12,2)", true)]
    [InlineData("VARCHAR", "NUMBER(12,0)", "string", "long", true)]
    public async Task A_column_of_Snowflake_halts_its_table_until_it_is_as_it_was(string type, string changed, string known, string found, bool isTold)
    {
        void Make(string of, int rows)
        {
            healthy.Snowflake.Database.Execute($"CREATE OR REPLACE TABLE CHANGED (ID NUMBER(12,0), AMOUNT {of}, UPDATED_AT TIMESTAMP_TZ(6))");
            for (var i = 1; i <= rows; i++) healthy.Snowflake.Database.Execute($"INSERT INTO CHANGED VALUES ({i}, '{i}', TIMESTAMPTZ '2026-01-0{i} 00:00:00+00')");
        }

        Make(type, rows: 1);
        await using var node = await RunningNode.StartAsync(_directory, healthy.SnowflakeOf("changed { table = CHANGED, watermark = UPDATED_AT, key = [ID] }"));
        await node.WaitForRowsAsync("bronze/crm/changed", 1);

        Make(changed, rows: 2);
        await AssertHaltedAsync(node, "bronze/crm/changed", known, found);
        Make(type, rows: 2);
        if (isTold) node.LookAgain();

        await node.WaitForRowsAsync("bronze/crm/changed", 2);
    }

    [Theory]
    [InlineData("numeric(12,2)", "numeric(18,2)", "decimal(12,2)", "decimal(18,2)", false)]
    [InlineData("numeric(18,2)", "numeric(12,2)", "decimal(18,2)", "decimal(12,2)", false)]
    [InlineData("text", "bigint", "string", "long", false)]
    [InlineData("numeric(12,2)", "numeric(18,2)", "decimal(12,2)", "decimal(18,2)", true)]
    [InlineData("text", "bigint", "string", "long", true)]
    public async Task A_column_of_PostgreSQL_halts_its_table_until_it_is_as_it_was(string type, string changed, string known, string found, bool isCaptured)
    {
        await using var database = NpgsqlDataSource.Create(healthy.PostgresConnectionString);
        async Task DoAsync(string sql)
        {
            await using var command = database.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        await DoAsync($"DROP TABLE IF EXISTS changed; CREATE TABLE changed (id bigint PRIMARY KEY, amount {type}, updated_at timestamptz NOT NULL DEFAULT now()); INSERT INTO changed VALUES (1, '1')");
        var name = $"changed_{known[..4]}";
        await using var node = await RunningNode.StartAsync(_directory, isCaptured
            ? healthy.PostgresOf("""changed { table = "public.changed", key = [id] }""", $"mode = cdc, capture {{ slot = {name}, publication = {name} }}")
            : healthy.PostgresOf("""changed { table = "public.changed", watermark = updated_at, key = [id] }"""));
        await node.WaitForRowsAsync("bronze/app/changed", 1);

        await DoAsync($"ALTER TABLE changed ALTER amount TYPE {changed} USING amount::{changed}; INSERT INTO changed VALUES (2, '2')");
        await AssertHaltedAsync(node, "bronze/app/changed", known, found);
        await DoAsync($"ALTER TABLE changed ALTER amount TYPE {type}; INSERT INTO changed VALUES (3, '3')");
        node.LookAgain();

        await node.WaitForRowsAsync("bronze/app/changed", 3);
    }

    private static async Task AssertHaltedAsync(RunningNode node, string table, string known, string found)
    {
        var status = await node.WaitForStateAsync(table, IngestState.Halted);
        Assert.Contains(known, status.LastFault!.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.Contains(found, status.LastFault!.ToString(), StringComparison.OrdinalIgnoreCase);
    }
}
