using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;
using Pipeline.Sources.Postgres.Reading.Capture;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>What a source that nothing changes costs its server, as the server counts it: transactions of the database.</summary>
public sealed class IdleSpec(PostgresServer server) : PostgresSpec
{
    private const int LooksAMinute = 6;

    /// <summary>So many that what the server does by itself meanwhile, as autovacuum after tables were made, does not count.</summary>
    private const int Minutes = 10;

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    [InlineData(300)]
    public async Task An_idle_capture_of_any_number_of_tables_makes_at_most_thirty_transactions_a_minute(int count)
    {
        var names = Enumerable.Range(0, count).Select(i => $"t{i}").ToArray();
        await using var database = await CreateAsync(string.Concat(names.Select(name => $"create table {name} (id int primary key, name text);")));
        var options = database.CaptureOptions(names);
        options = options with { Capture = options.Capture with { Snapshot = true } };
        await using (var first = TestDatabase.Open(options)) await first.ListSplitsAsync(names[0], Cancel);

        var once = await CaptureAsync(database, options, looks: 1);
        var minute = (await CaptureAsync(database, options, looks: 1 + Minutes * LooksAMinute) - once) / Minutes;

        TestContext.Current.TestOutputHelper?.WriteLine($"{count} tables: {minute} transactions a minute, {once} at start");
        Assert.InRange(minute, 1, 30);
    }

    [Fact]
    public async Task An_idle_watermark_table_makes_one_transaction_a_look_and_is_looked_at_twice_a_minute()
    {
        await using var database = await CreateAsync("create table items (number bigint not null, updated_at timestamptz not null default now()); create index on items (updated_at); insert into items values (1)");
        var time = new PassedTime(until: TimeSpan.FromMinutes(20));
        var options = database.Options(TestDatabase.Table("items", "updated_at")) with { PollInterval = TimeSpan.FromSeconds(1) };
        var looks = 0;
        var before = await CountAsync(database);
        await using (var source = TestDatabase.Open(options, time: time))
        {
            var split = (await source.ListSplitsAsync("items", Cancel))[0].Id;
            await source.DescribeAsync("items", Cancel);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
            var reading = Task.Run(async () =>
            {
                await foreach (var chunk in source.ReadAsync([new SplitPosition(split, null)], stop.Token)) chunk.Dispose();
            }, Cancel);
            await time.End.WaitAsync(Cancel);
            looks = time.Pauses;
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        }

        var transactions = await CountAsync(database) - before;

        TestContext.Current.TestOutputHelper?.WriteLine($"{looks} looks in {time.Passed}, {transactions} transactions");
        // A few of them until it is quiet, and what opening takes.
        Assert.InRange(looks, 2 * 19, 2 * 20 + 10);
        Assert.InRange(transactions, looks, looks + 20);
    }

    private async Task<long> CaptureAsync(TestDatabase database, PostgresSourceOptions options, int looks)
    {
        var before = await CountAsync(database);
        // On a clock that stands, all tables ask within one look, however crowded the machine is.
        await using (var source = TestDatabase.Open(options, time: new HeldClock(TimeProvider.System.GetUtcNow())))
        await using (var connections = new PostgresConnections(options, new LocalSecretStore(), "test", WaitWatch.Silent(TimeProvider.System), new KnownCertificates()))
        {
            foreach (var table in source.Tables) await source.DescribeAsync(table.Name, Cancel);
            var slot = (await source.ListSplitsAsync(source.Tables[0].Name, Cancel))[0].Id;
            using var metrics = new PostgresMetrics(options.Name, () => []);
            var services = new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new TestOwner());
            var watch = new SlotWatch(connections, slot, new AskedEnd(), new SplitLooks(), metrics, services);
            for (var look = 0; look < looks; look++)
            {
                foreach (var table in source.Tables) await source.ListSplitsAsync(table.Name, Cancel);
                await watch.TryLookAsync(Cancel);
            }
        }

        return await CountAsync(database) - before;
    }

    /// <summary>A session tells what it did when it ends, and it has left when it is not seen any more.</summary>
    private async Task<long> CountAsync(TestDatabase database)
    {
        database.DataSource.Clear();
        while (await database.ScalarAsync<long>("select count(*) from pg_stat_activity where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()", Cancel) > 0)
            await Task.Delay(20, Cancel);
        return await database.ScalarAsync<long>("select xact_commit + xact_rollback from pg_stat_database where datname = current_database()", Cancel);
    }

    private async ValueTask<TestDatabase> CreateAsync(string sql)
    {
        var database = await TestDatabase.CreateAsync(server.Scratch, Cancel);
        await database.ExecuteAsync(sql, Cancel);
        return database;
    }

    /// <summary>Pauses are over at once, and what they would have taken is counted; none ends behind the end.</summary>
    private sealed class PassedTime(TimeSpan until) : TimeProvider
    {
        private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task End => _end.Task;

        public TimeSpan Passed { get; private set; }

        public int Pauses { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime == Timeout.InfiniteTimeSpan) return base.CreateTimer(callback, state, dueTime, period);
            if (_end.Task.IsCompleted) return base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, period);
            Passed += dueTime;
            Pauses++;
            if (Passed >= until) _end.SetResult();
            return base.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
