using System.Collections.Immutable;
using System.Globalization;
using CsCheck;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Tests.Storage;

namespace Pipeline.Delta.Tests.Log;

/// <summary>
/// For any interleaving of writers and crashes, replay gives the rows of the committed operations in the order of their
/// versions. A file's rows are the numbers in its name: the log is what is tested.
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

        /// <summary>Deletes the rows that three divides, as a rewrite of the files that have some.</summary>
        DeleteThirds,
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
            var run = new Run();
            await run.StartAsync();
            foreach (var step in steps) await run.TakeAsync(step);
            await run.CheckAsync();
        }, iter: 150, threads: 2);

    /// <param name="Operation">What to prepare on the writer's snapshot; null: commit what it has prepared.</param>
    private sealed record Step(int Writer, Operation? Operation, Crash Crash);

    private sealed class Run
    {
        private readonly CrashingStore _store = new(new MemoryStore());
        private readonly DeltaTable[] _tables = new DeltaTable[Writers];
        private readonly (Operation Kind, Transaction Transaction)?[] _prepared = new (Operation, Transaction)?[Writers];

        /// <summary>The rows of each version, by the model.</summary>
        private readonly List<ImmutableSortedSet<int>> _versions = [ImmutableSortedSet<int>.Empty];
        private int _nextKey;

        public async Task StartAsync()
        {
            for (var writer = 0; writer < Writers; writer++) _tables[writer] = await OpenAsync();
        }

        public async Task TakeAsync(Step step)
        {
            if (step.Operation is { } operation)
            {
                _prepared[step.Writer] = (operation, Prepare(operation, _tables[step.Writer].Current));
                return;
            }

            if (_prepared[step.Writer] is not var (kind, transaction)) return;
            _prepared[step.Writer] = null;
            _store.Next = step.Crash;
            try
            {
                var result = await _tables[step.Writer].CommitAsync(transaction, CancellationToken.None);
                if (result is CommitResult.Committed) Apply(kind, transaction);
                await _tables[step.Writer].PendingCheckpoint;
            }
            catch (CrashedException e)
            {
                if (e.HasLanded) Apply(kind, transaction);
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
                Assert.Equal(_versions[version], Rows(await table.AtVersionAsync(version, CancellationToken.None)));
            foreach (var writer in _tables) Assert.Equal(_versions[^1], Rows(await writer.RefreshAsync(CancellationToken.None)));
        }

        private Transaction Prepare(Operation operation, Snapshot snapshot)
        {
            switch (operation)
            {
                case Operation.Append:
                    return new Transaction("WRITE", Isolation.BlindAppend) { Adds = [File([_nextKey++, _nextKey++])] };
                case Operation.Overwrite:
                    return new Transaction("WRITE", Isolation.ReadTable)
                    {
                        ReadVersion = snapshot.Version,
                        Adds = [File([_nextKey++])],
                        Removes = [.. snapshot.Files.Select(file => TestTables.Remove(file))],
                    };
                case Operation.DeleteThirds:
                    var touched = snapshot.Files.Where(file => Keys(file).Any(key => key % 3 == 0)).ToList();
                    return new Transaction("DELETE", Isolation.ReadTable)
                    {
                        ReadVersion = snapshot.Version,
                        Adds = [.. touched.Select(file => Keys(file).Where(key => key % 3 != 0).ToArray()).Where(keys => keys.Length > 0).Select(File)],
                        Removes = [.. touched.Select(file => TestTables.Remove(file))],
                    };
                default:
                    return new Transaction("OPTIMIZE", Isolation.Rearrange)
                    {
                        ReadVersion = snapshot.Version,
                        Adds = snapshot.FilesByPath.Count == 0 ? [] : [File([.. snapshot.Files.SelectMany(Keys).Order()]) with { DataChange = false }],
                        Removes = [.. snapshot.Files.Select(file => TestTables.Remove(file, dataChange: false))],
                    };
            }
        }

        /// <summary>What the operation means, whatever it had read.</summary>
        private void Apply(Operation kind, Transaction transaction)
        {
            var rows = _versions[^1];
            _versions.Add(kind switch
            {
                Operation.Append => rows.Union(transaction.Adds.SelectMany(Keys)),
                Operation.Overwrite => [.. transaction.Adds.SelectMany(Keys)],
                Operation.DeleteThirds => [.. rows.Where(key => key % 3 != 0)],
                _ => rows,
            });
        }

        private static ImmutableSortedSet<int> Rows(Snapshot snapshot)
        {
            var keys = snapshot.Files.SelectMany(Keys).ToList();
            Assert.Equal(keys.Count, keys.Distinct().Count());
            return [.. keys];
        }

        private static int[] Keys(AddFile file) => [.. file.Path.Split('/')[0].Split('_').Select(key => int.Parse(key, CultureInfo.InvariantCulture))];

        private static AddFile File(int[] keys) => new($"{string.Join('_', keys)}/{Guid.NewGuid()}.parquet", TestTables.NoPartitions, 1, DateTimeOffset.UnixEpoch, DataChange: true, null);

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
