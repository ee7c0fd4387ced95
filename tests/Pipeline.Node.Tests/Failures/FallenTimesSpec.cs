using System.Text.RegularExpressions;
using Npgsql;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Failures;

/// <summary>
/// A table that is read by its rows' times and into which a backup was put: nobody can tell that from newest rows that were deleted, so that it is said, and whoever
/// does what is said has its rows in Silver.
/// </summary>
[Collection(HealthySources.Name)]
public sealed partial class FallenTimesSpec(HealthySources healthy) : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-fallen-");

    private string Lake => Path.Combine(_directory, "lake");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Of_PostgreSQL()
    {
        await using var database = NpgsqlDataSource.Create(healthy.PostgresConnectionString);
        await ExecuteAsync(database, "create table public.fallen (id bigint primary key, note text, at timestamptz not null); create index on public.fallen (at); insert into public.fallen values (1, 'a', now() - interval '1 minute'), (2, 'a', now() - interval '1 minute')");

        await FollowAsync(healthy.PostgresOf("""fallen { table = "public.fallen", watermark = at, key = [id] }"""), "app",
            () => ExecuteAsync(database, "truncate public.fallen; insert into public.fallen values (1, 'b', now() - interval '2 days'), (3, 'b', now() - interval '3 days')"));

        await ExecuteAsync(database, "drop table public.fallen");
    }

    [Fact]
    public async Task Of_Snowflake()
    {
        var database = healthy.Snowflake.Database;
        database.Execute("CREATE TABLE FALLEN (ID NUMBER(18,0) NOT NULL, NOTE VARCHAR(20), AT TIMESTAMP_LTZ NOT NULL)");
        database.Execute("INSERT INTO FALLEN VALUES (1, 'a', now() - INTERVAL 1 MINUTE), (2, 'a', now() - INTERVAL 1 MINUTE)");

        await FollowAsync(healthy.SnowflakeOf("fallen { table = FALLEN, watermark = AT, key = [ID] }"), "crm", () =>
        {
            database.Execute("DELETE FROM FALLEN");
            database.Execute("INSERT INTO FALLEN VALUES (1, 'b', now() - INTERVAL 2 DAY), (3, 'b', now() - INTERVAL 3 DAY)");
            return Task.CompletedTask;
        });

        database.Execute("DROP TABLE FALLEN");
    }

    private async Task FollowAsync(string sources, string source, Func<Task> putBack)
    {
        var (bronze, behind) = ($"bronze/{source}/fallen", $$"""silver { fallen { from = bronze/{{source}}/fallen, columns { id { type = long }, note { type = string } }, key = [id] } }""");
        string config, advice;
        await using (var node = await RunningNode.StartAsync(Sub("first"), sources, Lake, behind))
        {
            config = node.ConfigPath;
            await node.WaitForRowsAsync("silver/fallen", 2);
            await putBack();
            await node.WaitForLogAsync("have all that it has read again");
            advice = Verb().Match(Assert.Single(node.Log, line => line.Contains("have all that it has read again", StringComparison.Ordinal))).Groups[1].Value;
        }

        string[] lake = ["--config", config, "--lake", Lake, "-o", "json"];
        var check = await NodeRun.OfAsync(["check", .. lake]);
        var shown = await NodeRun.OfAsync([.. advice.Split(' ').Where(word => word != "--accept-gap"), .. lake]);
        var accepted = await NodeRun.OfAsync([.. advice.Split(' '), .. lake]);

        Assert.Equal((ExitCode.Failed, ExitCode.Failed, ExitCode.Done), (check.ExitCode, shown.ExitCode, accepted.ExitCode));
        Assert.Contains(advice, Assert.Single(check.Rows, finding => !(bool)finding!["ok"]!)!.ToJsonString(), StringComparison.Ordinal);
        await using (var node = await RunningNode.StartAsync(Sub("second"), sources, Lake, behind))
        {
            await node.WaitForRowsAsync(bronze, 4);
            await node.WaitForRowsAsync("silver/fallen", 3);
        }

        var rows = (await NodeRun.OfAsync("show", "silver/fallen", "--lake", Lake, "-o", "json")).Rows;
        Assert.Equal(["1b", "2a", "3b"], rows.Select(row => $"{row!["id"]}{row["note"]}").Order(StringComparer.Ordinal));
        var after = await NodeRun.OfAsync(["check", .. lake]);
        Assert.True(after.ExitCode == ExitCode.Done, after.Data + after.Messages);
        var verified = await NodeRun.OfAsync(["verify", .. lake]);
        Assert.True(verified.ExitCode == ExitCode.Done, verified.Data + verified.Messages);
    }

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    private string Sub(string name) => Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;

    [GeneratedRegex(@"\./pipeline (resume [^ ]+ --accept-gap)")]
    private static partial Regex Verb();
}
