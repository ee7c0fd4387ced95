using Npgsql;
using Pipeline.Ingest;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

/// <summary>A replication slot that somebody has made anew has lost changes: its table halts, and whoever does what the halt says has in Silver what the table has.</summary>
[Collection(HealthySources.Name)]
public sealed class SlotGapSpec(HealthySources healthy) : IDisposable
{
    private const string Bronze = "bronze/app/gapped";
    private const string Silver = "silver/gapped";
    private const string Behind = "silver { gapped { from = bronze/app/gapped, columns { id { type = long }, note { type = string } }, key = [id] } }";

    private readonly ScratchDirectory _directory = new("pipeline-slot-");

    private string Lake => Path.Combine(_directory, "lake");

    private string Source => healthy.PostgresOf("""gapped { table = "public.gapped", key = [id] }""", "mode = cdc, capture { slot = gapped, publication = gapped }");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task What_the_halt_advises_brings_what_the_table_has_into_Silver()
    {
        await using var database = NpgsqlDataSource.Create(healthy.PostgresConnectionString);
        await ExecuteAsync(database, "create table public.gapped (id bigint primary key, note text); insert into public.gapped values (1, 'a'), (2, 'a')");
        await using (var first = await RunningNode.StartAsync(Sub("first"), Source, Lake, Behind)) await first.WaitForRowsAsync(Silver, 2);
        await ExecuteAsync(database, "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'gapped' and active_pid is not null");
        await DropSlotAsync(database);
        await ExecuteAsync(database, "insert into public.gapped values (3, 'unseen')");
        await ExecuteAsync(database, "select pg_create_logical_replication_slot('gapped', 'pgoutput')");
        await ExecuteAsync(database, "insert into public.gapped values (4, 'a'); update public.gapped set note = 'b' where id = 1");

        string advice, config;
        await using (var second = await RunningNode.StartAsync(Sub("second"), Source, Lake, Behind))
        {
            config = second.ConfigPath;
            advice = (await second.WaitForStateAsync(Bronze, IngestState.Halted)).LastFault!.NextStep;
        }

        Assert.Contains("./pipeline resume TABLE --accept-gap", advice, StringComparison.Ordinal);
        var accepted = await NodeRun.OfAsync("resume", Bronze, "--accept-gap", "--config", config, "--lake", Lake, "-o", "json");
        Assert.True(accepted.ExitCode == ExitCode.Done, accepted.Messages);
        await using (var third = await RunningNode.StartAsync(Sub("third"), Source, Lake, Behind)) await third.WaitForRowsAsync(Silver, 4);

        var shown = await NodeRun.OfAsync("show", Silver, "--lake", Lake, "-o", "json");
        Assert.Equal(["1b", "2a", "3unseen", "4a"], shown.Rows.Select(row => $"{row!["id"]}{row["note"]}").Order(StringComparer.Ordinal));
        var verified = await NodeRun.OfAsync("verify", "--config", config, "--lake", Lake, "-o", "json");
        Assert.True(verified.ExitCode == ExitCode.Done, verified.Data);
        await DropSlotAsync(database);
        await ExecuteAsync(database, "drop publication gapped; drop table public.gapped");
    }

    /// <summary>A server takes a moment to know that a connection is gone.</summary>
    private static async Task DropSlotAsync(NpgsqlDataSource database)
    {
        while (true)
        {
            try
            {
                await ExecuteAsync(database, "select pg_drop_replication_slot('gapped')");
                return;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ObjectInUse)
            {
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }
        }
    }

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    private string Sub(string name) => Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
}
