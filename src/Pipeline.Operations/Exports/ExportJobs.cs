using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Places;
using Pipeline.Operations.Inspection;
using Pipeline.Operations.Options;
using Pipeline.Transform.Exports;
using Pipeline.Transform.Jobs;

namespace Pipeline.Operations.Exports;

/// <param name="To">A directory that is empty, or not there yet.</param>
public sealed record ExportJobsRequest(string To);

/// <param name="Runs">That are in the directory.</param>
/// <param name="NotKept">Left out: what they read is not kept any more.</param>
/// <param name="Redefined">Left out: the table was defined otherwise then.</param>
/// <param name="NotOver">Left out: they were cut off, and the next start of the pipeline finishes them.</param>
/// <param name="Masked">Left out: the table masks, and the key is not exported.</param>
public sealed record ExportedJobs(TableId Table, int Runs, int NotKept, int Redefined, int NotOver, int Masked);

/// <param name="Tables">Those of the configuration that the lake has: Silver, then Gold.</param>
/// <param name="Failed">The tables that could not be exported; the others are.</param>
public sealed record ExportJobsResult(IReadOnlyList<ExportedJobs> Tables, IReadOnlyList<FailedTable> Failed);

/// <summary>
/// Writes the runs of the Silver and Gold tables as documents, with the files that they read and the rows that came of them. Rows are
/// the lake's own, personal data included: the directory is its owner's alone.
/// </summary>
public static class ExportJobs
{
    /// <exception cref="PipelineException">The directory is not empty, or the lake has no such table, or cannot be listed.</exception>
    public static async Task<ExportJobsResult> RunAsync(ExportJobsRequest request, PipelineOptions options, Lake lake, TimeProvider time, CancellationToken cancellationToken)
    {
        var directory = Path.GetFullPath(request.To);
        Refuse(directory, lake, options.Lake.Places.Locations.Values);
        var configured = options.Graph.Tables.ToHashSet();
        var present = await LakeInventory.TablesAsync(lake, cancellationToken).Where(configured.Contains).ToListAsync(cancellationToken);
        if (present.Count == 0)
            throw new PipelineException(FaultKind.Missing, $"Lake {lake.Store.Location}", "it has no Silver or Gold table of the configuration", "Name a lake with --lake that has run, or its configuration with --config.");

        MakePrivate(directory);
        using var export = new JobExport(new OpenTables(lake), options.Graph, options.Transform, time, directory, cancellationToken);
        var (tables, failed) = (new List<ExportedJobs>(), new List<FailedTable>());
        foreach (var id in present)
        {
            var (exported, fault) = await LakeInventory.TryAsync(id, async () => Counted(await export.AddAsync(id)));
            if (exported is not null) tables.Add(exported);
            else failed.Add(fault!);
        }

        await export.CompleteAsync();
        return new ExportJobsResult(tables, failed);
    }

    private static ExportedJobs Counted(ExportedTable exported)
    {
        int LeftOut(LeftOutReason reason) => exported.LeftOut.Count(run => run.Reason == reason);
        return new ExportedJobs(exported.Table, exported.Runs.Count, LeftOut(LeftOutReason.NotKept), LeftOut(LeftOutReason.Redefined), LeftOut(LeftOutReason.NotOver), LeftOut(LeftOutReason.Masked));
    }

    private static void Refuse(string directory, Lake lake, IEnumerable<NamedLocation> locations)
    {
        if (File.Exists(directory) || (Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).Any()))
            throw new PipelineException(FaultKind.Invalid, $"Directory {directory}", "it is there and not empty", "Name another with --to: nothing that is there is written over.");
        if (lake.Store.LocalPath("") is { } local && Holds(local, directory))
            throw new PipelineException(FaultKind.Invalid, $"Directory {directory}", $"it lies in the lake {lake.Store.Location}", "Name one outside of it with --to.");
        if (locations.FirstOrDefault(location => !location.IsBucket && Holds(location.Address, directory)) is { } around)
            throw new PipelineException(FaultKind.Invalid, $"Directory {directory}", $"it lies in location {around.Name} ({around.Address})", "Name one outside of it with --to.");
    }

    private static bool Holds(string outer, string directory) => $"{directory}/".StartsWith(Path.GetFullPath(outer).TrimEnd('/') + "/", StringComparison.Ordinal);

    private static void MakePrivate(string directory)
    {
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(directory);
        else if (!Directory.Exists(directory)) Directory.CreateDirectory(directory, owner);
        else File.SetUnixFileMode(directory, owner);
    }
}
