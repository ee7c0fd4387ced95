using Npgsql;
using Pipeline.Core;
using Pipeline.Emulation.Postgres;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>
/// A transaction is sent from the server's log before anybody sees what it did. Here for as long as a synchronous standby does not
/// answer; without one it is a moment, which comes by chance.
/// </summary>
public sealed class CommittedTransactionsSpec(SynchronousServer server) : PostgresSpec, IClassFixture<SynchronousServer>
{
    private const string Told = "a transaction stands in the server's log and cannot be seen yet: a synchronous standby has not answered";
    private const string ToldBlind = "the role may not see which of them stand in the server's log and wait for a synchronous standby";
    private const string Large = "(select string_agg(md5(i::text), '') from generate_series(1, 100) i)";

    [Theory]
    [InlineData("alter table items alter body type int using 1; insert into items values (2, 5)", "column body is of type int4, and was text")]
    [InlineData("alter table items add more int default 1; insert into items values (2, 'b')", "column more is new")]
    [InlineData("create type mood as enum ('glad'); alter table items add more mood default 'glad'; insert into items values (2, 'b')", "column more is new")]
    public async Task What_a_definition_has_become_is_looked_up_when_it_can_be_seen(string change, string cause)
    {
        using var waits = new SaidWaits();
        await using var database = await CreateAsync();
        await using var reading = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel, waits: waits.Watch);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await reading.TakeAsync(1);

        await using var held = await server.HoldAsync(database, change, Cancel);
        var failing = reading.FailAsync();
        await Task.WhenAny(failing, waits.UntilToldAsync(Told, Cancel));
        Assert.False(failing.IsCompleted);
        await held.ReleaseAsync();
        var failure = await failing;

        Assert.True(failure.IsTransient, failure.Message);
        Assert.Contains(cause, failure.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_large_value_of_a_moved_row_is_asked_for_when_the_row_can_be_seen()
    {
        using var waits = new SaidWaits();
        await using var database = await CreateAsync();
        await using var reading = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel, waits: waits.Watch);
        await database.ExecuteAsync($"insert into items values (1, {Large})", Cancel);
        await reading.TakeAsync(1);

        await using var held = await server.HoldAsync(database, "update items set id = 2", Cancel);
        var moved = reading.TakeAsync(4).AsTask();
        await Task.WhenAny(moved, waits.UntilToldAsync(Told, Cancel));
        Assert.False(moved.IsCompleted);
        await held.ReleaseAsync();
        await moved;

        Assert.Equal(reading.Changes[0].Values.Replace("1|", "2|", StringComparison.Ordinal)[..20], reading.Changes[3].Values[..20]);
    }

    /// <summary>What the lake has of the stream is before the rows of a range that is read then.</summary>
    /// <param name="seesOthers">Whether the reader may see what others wait for.</param>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_range_of_a_snapshot_is_read_when_all_that_the_lake_has_can_be_seen(bool seesOthers)
    {
        using var waits = new SaidWaits();
        await using var database = await CreateAsync();
        await database.ExecuteAsync("insert into items values (1, 'old')", Cancel);
        var options = database.CaptureOptions("items");
        options = options with { Capture = options.Capture with { Snapshot = true } };
        SplitId slot, snapshot;
        await using (var first = TestDatabase.Open(options))
        {
            var splits = await first.ListSplitsAsync("items", Cancel);
            (slot, snapshot) = (splits.Single(split => !split.IsSnapshot).Id, splits.Single(split => split.IsSnapshot).Id);
        }

        if (!seesOthers) options = await AsReaderAsync(database, options);
        await using var source = TestDatabase.Open(options, waits: waits.Watch);
        await source.ListSplitsAsync("items", Cancel);
        await source.DescribeAsync("items", Cancel);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var stream = new Stream(source, slot, stop.Token);
        await database.ExecuteAsync("insert into items values (2, 'other')", Cancel);
        await stream.UntilConfirmedAsync(database, rows: 1, Cancel);
        await using var held = await server.HoldAsync(database, "update items set body = 'new' where id = 1", Cancel);
        await stream.UntilConfirmedAsync(database, rows: 2, Cancel);

        var reading = RowsAsync(source, snapshot);
        await Task.WhenAny(reading, waits.UntilToldAsync(seesOthers ? Told : ToldBlind, Cancel));
        Assert.False(reading.IsCompleted);
        await held.ReleaseAsync();
        var rows = await reading;
        await stop.CancelAsync();
        await stream.Reading;

        Assert.Equal(["1 new", "2 other"], rows.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_reader_that_is_taken_for_the_synchronous_standby_says_so_and_stops()
    {
        await using var database = await CreateAsync();
        await using var reading = await CaptureReading.StartAsync(database.CaptureOptions("items"), from: null, Cancel);
        await database.ExecuteAsync("insert into items values (1, 'a')", Cancel);
        await reading.TakeAsync(1);

        await using var held = await server.HoldAsync(database, "alter table items add more int; insert into items values (2, 'b', 3)", Cancel, standby: "*");
        var failure = await reading.FailAsync();

        Assert.Equal(FaultKind.Invalid, failure.Kind);
        Assert.Contains($"the server takes the reader of slot slot_{database.Name} for its synchronous standby", failure.Cause, StringComparison.Ordinal);
        Assert.Contains("Name the standbys in synchronous_standby_names", failure.NextStep, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("100:100:", 99, true)]
    [InlineData("100:100:", 100, false)]
    [InlineData("100:105:100,103", 101, true)]
    [InlineData("100:105:100,103", 103, false)]
    [InlineData("100:105:100,103", 106, false)]
    [InlineData("8589934592:8589934595:8589934593", 0xFFFFFFFE, true)]
    [InlineData("8589934592:8589934595:8589934593", 1, false)]
    [InlineData("8589934592:8589934595:8589934593", 2, true)]
    [InlineData("8589934000:8589934590:", 3, false)]
    public void A_snapshot_tells_which_transactions_it_sees_also_where_numbers_begin_again(string snapshot, uint transaction, bool isSeen) =>
        Assert.Equal(isSeen, TransactionSnapshot.Parse(snapshot).Sees(transaction));

    /// <summary>Reads a slot for a lake that has at once what is read.</summary>
    private sealed class Stream
    {
        private int _rows;
        private long _position;

        public Stream(PostgresSource source, SplitId slot, CancellationToken cancellationToken) => Reading = ReadAsync(source, slot, cancellationToken);

        public Task Reading { get; }

        public async Task UntilConfirmedAsync(TestDatabase database, int rows, CancellationToken cancellationToken)
        {
            while (Volatile.Read(ref _rows) < rows
                || Lsn.Parse(await database.ScalarAsync<string>("select confirmed_flush_lsn::text from pg_replication_slots where database = current_database()", cancellationToken)) < Volatile.Read(ref _position))
            {
                if (Reading.IsFaulted) await Reading;
                await Task.Delay(20, cancellationToken);
            }
        }

        private async Task ReadAsync(PostgresSource source, SplitId slot, CancellationToken cancellationToken)
        {
            try
            {
                await foreach (var chunk in source.ReadAsync([new SplitPosition(slot, null)], cancellationToken))
                {
                    using var taken = chunk;
                    await source.AcknowledgeAsync(slot, chunk.Range.To, cancellationToken);
                    if (!chunk.Range.IsAdvancing || chunk.RowCount == 0) continue;
                    Volatile.Write(ref _position, chunk.Range.To);
                    Interlocked.Add(ref _rows, chunk.RowCount);
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                // It has read what it should.
            }
        }
    }

    private async Task<IReadOnlyList<string>> RowsAsync(PostgresSource source, SplitId snapshot)
    {
        var rows = new List<string>();
        await foreach (var chunk in source.ReadAsync([new SplitPosition(snapshot, null)], Cancel))
        {
            using var taken = chunk;
            for (var row = 0; row < chunk.RowCount; row++) rows.Add($"{ArrowText.Of(chunk.Rows!.Column("id"), row)} {ArrowText.Of(chunk.Rows!.Column("body"), row)}");
            if (chunk.Range.To == SnapshotSplit.Complete) break;
        }

        return rows;
    }

    private async ValueTask<PostgresSourceOptions> AsReaderAsync(TestDatabase database, PostgresSourceOptions options)
    {
        var name = $"{database.Name}_test_reader";
        await database.ExecuteAsync($"create role {name} login replication password 'reads'; grant select on items to {name}", Cancel);
        return options with { Security = options.Security with { Username = name, Password = new Secret("reads") } };
    }

    private async ValueTask<TestDatabase> CreateAsync()
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync("create table items (id bigint primary key, body text); alter table items alter body set storage external", Cancel);
        return database;
    }
}

/// <summary>A server whose transactions wait for a standby that never comes, when a test says so.</summary>
public sealed class SynchronousServer : IAsyncLifetime
{
    private ScratchDirectory? _directory;
    private ScratchPostgres? _scratch;

    public ScratchPostgres Scratch => _scratch ?? throw new InvalidOperationException("The server has not been started.");

    public async ValueTask InitializeAsync()
    {
        _directory = new ScratchDirectory("pipeline-postgres-");
        _scratch = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(_directory)
        {
            // Nothing waits but what says so itself.
            Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["synchronous_commit"] = "local" },
        }, TestContext.Current.CancellationToken);
    }

    /// <summary>Commits a transaction that stands in the log then and cannot be seen, until <see cref="Held.ReleaseAsync"/>.</summary>
    /// <param name="standby">Who must answer.</param>
    internal async ValueTask<Held> HoldAsync(TestDatabase database, string sql, CancellationToken cancellationToken, string standby = "nobody")
    {
        await database.ExecuteAsync($"alter system set synchronous_standby_names = '{standby}'", cancellationToken);
        await database.ExecuteAsync("select pg_reload_conf()", cancellationToken);
        // A server takes a setting up a moment later: a transaction of nobody's interest tells when it has.
        await database.ExecuteAsync("create table if not exists probes (id int)", cancellationToken);
        while (true)
        {
            var probe = CommitAsync(database, "insert into probes values (1)", cancellationToken);
            while (!probe.IsCompleted && !await WaitsAsync(database, "probes", cancellationToken)) await Task.Delay(10, cancellationToken);
            if (probe.IsCompleted) continue;
            await database.ExecuteAsync("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'", cancellationToken);
            await probe;
            break;
        }

        var committing = CommitAsync(database, sql, cancellationToken);
        while (!await WaitsAsync(database, "items", cancellationToken)) await Task.Delay(10, cancellationToken);
        return new Held(database, committing);
    }

    public async ValueTask DisposeAsync()
    {
        if (_scratch is not null) await _scratch.DisposeAsync();
        _directory?.Dispose();
    }

    private static async Task CommitAsync(TestDatabase database, string sql, CancellationToken cancellationToken)
    {
        await using var connection = await database.DataSource.OpenConnectionAsync(cancellationToken);
        await using var setting = new NpgsqlCommand("set synchronous_commit = on", connection);
        await setting.ExecuteNonQueryAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async ValueTask<bool> WaitsAsync(TestDatabase database, string table, CancellationToken cancellationToken) =>
        await database.ScalarAsync<bool>($"select exists (select from pg_stat_activity where wait_event = 'SyncRep' and query like '%{table}%')", cancellationToken);

    internal sealed class Held(TestDatabase database, Task committing) : IAsyncDisposable
    {
        public async ValueTask ReleaseAsync()
        {
            await database.ExecuteAsync("alter system reset synchronous_standby_names", CancellationToken.None);
            await database.ExecuteAsync("select pg_reload_conf()", CancellationToken.None);
            await committing;
        }

        public ValueTask DisposeAsync() => ReleaseAsync();
    }
}
