using System.Collections.Immutable;
using CsCheck;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Storage;

namespace Pipeline.Delta.Tests.Log;

/// <summary>
/// For any interleaving of writers and crashes, replay gives the rows of the committed operations in the order of their
/// versions. Rows are keys in real data files.
/// </summary>
public sealed class ReplayModelSpec
{
    private const int Writers = 3;

    private static readonly Gen<Step> Steps = Gen.OneOf(
        Gen.Select(Gen.Int[0, Writers - 1], Gen.Enum<Operation>(), (writer, operation) => new Step(writer, operation, Crash.None)),
        Gen.Select(Gen.Int[0, Writers - 1], Gen.Enum<Crash>(), (writer, crash) => new Step(writer, null, crash)));

    private enum Operation
    {
        Append,
        Overwrite,

        /// <summary>By a condition that statistics say nothing about.</summary>
        DeleteThirds,

        /// <summary>By one that they rule files out for.</summary>
        DeleteOldest,
        Compact,
    }

    private enum Crash
    {
        None,
        BeforePut,
        AfterPut,
    }

    [Fact]
    public async Task Replay_gives_the_rows_of_the_committed_operations_in_version_order() =>
        await Steps.Array[1, 40].SampleAsync(async steps =>
        {
            using var run = new Run();
            await run.StartAsync();
            foreach (var step in steps) await run.TakeAsync(step);
            await run.CheckAsync();
        }, iter: 100, threads: 2);

    /// <param name="Operation">What to prepare on the writer's snapshot; null: commit what it has prepared.</param>
    private sealed record Step(int Writer, Operation? Operation, Crash Crash);

    /// <param name="Change">What it means for the rows, whatever it had read.</param>
    private sealed record Prepared(Transaction Transaction, Func<ImmutableSortedSet<long>, ImmutableSortedSet<long>> Change);

    private sealed class Run : IDisposable
    {
        private readonly CrashingStore _store = new(new MemoryStore());
        private readonly DeltaTable[] _tables = new DeltaTable[Writers];
        private readonly Prepared?[] _prepared = new Prepared?[Writers];

        private readonly DuckDbSession _session = DuckDbSession.Open(new DuckDbSettings(64L << 20, 1, Path.GetTempPath()), CancellationToken.None);

        /// <summary>The rows of each version, by the model.</summary>
        private readonly List<ImmutableSortedSet<long>> _versions = [ImmutableSortedSet<long>.Empty];
        private long _nextKey;

        public async Task StartAsync()
        {
            for (var writer = 0; writer < Writers; writer++) _tables[writer] = await OpenAsync();
        }

        public void Dispose() => _session.Dispose();

        public async Task TakeAsync(Step step)
        {
            if (step.Operation is { } operation)
            {
                _prepared[step.Writer] = await PrepareAsync(operation, _tables[step.Writer]);
                return;
            }

            if (_prepared[step.Writer] is not { } prepared) return;
            _prepared[step.Writer] = null;
            _store.Next = step.Crash;
            try
            {
                var result = await _tables[step.Writer].CommitAsync(prepared.Transaction, CancellationToken.None);
                if (result is CommitResult.Committed) Apply(prepared);
                await _tables[step.Writer].PendingCheckpoint;
            }
            catch (CrashedException e)
            {
                if (e.HasLanded) Apply(prepared);
                _tables[step.Writer] = await OpenAsync();
            }
            finally
            {
                _store.Next = Crash.None;
            }
        }

        public async Task CheckAsync()
        {
            var table = await OpenAsync();
            Assert.Equal(_versions.Count - 1, table.Current.Version);
            for (var version = 0; version < _versions.Count; version++)
                Assert.Equal(_versions[version], await RowsAsync(table, await table.AtVersionAsync(version, CancellationToken.None)));
            foreach (var writer in _tables) Assert.Equal(_versions[^1], await RowsAsync(writer, await writer.RefreshAsync(CancellationToken.None)));
        }

        private async Task<Prepared?> PrepareAsync(Operation operation, DeltaTable table)
        {
            var snapshot = table.Current;
            switch (operation)
            {
                case Operation.Append:
                    long[] keys = [_nextKey++, _nextKey++];
                    return new Prepared(new Transaction("WRITE", Isolation.BlindAppend) { Adds = [await FileAsync(table, keys)] }, rows => rows.Union(keys));
                case Operation.Overwrite:
                    var key = _nextKey++;
                    return new Prepared(new Transaction("WRITE", Isolation.ReadTable)
                    {
                        ReadVersion = snapshot.Version,
                        Adds = [await FileAsync(table, key)],
                        Removes = [.. snapshot.Files.Select(file => TestTables.Remove(file))],
                    }, _ => [key]);
                case Operation.DeleteThirds:
                    return await DeleteAsync(table, "key % 3 = 0", gone => gone % 3 == 0);
                case Operation.DeleteOldest:
                    var end = _nextKey / 2;
                    return await DeleteAsync(table, $"key < {end}", gone => gone < end);
                default:
                    var all = await RowsAsync(table, snapshot);
                    return new Prepared(new Transaction("OPTIMIZE", Isolation.Rearrange)
                    {
                        ReadVersion = snapshot.Version,
                        Adds = all.IsEmpty ? [] : [await FileAsync(table, [.. all]) with { DataChange = false }],
                        Removes = [.. snapshot.Files.Select(file => TestTables.Remove(file, dataChange: false))],
                    }, rows => rows);
            }
        }

        private async Task<Prepared?> DeleteAsync(DeltaTable table, string condition, Func<long, bool> isGone)
        {
            var files = await new PredicateDelete(_session, table, table.Current).WriteAsync(condition, DateTimeOffset.UnixEpoch.AddYears(60), CancellationToken.None);
            return new Prepared(PredicateDelete.Transaction(table.Current, files), rows => [.. rows.Where(row => !isGone(row))]);
        }

        private void Apply(Prepared prepared) => _versions.Add(prepared.Change(_versions[^1]));

        private static async Task<ImmutableSortedSet<long>> RowsAsync(DeltaTable table, Snapshot snapshot)
        {
            List<long> keys = [];
            await foreach (var batch in TableReader.ReadAsync(table, snapshot, new ReadOptions(["key"]), CancellationToken.None))
            {
                using (batch) keys.AddRange(((Apache.Arrow.Int64Array)batch.Column(0)).Select(key => key!.Value));
            }

            Assert.Equal(keys.Count, keys.Distinct().Count());
            return [.. keys];
        }

        private static Task<AddFile> FileAsync(DeltaTable table, params IReadOnlyList<long> keys) => TestTables.WriteFileAsync(table, TestTables.Rows(keys));

        private async Task<DeltaTable> OpenAsync() => await DeltaTable.OpenOrCreateAsync(_store, "t", TestTables.KeyAndText, [],
            new Dictionary<string, string> { ["delta.checkpointInterval"] = "3" }, TimeProvider.System, CancellationToken.None);
    }

    /// <summary>The writer is gone; what it had sent may have arrived.</summary>
    private sealed class CrashedException(bool hasLanded) : Exception
    {
        public bool HasLanded { get; } = hasLanded;
    }

    private sealed class CrashingStore(IObjectStore inner) : StoreDecorator(inner)
    {
        public Crash Next { get; set; }

        public override async ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
        {
            if (Next == Crash.BeforePut) throw new CrashedException(hasLanded: false);
            var outcome = await Inner.PutIfAbsentAsync(path, content, cancellationToken);
            return Next == Crash.AfterPut ? throw new CrashedException(outcome == PutOutcome.Created) : outcome;
        }
    }
}
