using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Table;

namespace Pipeline.Delta.Maintenance;

/// <summary>How small files become large ones.</summary>
/// <param name="Files">How the new files are written; columns without statistics must be named again.</param>
/// <param name="TargetBytes">About the size of the new files. Files of three quarters of it or more are left alone.</param>
/// <param name="FilesMin">A bin with fewer files is not worth the rewrite.</param>
public sealed record CompactionOptions(DataFileOptions Files, long TargetBytes = 128L << 20, int FilesMin = 2);

/// <summary>What was done.</summary>
/// <param name="BinsSkipped">Bins given up because another commit removed one of their files; their rows are safe there.</param>
public sealed record CompactionResult(int FilesRemoved, int FilesAdded, long BytesRemoved, long BytesAdded, int BinsSkipped, long Version);

/// <summary>
/// Merges the small files of each partition by bins of a target size. Rows stay as they are and in their order; commits
/// say so (<c>dataChange=false</c>), appenders go on beside it, and each bin is a commit of its own.
/// </summary>
public static class Compaction
{
    /// <exception cref="PipelineException">A data file is damaged, or the store does not answer.</exception>
    public static async ValueTask<CompactionResult> RunAsync(DeltaTable table, CompactionOptions options, CancellationToken cancellationToken)
    {
        var snapshot = await table.RefreshAsync(cancellationToken);
        ProtocolSupport.CheckWritable(table.Path, snapshot);
        using var pin = table.Pin(snapshot);
        var result = new CompactionResult(0, 0, 0, 0, 0, snapshot.Version);
        foreach (var bin in CompactionBins.Of(snapshot.Files, options))
        {
            var added = await RewriteAsync(table, snapshot, bin, options, cancellationToken);
            result = await RearrangeCommit.TryAsync(table, snapshot, "OPTIMIZE", bin, [added], ImmutableDictionary<string, string>.Empty, cancellationToken) switch
            {
                { } version => result with
                {
                    FilesRemoved = result.FilesRemoved + bin.Count,
                    FilesAdded = result.FilesAdded + 1,
                    BytesRemoved = result.BytesRemoved + bin.Sum(file => file.Size),
                    BytesAdded = result.BytesAdded + added.Size,
                    Version = version,
                },
                null => result with { BinsSkipped = result.BinsSkipped + 1 },
            };
        }

        return result;
    }

    private static async ValueTask<AddFile> RewriteAsync(DeltaTable table, Snapshot snapshot, IReadOnlyList<AddFile> bin, CompactionOptions options,
        CancellationToken cancellationToken)
    {
        string[] columns = [.. snapshot.Schema.FieldsList.Select(field => field.Name).Except(snapshot.Metadata.PartitionColumns, StringComparer.Ordinal)];
        await using var writer = await table.OpenDataFileAsync(snapshot.Schema, bin[0].PartitionValues, options.Files, cancellationToken);
        await foreach (var rows in TableReader.ReadAsync(table, snapshot, bin, new ReadOptions(columns), cancellationToken))
        {
            using (rows) writer.Write(rows);
        }

        return await writer.CompleteAsync(cancellationToken);
    }
}

/// <summary>Which files go together.</summary>
internal static class CompactionBins
{
    /// <summary>Files of one partition whose sizes add up to about the target, oldest first, so that rows stay near their time.</summary>
    public static IEnumerable<IReadOnlyList<AddFile>> Of(IEnumerable<AddFile> files, CompactionOptions options)
    {
        var small = files.Where(file => file.Size < options.TargetBytes / 4 * 3);
        foreach (var partition in small.GroupBy(PartitionKey, StringComparer.Ordinal))
        {
            List<AddFile> bin = [];
            long bytes = 0;
            foreach (var file in partition.OrderBy(file => file.ModifiedAt).ThenBy(file => file.Path, StringComparer.Ordinal))
            {
                if (bytes + file.Size > options.TargetBytes && bin.Count > 0)
                {
                    if (bin.Count >= options.FilesMin) yield return bin;
                    (bin, bytes) = ([], 0);
                }

                bin.Add(file);
                bytes += file.Size;
            }

            if (bin.Count >= Math.Max(2, options.FilesMin)) yield return bin;
        }
    }

    /// <summary>Equal for files of one partition.</summary>
    public static string PartitionKey(AddFile file) => string.Join('\u0001',
        file.PartitionValues.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}\u0002{entry.Value ?? "\u0003"}"));
}

/// <summary>Commits new files for old ones with the same rows.</summary>
internal static class RearrangeCommit
{
    /// <summary>The version; null when one of the old files is gone, and then the new ones are deleted again.</summary>
    public static async ValueTask<long?> TryAsync(DeltaTable table, Snapshot snapshot, string operation, IReadOnlyList<AddFile> old,
        IReadOnlyList<AddFile> added, ImmutableDictionary<string, string> parameters, CancellationToken cancellationToken)
    {
        var now = LogTime.Now(table.Handle.Time);
        var result = await table.CommitAsync(new Transaction(operation, Isolation.Rearrange)
        {
            ReadVersion = snapshot.Version,
            Adds = [.. added.Select(file => file with { DataChange = false })],
            Removes = [.. old.Select(file => new RemoveFile(file.Path, now, DataChange: false, file.PartitionValues, file.Size))],
            Parameters = parameters,
            Metrics = ActionReader.NoStrings.Add("numRemovedFiles", $"{old.Count}").Add("numAddedFiles", $"{added.Count}"),
        }, cancellationToken);
        if (result is CommitResult.Committed committed) return committed.Snapshot.Version;
        foreach (var file in added) await table.Store.DeleteAsync(TableFilePath.In(table.Store, table.Path, file.Path), cancellationToken);
        return null;
    }
}
