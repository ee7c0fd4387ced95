using System.Collections.Concurrent;
using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta;

namespace Pipeline.Ingest.Committer;

/// <summary>
/// Looks at staged files before they are committed. A worker that writes to another lake, or to the same relative location on
/// another machine, stages files that are not in ours: committed, its rows would be acknowledged and lost.
/// </summary>
internal static class StagedFiles
{
    /// <summary>Requests at once; each takes a bucket some milliseconds.</summary>
    private const int LooksMax = 16;

    /// <summary>The stages with a file that is not in the lake as it was staged, and why.</summary>
    public static async ValueTask<ImmutableDictionary<Guid, Fault>> UnfoundedAsync(Lake lake, TableId table, IReadOnlyCollection<PendingStage> batch, CancellationToken cancellationToken)
    {
        var faults = new ConcurrentDictionary<Guid, Fault>();
        var id = await lake.IdAsync(cancellationToken);
        foreach (var stage in batch.Select(pending => pending.Stage))
            if (stage.Lake is { } other && other != id) faults[stage.Id] = FaultOf(table, $"its files are in the lake {other}, and this is {id} ({lake.Store.Location})");
        var files = batch.Where(pending => !faults.ContainsKey(pending.Stage.Id)).SelectMany(pending => pending.Stage.Files.Select(file => (pending.Stage.Id, File: file)));
        await Parallel.ForEachAsync(files, new ParallelOptions { MaxDegreeOfParallelism = LooksMax, CancellationToken = cancellationToken }, async (staged, cancel) =>
        {
            var found = await lake.Store.TryStatAsync($"{table}/{staged.File.Path}", cancel);
            if (found?.Size != staged.File.Size) faults[staged.Id] = FaultOf(lake, table, staged.File, found?.Size);
        });
        return faults.ToImmutableDictionary();
    }

    private static Fault FaultOf(Lake lake, TableId table, StagedFile file, long? found) => FaultOf(table, found is null
        ? $"its file {file.Path} is not in the lake {lake.Store.Location}" : $"its file {file.Path} has {Plural.Of(found ?? 0, "byte")} in the lake {lake.Store.Location} and {file.Size:#,0} in the stage");

    private static Fault FaultOf(TableId table, string cause) => new(FaultKind.Invalid, $"A stage for table {table}", cause,
        "Nothing of it was committed. Does the worker's node write to another lake, or to a directory of its own machine?");
}
