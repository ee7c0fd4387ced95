using System.Globalization;
using Npgsql;
using Pipeline.Emulation.Postgres;
using Pipeline.Testing;

namespace Pipeline.Faults.Tests;

/// <summary>
/// A node with the shipped sizes of files and buffers, alone in its process, reads a large table and one large
/// transaction. <c>PIPELINE_NIGHTLY=1</c>: 20 million rows and 5 million.
/// </summary>
[Collection(nameof(PostgresMemorySpec))]
[CollectionDefinition(nameof(PostgresMemorySpec), DisableParallelization = true)]
public sealed class PostgresMemorySpec : IAsyncLifetime
{
    private const long BytesMax = 512L << 20;

    private readonly ScratchDirectory _root = new("pipeline-memory-");
    private readonly (int Table, int Transaction) _rows = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? (20_000_000, 5_000_000) : (1_000_000, 300_000);
    private ScratchPostgres _server = null!;

    private string Facts => Path.Combine(_root, "lake", "bronze", "app", "facts");

    public async ValueTask InitializeAsync() => _server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(Path.Combine(_root, "server"))
    {
        Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["max_wal_size"] = "4GB", ["autovacuum"] = "off" },
    }, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _root.Dispose();
    }

    [Fact]
    public async Task A_snapshot_and_a_transaction_larger_than_memory_land_whole_within_512_MiB()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        await ExecuteAsync("create table facts (id bigint primary key, customer int not null, amount numeric(12,2), at timestamptz, note text)", deadline.Token);
        await InsertAsync(from: 1, _rows.Table, deadline.Token);
        await using var node = StartNode();

        var started = TimeProvider.System.GetTimestamp();
        await UntilAsync(node, () => LogReplay.Of(Facts).Positions.Any(pair => pair.Key.Contains("/snapshot/", StringComparison.Ordinal) && pair.Value == long.MaxValue), deadline.Token);
        Report($"snapshot of {_rows.Table:N0} rows", started, node);
        started = TimeProvider.System.GetTimestamp();
        await InsertAsync(from: _rows.Table + 1, _rows.Transaction, deadline.Token);
        var written = await PositionAsync(deadline.Token);
        Report($"the server's own insert of {_rows.Transaction:N0} rows in one transaction", started, node);
        await UntilAsync(node, () => SlotPosition() >= written, deadline.Token);
        Report("until they are committed", started, node);

        var peak = node.PeakBytes;
        Assert.Equal(0, await node.StopAsync(deadline.Token));
        var rows = await FileQuery.RowsAsync($"SELECT _op, count(*), count(DISTINCT id), min(id), max(id) FROM {FileQuery.Relation(LogReplay.Of(Facts).Files)} GROUP BY _op ORDER BY _op DESC", deadline.Token);
        Assert.Equal([$"r|{_rows.Table}|{_rows.Table}|1|{_rows.Table}", $"c|{_rows.Transaction}|{_rows.Transaction}|{_rows.Table + 1}|{_rows.Table + _rows.Transaction}"],
            rows.Select(row => string.Join('|', row.Select(value => Convert.ToString(value, CultureInfo.InvariantCulture)))));
        var versions = await FileQuery.RowsAsync($"SELECT filename, any_value(_op) FROM {FileQuery.Relation(LogReplay.Of(Facts).Added.Select(added => added.File))} WHERE _op = 'c' GROUP BY filename", deadline.Token);
        var changed = versions.Select(row => (string)row[0]!).ToHashSet(StringComparer.Ordinal);
        Assert.True(changed.Count > 1 || _rows.Transaction < 1_000_000, "the transaction was meant to be larger than a data file");
        Assert.Single(LogReplay.Of(Facts).Added.Where(added => changed.Contains(added.File)).Select(added => added.Version).Distinct());
        Assert.True(peak <= BytesMax, $"It took {peak >> 20} MiB.");

        long SlotPosition() => LogReplay.Of(Facts).Positions.Where(pair => pair.Key.Contains("/slot/", StringComparison.Ordinal)).Select(pair => pair.Value).DefaultIfEmpty(0).Max();
    }

    private PipelineProcess StartNode() => PipelineProcess.Start(Path.Combine(_root, "node"), $$"""
        lake { location = "{{Path.Combine(_root, "lake")}}" }
        cluster { hostname = 127.0.0.1, port = 0 }
        sources {
          app {
            type = postgres, mode = cdc
            host = {{_server.Host}}, port = {{_server.Port}}, database = {{_server.Database}}
            security { username = {{_server.User}}, password = "{{_server.Password}}", ca-file = "{{_server.CaFile}}" }
            capture { heartbeat-interval = 1s }
            tables { facts { table = public.facts } }
          }
        }
        """, ["run", "--role", "ingest"]);

    private Task InsertAsync(int from, int rows, CancellationToken cancellationToken) => ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $"""
        insert into facts select i, i % 100000, i * 0.01, timestamptz '2026-01-01' + i * interval '1 second', 'note ' || md5(i::text)
        from generate_series({from}, {from + rows - 1}) i
        """), cancellationToken);

    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var database = NpgsqlDataSource.Create(_server.ConnectionString);
        await using var command = database.CreateCommand(sql);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Where the server's log ends.</summary>
    private async Task<long> PositionAsync(CancellationToken cancellationToken)
    {
        await using var database = NpgsqlDataSource.Create(_server.ConnectionString);
        await using var command = database.CreateCommand("select (pg_current_wal_insert_lsn() - '0/0')::bigint");
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task UntilAsync(PipelineProcess node, Func<bool> isReached, CancellationToken cancellationToken)
    {
        while (!isReached())
        {
            if (cancellationToken.IsCancellationRequested) Assert.Fail($"Too late. The node says:\n{node.Log}");
            await Task.Delay(200, CancellationToken.None);
        }
    }

    private static void Report(string what, long since, PipelineProcess node) => TestContext.Current.TestOutputHelper?.WriteLine(
        $"{what}: {TimeProvider.System.GetElapsedTime(since).TotalSeconds:0.0} s, peak so far {node.PeakBytes >> 20} MiB");
}
