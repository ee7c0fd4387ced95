using System.Collections.Concurrent;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Reading;
using Pipeline.Delta.Table;

namespace Pipeline.Operations.Verification;

/// <summary>Whether the data files of a table are there, as its log and its schema describe them.</summary>
/// <param name="isDeep">Every byte is read, and compared with the checksum that was taken when it was written.</param>
internal sealed class FileVerifier(bool isDeep)
{
    /// <summary>Files at once: a bucket takes some milliseconds to answer.</summary>
    private const int FilesAtOnce = 8;

    public async Task<IReadOnlyList<CheckedTable>> CheckAsync(TableId id, DeltaTable table, Snapshot snapshot, CancellationToken cancellationToken)
    {
        var flaws = new ConcurrentBag<(string Path, Flaw Flaw)>();
        var (rows, bytes, unknown) = (0L, 0L, 0);
        await Parallel.ForEachAsync(snapshot.Files, new ParallelOptions { MaxDegreeOfParallelism = FilesAtOnce, CancellationToken = cancellationToken }, async (file, cancel) =>
        {
            try
            {
                var (found, check) = await LookAsync(table, snapshot, file, cancel);
                foreach (var flaw in found) flaws.Add((file.Path, flaw));
                Interlocked.Add(ref rows, check?.Rows ?? 0);
                Interlocked.Add(ref bytes, file.Size);
                if (file.Checksum is null) Interlocked.Increment(ref unknown);
            }
            catch (PipelineException e)
            {
                flaws.Add((file.Path, new CannotBeRead(Fault.Of(e.Thing, e))));
            }
        });
        var check = new TableCheck.Files();
        return
        [
            .. CheckedTable.Of(id, check, [.. flaws.OrderBy(found => found.Path, StringComparer.Ordinal).Select(found => found.Flaw)],
                () => isDeep ? new FilesAreAsWritten(rows, snapshot.FilesByPath.Count, bytes, unknown) : new FilesAreThere(rows, snapshot.FilesByPath.Count)),
        ];
    }

    private async ValueTask<(IReadOnlyList<Flaw> Flaws, FileCheck? Check)> LookAsync(DeltaTable table, Snapshot snapshot, AddFile file, CancellationToken cancellationToken)
    {
        var path = TableFilePath.In(table.Store, table.Path, file.Path);
        if (await table.Store.TryStatAsync(path, cancellationToken) is not { } found) return ([new FileIsMissing(file.Path, snapshot.Version)], null);
        if (found.Size != file.Size) return ([new FileHasOtherSize(file.Path, found.Size, file.Size)], null);
        if (isDeep && file.Checksum is { } written && await FileChecksums.ReadAsync(table.Store, path, file.Size, cancellationToken) != written) return ([new FileHasOtherBytes(file.Path)], null);

        var check = await FileCheck.OfAsync(table, snapshot, file, cancellationToken);
        var flaws = new List<Flaw>();
        if (file.RowCount is { } logged && logged != check.Rows) flaws.Add(new FileHoldsOtherRows(file.Path, check.Rows, logged));
        if (check.Difference is var (column, inFile, inSchema)) flaws.Add(new FileHasOtherColumn(file.Path, column, inFile, inSchema));
        else if (check.WrongBounds is { } wrong) flaws.Add(new BoundsAreWrong(file.Path, wrong));
        return (flaws, check);
    }
}
