using System.Net.Sockets;
using System.Net;
using System.Collections.Concurrent;
using Apache.Arrow;
using Microsoft.Data.Sqlite;
using Npgsql;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Emulation.Postgres;
using Pipeline.Testing;
using Pipeline.Transform.Coordination;
using Pipeline.Transform.Jobs.Remote;
using Pipeline.Transform.Tests.Jobs.Remote;

namespace Pipeline.Transform.Tests.Coordination;

/// <summary>The journal is a cache of what operators want: whatever becomes of it, Silver and Gold go on.</summary>
public sealed class CoordinatorJournalSpec : IDisposable
{
    private static readonly IReadOnlyList<Field> Users = TestLake.BronzeColumns("user_id long", "country string");

    private static readonly TableId Silver = TableId.Silver("users");
    private static readonly TableId Others = TableId.Silver("others");
    private static readonly TableId Countries = TableId.Gold("countries");

    private readonly TestLake _lake = new(TestGraph.Of("""
        users { from = bronze/app/users, columns { user_id { type = long }, country { type = string } }, key = [user_id] }
        others { from = bronze/app/others, columns { user_id { type = long }, country { type = string } }, key = [user_id] }
        """, "countries { sql = \"countries.sql\", materialization = merge, key = [country] }",
        ("countries.sql", "SELECT country, CAST(COUNT(*) AS BIGINT) AS users FROM silver.users GROUP BY country")));

    private string Journal => CoordinatorNode.JournalOf(_lake);

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task Deleted_under_load_it_stops_nothing_and_what_is_ordered_is_remembered_in_a_new_one()
    {
        await using (var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs))
        {
            await node.ObeyAsync(new PauseTable(Others));
            for (var user = 1; user <= 4; user++)
            {
                await AppendAsync(user);
                await node.UntilAsync(Silver, user);
                File.Delete(Journal);
            }

            await AppendAsync(5);
            await node.UntilAsync(tables => tables.Single(table => table.Table == Countries).Rows == 5);
            await node.UntilAsync(_ => IsInJournal(Others));
        }

        await AppendAsync(6, "others");
        await using var later = await CoordinatorNode.StartAsync(_lake, _lake.Jobs);
        await AppendAsync(6);
        await later.UntilAsync(tables => tables.Single(table => table.Table == Silver).Rows == 6);

        Assert.Equal(["6|6"], await _lake.RowsAsync("SELECT count(*), count(DISTINCT user_id) FROM silver.users"));
        Assert.Equal(TableActivity.Paused, (await later.StatusAsync()).Tables.Single(table => table.Table == Others).Activity);
    }

    [Fact]
    public async Task An_execution_elsewhere_is_an_event_in_it_before_it_is_submitted_and_one_in_process_is_none()
    {
        await AppendAsync(1);
        await using (var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs)) await node.UntilAsync(Countries, 1);
        Assert.Equal(0, Executions("duckdb"));
        var artifacts = new LocalObjectStore(Path.Combine(_lake.Options.TempDirectory, "jobs"));
        var kept = new ConcurrentQueue<long>();
        var elsewhere = new EngineElsewhere(_lake.Engine, artifacts, _lake.Time) { Submitting = _ => kept.Enqueue(Executions("emr")) };
        var remote = new RemoteRuns("test", _lake.Lake, new JobArtifacts(artifacts), [elsewhere]);

        await AppendAsync(2);
        await using var later = await CoordinatorNode.StartAsync(_lake, new JobRunner(_lake.Tables, _lake.Engine, _lake.Options, _lake.Time, remote), change: options => options with { Engine = EngineKind.Emr }, remote: remote);
        await later.UntilAsync(Countries, 2);

        Assert.Equal([1, 2], kept);
        Assert.Equal(["2"], await _lake.RowsAsync("SELECT count(*) FROM gold.countries"));
    }

    private long Executions(string engine) => Read($"SELECT count(*) FROM journal WHERE manifest = 'job-requested-1' AND CAST(message AS TEXT) LIKE '%\"handle\":{{\"engine\":\"{engine}\",%'");

    [Fact]
    public async Task A_damaged_one_is_set_aside_and_the_tables_logs_say_where_to_go_on()
    {
        await AppendAsync(1);
        await using (var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs)) await node.UntilAsync(Countries, 1);
        await File.WriteAllTextAsync(Journal, new string('x', 8192), TestContext.Current.CancellationToken);

        await using var later = await CoordinatorNode.StartAsync(_lake, _lake.Jobs);
        await AppendAsync(2);
        await later.UntilAsync(Countries, 2);

        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(Journal)!, "journal.db.damaged-*"));
        Assert.Equal(["2"], await _lake.RowsAsync("SELECT count(*) FROM gold.countries"));
    }

    [Fact]
    public async Task Damaged_while_it_is_written_it_is_set_aside_and_pauses_are_remembered_in_the_new_one()
    {
        await using var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs);
        await node.ObeyAsync(new PauseTable(Others));

        await File.WriteAllTextAsync(Journal, new string('x', 65536), TestContext.Current.CancellationToken);
        await AppendAsync(1);
        await node.UntilAsync(Countries, 1);

        await node.UntilAsync(_ => Directory.GetFiles(Path.GetDirectoryName(Journal)!, "journal.db.damaged-*").Length > 0 && IsInJournal(Others));
    }

    [Fact]
    public async Task What_this_release_cannot_read_is_written_anew()
    {
        await AppendAsync(1);
        await using (var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs)) await node.UntilAsync(Countries, 1);
        Write("UPDATE journal SET manifest = 'job-requested-99'");

        await using var later = await CoordinatorNode.StartAsync(_lake, _lake.Jobs);
        await later.ObeyAsync(new PauseTable(Others));
        await AppendAsync(2);
        await later.UntilAsync(Countries, 2);

        await later.UntilAsync(_ => IsInJournal(Others));
    }

    [Fact]
    public async Task Locked_by_somebody_it_is_done_without_and_told_everything_when_it_is_back()
    {
        var said = new ConcurrentQueue<OutageNotice>();
        using var outages = new OutageWatch(_lake.Time, said.Enqueue);
        await using (var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs, outages))
        {
            await AppendAsync(1);
            await node.UntilAsync(Countries, 1);
            await using (var somebody = new SqliteConnection($"Data Source={Journal};Pooling=false"))
            {
                somebody.Open();
                using var begin = somebody.CreateCommand();
                begin.CommandText = "BEGIN EXCLUSIVE";
                begin.ExecuteNonQuery();
                await node.ObeyAsync(new PauseTable(Others));
                await AppendAsync(2);
                await node.UntilAsync(Countries, 2);
                _lake.Time.Advance(Outages.SayAfter);
            }

            await node.UntilAsync(_ => IsInJournal(Others));
        }

        Assert.Equal([OutageStage.Away, OutageStage.Returned], said.Where(notice => notice.Thing.StartsWith("Journal ", StringComparison.Ordinal)).Select(notice => notice.Stage));
    }

    /// <summary>By the fault's words: the line about it needs a clock that moves.</summary>
    [Fact]
    public async Task One_that_takes_the_connection_and_answers_nothing_is_known_within_seconds_and_done_without()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var outages = OutageWatch.Silent(_lake.Time);
        await using var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs, outages, change: options => options with
        {
            JournalProvider = JournalProvider.Postgresql, JournalConnection = $"Host=127.0.0.1;Port={((IPEndPoint)silent.LocalEndpoint).Port};Username=u;Password=p;Database=d;Timeout=600;Pooling=false",
        });

        OutageNotice? away;
        while ((away = outages.Away.FirstOrDefault(notice => notice.Thing.StartsWith("Journal ", StringComparison.Ordinal))) is null) await Task.Delay(50, TestContext.Current.CancellationToken);
        await AppendAsync(1);
        await node.UntilAsync(Countries, 1);

        Assert.Contains("has not answered", away.Fault.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_restarted_costs_nothing_and_is_told_everything_when_it_is_back()
    {
        using var directory = new ScratchDirectory("journal-");
        var cancel = TestContext.Current.CancellationToken;
        await using (var server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory), cancel))
        {
            TransformOptions Change(TransformOptions options) => options with { JournalProvider = JournalProvider.Postgresql, JournalConnection = server.ConnectionString + ";Pooling=false" };
            await using (var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs, change: Change))
            {
                await AppendAsync(1);
                await node.UntilAsync(Countries, 1);
                await server.StopAsync(cancel);
                await node.ObeyAsync(new PauseTable(Others));
                await AppendAsync(2);
                await node.UntilAsync(Countries, 2);
                await server.RestartAsync(cancel);
                await node.UntilAsync(_ => IsAtServer(server, Others));
            }

            await using var later = await CoordinatorNode.StartAsync(_lake, _lake.Jobs, change: Change);
            Assert.Equal(TableActivity.Paused, (await later.StatusAsync()).Tables.Single(table => table.Table == Others).Activity);
        }

    }

    [Fact]
    public async Task A_second_node_on_its_file_is_refused()
    {
        await using var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs);

        var refusal = await Assert.ThrowsAsync<PipelineException>(() => CoordinatorNode.StartAsync(_lake, _lake.Jobs));

        Assert.StartsWith($"Journal {Journal}: another node is using it. ", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("medallion-coordinator")]
    [InlineData("medallion-coordinator:first")]
    public async Task Each_pipeline_remembers_under_its_own_name_and_lake_and_what_a_release_before_has_remembered_is_taken_over_once(string former)
    {
        await using (var before = await CoordinatorNode.StartAsync(_lake, _lake.Jobs))
        {
            await before.ObeyAsync(new PauseTable(Others));
            await before.UntilAsync(_ => IsInJournal(Others));
        }

        var id = await _lake.Lake.IdAsync(TestContext.Current.CancellationToken);
        Write($"UPDATE journal SET persistence_id = '{former}'; UPDATE snapshot SET persistence_id = '{former}'");
        await using (var first = await CoordinatorNode.StartAsync(_lake, _lake.Jobs, pipeline: "first"))
        {
            Assert.Equal(TableActivity.Paused, (await first.StatusAsync()).Tables.Single(table => table.Table == Others).Activity);
            await first.UntilAsync(_ => Read($"SELECT count(*) FROM snapshot WHERE persistence_id = 'medallion-coordinator:first:{id}'") == 1
                && Read($"SELECT count(*) FROM journal WHERE persistence_id = '{former}' AND deleted = 0") == 0);
        }

        await using (var second = await CoordinatorNode.StartAsync(_lake, _lake.Jobs, pipeline: "second"))
            Assert.NotEqual(TableActivity.Paused, (await second.StatusAsync()).Tables.Single(table => table.Table == Others).Activity);
        await using var again = await CoordinatorNode.StartAsync(_lake, _lake.Jobs, pipeline: "first");
        Assert.Equal(TableActivity.Paused, (await again.StatusAsync()).Tables.Single(table => table.Table == Others).Activity);
    }

    [Fact]
    public async Task Two_pipelines_of_one_name_with_lakes_of_their_own_share_a_database_and_no_memory()
    {
        using var other = new TestLake(_lake.Graph);
        await using (var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs))
        {
            await node.ObeyAsync(new PauseTable(Others));
            await node.UntilAsync(_ => IsInJournal(Others));
        }

        await using (var node = await CoordinatorNode.StartAsync(other, other.Jobs, change: options => options with { JournalConnection = $"Data Source={Journal}" }))
            Assert.NotEqual(TableActivity.Paused, (await node.StatusAsync()).Tables.Single(table => table.Table == Others).Activity);
        await using var again = await CoordinatorNode.StartAsync(_lake, _lake.Jobs);
        Assert.Equal(TableActivity.Paused, (await again.StatusAsync()).Tables.Single(table => table.Table == Others).Activity);
    }

    [Fact]
    public async Task A_coordinator_that_fails_comes_again()
    {
        await using var node = await CoordinatorNode.StartAsync(_lake, _lake.Jobs);
        await AppendAsync(1);
        await node.UntilAsync(Countries, 1);

        node.Publish(new BronzeCommitted(null!, 1, 1, null, _lake.Time.GetUtcNow()));
        await AppendAsync(2);

        await node.UntilAsync(Countries, 2);
    }

    private Task AppendAsync(int user, string table = "users") =>
        _lake.AppendAsync($"bronze/app/{table}", Users, $"SELECT {user} AS user_id, 'C{user}' AS country, 'r' AS _op, {user} AS _position");

    /// <summary>Whether the file that stands there now says that a table is paused.</summary>
    private bool IsInJournal(TableId table)
    {
        if (!File.Exists(Journal)) return false;
        try
        {
            return Read($"SELECT (SELECT count(*) FROM journal WHERE manifest = 'table-paused-1') + (SELECT count(*) FROM snapshot WHERE CAST(snapshot AS TEXT) LIKE '%{table}%\"isPaused\":true%')") > 0;
        }
        catch (SqliteException)
        {
            return false;
        }
    }

    private static bool IsAtServer(ScratchPostgres server, TableId table)
    {
        using var connection = new NpgsqlConnection(server.ConnectionString + ";Pooling=false");
        connection.Open();
        using var command = new NpgsqlCommand($"SELECT count(*) FROM snapshot WHERE convert_from(snapshot, 'UTF8') LIKE '%{table}%\"isPaused\":true%'", connection);
        return (long)command.ExecuteScalar()! > 0;
    }

    private long Read(string query)
    {
        using var connection = new SqliteConnection($"Data Source={Journal};Pooling=false;Mode=ReadOnly");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = query;
        return (long)command.ExecuteScalar()!;
    }

    private void Write(string statement)
    {
        using var connection = new SqliteConnection($"Data Source={Journal};Pooling=false");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = statement;
        command.ExecuteNonQuery();
    }
}
