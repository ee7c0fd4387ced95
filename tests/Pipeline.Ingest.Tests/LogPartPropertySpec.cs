using System.Collections.Immutable;
using System.Globalization;
using Apache.Arrow;
using CsCheck;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;
using Pipeline.Ingest.Streams;
using Pipeline.Sources.Kafka;
using Pipeline.Sources.Kafka.Reading;

namespace Pipeline.Ingest.Tests;

/// <summary>
/// Parts of a log that are read again, in whatever turn with records that come, readers that are cut off, all that is read again from a place or the beginning on,
/// and records that can be decoded one day: of a key it is always the last record of the log that its table's order has last, as it was read last.
/// </summary>
public sealed class LogPartPropertySpec
{
    private const int Partitions = 2;
    private static readonly TableId Clicks = TableId.Bronze("events", "clicks");

    private static readonly Gen<Act> Acts = Gen.Frequency(
        (3, Gen.Select(Gen.Int[0, Partitions - 1], Gen.Select(Gen.Int[0, 2], Gen.Int[-40, 60], Gen.Int[0, 9]).Array[1, 8], (partition, records) => (Act)new Act.Append(partition, records))),
        (6, Gen.Select(Gen.Int[0, Partitions - 1], Gen.Int[1, 9], (partition, records) => (Act)new Act.Read(partition, records))),
        (4, Gen.Select(Gen.Int[0, Partitions - 1], Gen.Double[0, 1], Gen.Double[0, 1], (partition, from, to) => (Act)new Act.Part(partition, from, to))),
        (1, Gen.Select(Gen.Int[0, Partitions - 1], Gen.Double[0, 1], (partition, from) => (Act)new Act.Part(partition, from, To: null))),
        (1, Gen.Int[0, 1].Select(isFull => isFull == 0 ? (Act)new Act.Full() : new Act.Mend())));

    [Fact]
    public async Task Of_a_key_the_last_record_of_the_log_is_last_whatever_parts_are_read_again()
    {
        var parts = 0;
        // Of a log in which some records say no time there is no time that could be put before those that do.
        await Gen.Select(Gen.Bool, Acts.Array[15, 40]).SampleAsync(async run =>
        {
            using var world = new World(saysTimes: run.Item1);
            parts += await world.RunAsync(run.Item2);
        }, iter: Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 700 : 25, threads: 1);

        Assert.InRange(parts, 10, int.MaxValue);
    }

    private abstract record Act
    {
        /// <summary>Records come: of which key, by how much time goes on or back, and whether it is (0) one that cannot be decoded yet, or that says no time.</summary>
        public sealed record Append(int Partition, (int Key, int Time, int Kind)[] Records) : Act;

        /// <summary>A reader commits so many records and is gone.</summary>
        public sealed record Read(int Partition, int Records) : Act;

        /// <summary>From one place on, or between two: shares of what was read, and of the rest of it.</summary>
        public sealed record Part(int Partition, double From, double? To) : Act;

        public sealed record Full : Act;

        /// <summary>From now on all records can be decoded.</summary>
        public sealed record Mend : Act;
    }

    /// <param name="saysTimes">Whether all records say their time; then some cannot be decoded.</param>
    private sealed class World(bool saysTimes) : IDisposable
    {
        private static readonly SplitId[] Splits = [.. Enumerable.Range(0, Partitions).Select(partition => new SplitId("events", $"clicks/{partition}"))];

        private readonly LakeOracle _oracle = new();
        private readonly List<(string Key, long TimeMs, bool IsLarge)>[] _log = [.. Enumerable.Range(0, Partitions).Select(_ => new List<(string, long, bool)>())];
        private readonly BronzeRows _rows = new(TimeProvider.System);
        private readonly KafkaMetrics _metrics = new("events");
        private long _timeMs = 1_000_000;
        private bool _isMended;
        private bool _wasMended;

        /// <summary>The last epoch in which all is read again.</summary>
        private int _full;

        private static CancellationToken Cancel => TestContext.Current.CancellationToken;

        public void Dispose()
        {
            _metrics.Dispose();
            _oracle.Dispose();
        }

        /// <returns>How many parts that end were read again.</returns>
        public async Task<int> RunAsync(Act[] acts)
        {
            var parts = 0;
            foreach (var act in acts)
                switch (act)
                {
                    case Act.Append append:
                        foreach (var (key, time, kind) in append.Records)
                            _log[append.Partition].Add(($"{append.Partition}:{key}", kind == 0 && !saysTimes ? -1 : _timeMs += time, kind == 0 && saysTimes));
                        break;
                    case Act.Read read:
                        await ReadAsync(read.Partition, read.Records);
                        break;
                    case Act.Part part:
                        if (await TryBeginAsync(part) && part.To is not null) parts++;
                        break;
                    case Act.Full:
                        if ((await OpenAsync()).Delta.Current.Histories.Newest is not { } newest) break;
                        await GapAcceptance.ReadAgainAsync(_oracle.Lake, Clicks, TimeProvider.System, Cancel);
                        _full = newest.Epoch + 1;
                        break;
                    case Act.Mend:
                        _wasMended |= !_isMended && _log.Any(log => log.Any(record => record.IsLarge));
                        _isMended = true;
                        break;
                }

            for (var partition = 0; partition < Partitions; partition++)
                while (await ReadAsync(partition, int.MaxValue)) { }
            Check(await RowsAsync());
            return parts;
        }

        private void Check(IReadOnlyList<Row> rows)
        {
            // A part that all was read again in the middle of is never ended: its records are older than all of that.
            foreach (var epoch in rows.Where(row => row.Order >= _full).GroupBy(row => (row.Partition, row.Order)))
            {
                var greatest = epoch.GroupBy(row => row.Offset).OrderBy(group => group.Key).Select(group => group.Max(row => row.Time)).ToList();
                Assert.Equal(greatest.Order(), greatest);
                if (!_wasMended) Assert.All(epoch.GroupBy(row => row.Offset), readings => Assert.Single(readings.Select(row => row.Time).Distinct()));
            }

            foreach (var key in rows.GroupBy(row => row.Key))
            {
                var last = key.OrderBy(row => row.Order).ThenBy(row => row.Time).ThenBy(row => row.Partition).ThenBy(row => row.Offset).ThenBy(row => row.Reading).Last();
                Assert.Equal(key.Max(row => row.Offset), last.Offset);
                Assert.Equal(key.Where(row => row.Offset == last.Offset).Max(row => (row.Order, row.Reading)), (last.Order, last.Reading));
            }

            // All that can be decoded is there.
            Assert.All(Enumerable.Range(0, Partitions).SelectMany(partition => _log[partition].Select((record, offset) => (partition, offset, record)).Where(pair => !pair.record.IsLarge)),
                pair => Assert.Contains(rows, row => (row.Partition, row.Offset) == (pair.partition, pair.offset)));
        }

        private async Task<bool> TryBeginAsync(Act.Part part)
        {
            var snapshot = (await OpenAsync()).Delta.Current;
            var reached = snapshot.Position(Splits[part.Partition]) ?? 0;
            var from = (long)(part.From * reached);
            SplitPart[] parts = [new SplitPart(Splits[part.Partition], from, part.To is { } to ? from + 1 + (long)(to * (reached - from - 1)) : null)];
            try
            {
                await TableTurns.BeginAsync(_oracle.Lake, Clicks, parts, TableTurns.AreInOrder(snapshot, parts), TimeProvider.System, Cancel);
                return true;
            }
            catch (PipelineException e) when (e.Kind is FaultKind.Invalid or FaultKind.Missing)
            {
                return false;
            }
        }

        /// <returns>Whether there was anything to read.</returns>
        private async Task<bool> ReadAsync(int partition, int records)
        {
            var split = Splits[partition];
            var table = await OpenAsync();
            if (table.Delta.Current.Histories.Find(split) is null)
                await CommitAsync(table, new Transaction("BEGIN", Isolation.BlindAppend) { Moves = [.. Splits.Select(begun => new TxnMove(begun, null, 0))], Properties = Splits.ToImmutableDictionary(SplitHistory.KeyOf, _ => (string?)new SplitHistory(0, "a").Write()) });
            await TableTurns.EndAsync(table, [new Split(split, ["clicks"])], TimeProvider.System, Cancel);
            var snapshot = await table.Delta.RefreshAsync(Cancel);
            var turn = TableTurns.EndsOf(snapshot, [new Split(split, ["clicks"])]).Select(pair => pair.Value).SingleOrDefault();
            var from = (int)(snapshot.Position(split) ?? 0);
            if (from == _log[partition].Count) return false;

            using var queue = new ChunkQueue(long.MaxValue);
            var options = new KafkaTableOptions { Name = "clicks", Topic = "clicks", RecordBytesMax = _isMended ? 1 << 20 : 100 };
            var reading = new PartitionReading(split, options, partition, from, 1 << 20, default, queue, _metrics, TimeProvider.System, marks: snapshot.Marks(split), end: turn?.To, orderTimeMax: turn?.OrderTimeMax);
            for (var offset = from; offset < _log[partition].Count && offset - from < records; offset++) Take(reading, offset, _log[partition][offset]);
            reading.Flush();
            queue.Complete(fault: null);
            await foreach (var chunk in queue.TakeAllAsync(Cancel))
                using (chunk)
                    await WriteAsync(table, snapshot, chunk);
            return true;
        }

        private static void Take(PartitionReading reading, long offset, (string Key, long TimeMs, bool IsLarge) record) => reading.Take(new KafkaRecord
        {
            Offset = offset, TimestampMs = record.TimeMs, LeaderEpoch = -1, HasKey = true, Key = System.Text.Encoding.UTF8.GetBytes(record.Key), HasValue = true, Value = new byte[record.IsLarge ? 200 : 1], HeadersJson = default,
        });

        private async Task WriteAsync(BronzeTable table, Snapshot snapshot, Chunk chunk)
        {
            var (epoch, adds) = (snapshot.Histories.Find(chunk.Split)!.Rows, ImmutableArray<AddFile>.Empty);
            if (chunk.Rows is { } rows)
            {
                table = BronzeRows.ColumnsOf(epoch).Concat(rows.Schema.FieldsList.Where(field => field.Name == BronzeColumns.OrderTime)).Aggregate(table, (known, column) => known.With(column));
                var today = ImmutableDictionary<string, string?>.Empty.Add(BronzeColumns.IngestDate, "2026-03-02");
                await using var file = await table.Delta.OpenDataFileAsync(table.FileSchema, today, new DataFileOptions(), Cancel);
                foreach (var part in _rows.Prepare(rows, table.FileSchema, enters: null, epoch)) file.Write(part);
                adds = [await file.CompleteAsync(Cancel)];
            }

            await CommitAsync(table, new Transaction("WRITE", Isolation.BlindAppend)
            {
                Adds = adds, Moves = [new TxnMove(chunk.Split, epoch.Read, snapshot.Position(chunk.Split), chunk.Range.To)], Marks = [.. SplitHistory.MarksOf(chunk.Split, epoch.Read, chunk.Marks)],
                Schema = table.AddedSchema is { } ipc ? BronzeTable.FromIpc(ipc) : null,
            });
        }

        private async Task<IReadOnlyList<Row>> RowsAsync()
        {
            var (rows, table) = (new List<Row>(), (await OpenAsync()).Delta);
            await foreach (var batch in TableReader.ReadAsync(table, table.Current, new ReadOptions(), Cancel))
                using (batch)
                {
                    var epochs = new RowEpochs(batch);
                    var orders = batch.Schema.FieldsLookup.Contains(BronzeColumns.OrderTime) ? (TimestampArray)batch.Column(BronzeColumns.OrderTime) : null;
                    for (var row = 0; row < batch.Length; row++)
                        rows.Add(new Row(((Int32Array)batch.Column("_partition")).GetValue(row)!.Value, ((Int64Array)batch.Column("_offset")).GetValue(row)!.Value, ((StringArray)batch.Column("_key")).GetString(row),
                            epochs[row].Order, epochs[row].Read, orders?.GetValue(row) ?? ((TimestampArray)batch.Column("_timestamp")).GetValue(row) ?? long.MinValue));
                }

            return rows;
        }

        private async ValueTask<BronzeTable> OpenAsync() => await BronzeTable.OpenAsync(_oracle.Lake, Clicks, Sources.Kafka.Catalog.KafkaSchemas.Of(new KafkaTableOptions { Name = "clicks", Topic = "clicks" }), Cancel);

        private static async Task CommitAsync(BronzeTable table, Transaction transaction)
        {
            while (await table.Delta.CommitAsync(transaction, Cancel) is var result and not CommitResult.Committed) Assert.IsType<CommitResult.Conflicted>(result);
        }

        private sealed record Row(int Partition, long Offset, string Key, int Order, int Reading, long Time)
        {
            public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Partition}:{Offset} {Key} order {Order} reading {Reading} time {Time}");
        }
    }
}
