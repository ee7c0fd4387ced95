using Pipeline.Core;
using Pipeline.Demo.Data;
using Pipeline.Demo.Data.Tables;
using Pipeline.Demo.Data.Writers;

namespace Pipeline.Demo.Driver;

/// <summary>
/// Starts the demo's sources and fills them tick by tick, a second each, never running away from the pipeline: an event
/// is not overwritten and a row not changed again before it has been read.
/// </summary>
/// <remarks>
/// Every source keeps its own count of ticks. After a crash the broker is filled again from the first record, and each
/// database goes on after the tick that it has.
/// </remarks>
public sealed class DemoDriver : IAsyncDisposable
{
    private readonly DemoOptions _options;
    private readonly DemoManifest _manifest;
    private readonly DataGenerator _data;
    private readonly IReaderProgress _progress;
    private readonly ReaderGate _gate;
    private readonly TimeProvider _time;
    private readonly Ledger _ledger = new();
    private readonly RowsByTick _written;
    private readonly PostgresWriter _postgres;
    private readonly SnowflakeWriter _snowflake;
    private readonly KafkaWriter _kafka;
    private (int Tick, long Record) _kafkaStart;

    private DemoDriver(DemoOptions options, DemoManifest manifest, DataGenerator data, DemoSources sources, IReaderProgress progress, TimeProvider time)
    {
        _options = options;
        _manifest = manifest;
        _data = data;
        _progress = progress;
        _time = time;
        _gate = new ReaderGate(progress, time, options.Patience);
        _written = new RowsByTick(data.Settings.Scale.Gap);
        Sources = sources;
        _postgres = new PostgresWriter(sources.Database);
        _snowflake = new SnowflakeWriter(sources.Snowflake.Database);
        _kafka = new KafkaWriter(sources.Kafka.Bootstrap, DemoSources.Events, _gate);
    }

    public DemoSources Sources { get; }

    /// <summary>The last tick whose rows are all written; -1 before the initial load.</summary>
    public int LastTick { get; private set; } = -1;

    /// <summary>Rows and records written so far, by Bronze table, dead letters among them.</summary>
    public IReadOnlyDictionary<TableId, long> Sent =>
        _ledger.Sent.ToDictionary(pair => TableId.Bronze(pair.Key.Source, pair.Key.Table), pair => pair.Value);

    /// <summary>
    /// Starts the sources with their tables and, when resumed, fills the broker as far as the pipeline has read it. The
    /// pipeline may start when this has returned.
    /// </summary>
    /// <exception cref="PipelineException">There is a demo in the directory and it is not to be resumed, or none that could be.</exception>
    public static async Task<DemoDriver> StartAsync(DemoOptions options, IReaderProgress progress, TimeProvider time, CancellationToken cancellationToken)
    {
        var manifest = Manifest(options, time);
        var data = new DataGenerator(manifest.Settings);
        var sources = await DemoSources.StartAsync(options.Directory, data.Topics, hasTopicIds: options.MadeAnew is not null, time, cancellationToken);
        var driver = new DemoDriver(options, manifest, data, sources, progress, time);
        try
        {
            await driver._postgres.PrepareAsync(cancellationToken);
            driver._snowflake.Prepare();
            await driver.RefillKafkaAsync(cancellationToken);
            return driver;
        }
        catch
        {
            await driver.DisposeAsync();
            throw;
        }
    }

    /// <summary>Fills the sources until the ticks or the time are over, then says what must be in the lake.</summary>
    /// <exception cref="PipelineException">The pipeline has stopped reading.</exception>
    public async Task<Expectation> RunAsync(CancellationToken cancellationToken)
    {
        var nextPostgres = await _postgres.LastTickAsync(cancellationToken) + 1;
        var nextSnowflake = _snowflake.LastTick() + 1;
        var written = Math.Max(nextPostgres, nextSnowflake);
        var startedAt = _time.GetTimestamp();
        for (var tick = 0; !IsOver(tick, written, startedAt); tick++)
        {
            // What was written before the demo was resumed is only counted, as fast as it goes.
            if (tick < written) startedAt = _time.GetTimestamp();
            else await WaitForTickAsync(startedAt, tick - written, cancellationToken);
            await Task.WhenAll(
                WritePostgresAsync(tick, isWritten: tick < nextPostgres, cancellationToken),
                WriteSnowflakeAsync(tick, isWritten: tick < nextSnowflake, cancellationToken),
                Task.Run(() => WriteKafkaAsync(tick, cancellationToken), cancellationToken));
            LastTick = tick;
        }

        return Expectation();
    }

    /// <summary>What must be in the lake once everything written until now has arrived.</summary>
    public Expectation Expectation()
    {
        var tables = _ledger.Expectations;
        return new Expectation(tables, LastTick < 0 ? [] : GoldModel.Expect(_data, LastTick, name => tables.Single(table => table.Table == name).Silver));
    }

    public async ValueTask DisposeAsync()
    {
        _kafka.Dispose();
        await Sources.DisposeAsync();
    }

    private static DemoManifest Manifest(DemoOptions options, TimeProvider time)
    {
        var found = DemoManifest.TryLoad(options.Directory);
        if (options.IsResumed)
            return found ?? throw new PipelineException(FaultKind.Missing, $"Directory {options.Directory}", "no demo has run there",
                "Start without --resume, or name the directory of the demo to go on with.");
        if (found is not null)
            throw new PipelineException(FaultKind.Invalid, $"Directory {options.Directory}", "a demo has run there",
                "Go on with it by --resume, or delete the directory.");
        var now = time.GetUtcNow();
        var manifest = new DemoManifest(options.Seed, now.AddTicks(-(now.Ticks % TimeSpan.TicksPerSecond)), options.RowsPerSecond, options.Ticks);
        manifest.Save(options.Directory);
        return manifest;
    }

    private bool IsOver(int tick, int written, long startedAt)
    {
        // A tick that any source has in part must be finished.
        if (tick < written || tick < _kafkaStart.Tick || (tick == _kafkaStart.Tick && _kafkaStart.Record > 0)) return false;
        if (_options.End.IsCancellationRequested) return true;
        if (_manifest.Ticks is { } ticks) return tick >= ticks;
        return _options.Duration is { } duration && _time.GetElapsedTime(startedAt) >= duration;
    }

    private async Task WaitForTickAsync(long startedAt, int ticksSinceStart, CancellationToken cancellationToken)
    {
        var wait = (_options.TickInterval * ticksSinceStart) - _time.GetElapsedTime(startedAt);
        if (wait > TimeSpan.Zero) await Task.Delay(wait, _time, cancellationToken);
    }

    private async Task WritePostgresAsync(int tick, bool isWritten, CancellationToken cancellationToken)
    {
        if (!isWritten)
        {
            foreach (var table in (string[])["users", "subscriptions", "product_inventory", "user_sessions"])
                await WaitForFormerVersionsAsync(DemoSources.App, table, tick, cancellationToken);
        }

        await using var write = isWritten ? null : await _postgres.BeginAsync(tick, cancellationToken);
        await WriteAsync(_data.Users, _data.Users.Rows(tick));
        await WriteAsync(_data.Subscriptions, _data.Subscriptions.Rows(tick));
        await WriteAsync(_data.Inventory, _data.Inventory.Rows(tick));
        await WriteAsync(_data.Sessions, _data.Sessions.Rows(tick));
        if (write is not null) await write.CommitAsync(cancellationToken);

        async Task WriteAsync<TRow>(IDatabaseFeed<TRow> feed, IEnumerable<Planted<TRow>> rows)
        {
            var counted = Counted(DemoSources.App, feed.Name, tick, rows);
            if (write is null) Drain(counted);
            else await write.WriteAsync(feed, counted, cancellationToken);
        }
    }

    private async Task WriteSnowflakeAsync(int tick, bool isWritten, CancellationToken cancellationToken)
    {
        if (!isWritten)
        {
            foreach (var table in (string[])["product_catalog", "customer_orders", "financial_transactions"])
                await WaitForFormerVersionsAsync(DemoSources.Crm, table, tick, cancellationToken);
        }

        // The embedded database works on the caller's thread.
        await Task.Run(() =>
        {
            using var write = isWritten ? null : _snowflake.Begin(tick);
            Write(_data.Products, _data.Products.Rows(tick));
            Write(_data.Orders, _data.Orders.Rows(tick));
            Write(_data.Transactions, _data.Transactions.Rows(tick));
            write?.Commit();

            void Write<TRow>(IDatabaseFeed<TRow> feed, IEnumerable<Planted<TRow>> rows)
            {
                var counted = Counted(DemoSources.Crm, feed.Name, tick, rows);
                if (write is null) Drain(counted);
                else write.Write(feed, counted);
            }
        }, cancellationToken);
    }

    private async Task WriteKafkaAsync(int tick, CancellationToken cancellationToken)
    {
        if (_options.MadeAnew is var (anew, at) && at == tick) await MakeAnewAsync(_data.Topics.Single(topic => topic.Name == anew), cancellationToken);
        var toSkip = tick < _kafkaStart.Tick ? long.MaxValue : tick == _kafkaStart.Tick ? _kafkaStart.Record : 0;
        foreach (var topic in _data.Topics)
            foreach (var record in Counted(DemoSources.Events, topic.Name, tick, topic.Records(tick)))
                if (toSkip-- <= 0) await _kafka.WriteAsync(topic.Name, record, cancellationToken);
        _kafka.Flush(cancellationToken);
    }

    private async Task MakeAnewAsync(ITopicFeed topic, CancellationToken cancellationToken)
    {
        await _kafka.WaitUntilReadAsync(topic.Name, cancellationToken);
        Sources.Kafka.DeleteTopic(topic.Name);
        Sources.Kafka.CreateTopic(topic.Name, topic.Partitions);
        _kafka.BeginAnew(topic.Name);
    }

    /// <summary>
    /// Produces the first records again until every partition reaches the position at which the pipeline will ask for it:
    /// a reader that finds less would take it for a loss. Not one record more, so that the broker holds nothing that it
    /// did not hold before.
    /// </summary>
    private async Task RefillKafkaAsync(CancellationToken cancellationToken)
    {
        var missing = new Dictionary<(string Topic, int Partition), long>();
        foreach (var topic in _data.Topics)
            for (var partition = 0; partition < topic.Partitions; partition++)
            {
                var position = await _progress.PositionAsync(TableId.Bronze(DemoSources.Events, topic.Name),
                    new SplitId(DemoSources.Events, $"{topic.Name}/{partition}"), cancellationToken) ?? 0;
                _kafka.HasRead(topic.Name, partition, position);
                if (position > 0) missing[(topic.Name, partition)] = position;
            }

        foreach (var (tick, number, topic, record) in AllRecords())
        {
            if (missing.Count == 0)
            {
                _kafkaStart = (tick, number);
                break;
            }

            cancellationToken.ThrowIfCancellationRequested();
            _kafka.Refill(topic, record);
            if (missing.TryGetValue((topic, record.Partition), out var position) && _kafka.NextOffset(topic, record.Partition) >= position)
                missing.Remove((topic, record.Partition));
        }

        _kafka.Flush(cancellationToken);
    }

    /// <summary>Every record from the first on, in the order in which they are produced, without end.</summary>
    private IEnumerable<(int Tick, long Number, string Topic, KafkaRecord Record)> AllRecords()
    {
        for (var tick = 0; ; tick++)
        {
            var number = 0L;
            foreach (var topic in _data.Topics)
                foreach (var planted in topic.Records(tick)) yield return (tick, number++, topic.Name, planted.Row);
        }
    }

    /// <summary>A row may change only when the pipeline has seen how it was: its last change is at least a gap of ticks ago.</summary>
    private Task WaitForFormerVersionsAsync(string source, string table, int tick, CancellationToken cancellationToken) =>
        _gate.WaitForRowsAsync(TableId.Bronze(source, table), _written.After(table, tick - _data.Settings.Scale.Gap), cancellationToken);

    /// <summary>Counts rows on their way, for the expectation and for the gate.</summary>
    private IEnumerable<TRow> Counted<TRow>(string source, string table, int tick, IEnumerable<Planted<TRow>> rows)
    {
        var account = _ledger[source, table];
        foreach (var planted in rows)
        {
            account.Count(planted.Fate);
            yield return planted.Row;
        }

        _written.Note(table, tick, account.Bronze);
    }

    private static void Drain<TRow>(IEnumerable<TRow> rows)
    {
        foreach (var _ in rows)
        {
            // Counting is all that is left to do.
        }
    }

    /// <summary>How many rows each table had after the last few ticks.</summary>
    private sealed class RowsByTick(int ticks)
    {
        private readonly System.Collections.Concurrent.ConcurrentDictionary<string, long[]> _rows = new(StringComparer.Ordinal);

        public void Note(string table, int tick, long rows) => Of(table)[tick % (ticks + 1)] = rows;

        /// <summary>Rows after a tick not more than the kept number ago; 0 before the first.</summary>
        public long After(string table, int tick) => tick < 0 ? 0 : Of(table)[tick % (ticks + 1)];

        private long[] Of(string table) => _rows.GetOrAdd(table, _ => new long[ticks + 1]);
    }
}
