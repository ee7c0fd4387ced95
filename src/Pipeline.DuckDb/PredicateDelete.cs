using Apache.Arrow;
using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Maintenance;
using Pipeline.Delta.Table;

namespace Pipeline.DuckDb;

/// <summary>
/// Deletes the rows for which a condition is true, by rewriting only the files that hold some. Files are ruled out by their
/// statistics, then counted; a file of which every row goes is removed without being rewritten. Rows stream through DuckDB.
/// </summary>
/// <remarks>The condition is over the table's columns, partition columns among them, and the same each time it is asked.</remarks>
internal sealed class PredicateDelete(DuckDbSession session, DeltaTable table, Snapshot snapshot)
{
    private readonly IReadOnlyList<Field> _partitionColumns =
        [.. snapshot.Schema.FieldsList.Where(field => snapshot.Metadata.PartitionColumns.Contains(field.Name, StringComparer.Ordinal))];

    private readonly IReadOnlyList<Field> _dataColumns =
        [.. snapshot.Schema.FieldsList.Where(field => !snapshot.Metadata.PartitionColumns.Contains(field.Name, StringComparer.Ordinal))];

    /// <summary>Deletes in one commit; null when no row matches. After a conflict nothing is left behind: try again.</summary>
    /// <exception cref="PipelineException">The table keeps what it has, or the condition does not fit it.</exception>
    public static async ValueTask<CommitResult?> RunAsync(DeltaTable table, string predicate, DuckDbSettings engine, CancellationToken cancellationToken)
    {
        var snapshot = await table.RefreshAsync(cancellationToken);
        using var pin = table.Pin(snapshot);
        using var session = DuckDbSession.Open(engine, cancellationToken);
        var files = await new PredicateDelete(session, table, snapshot).WriteAsync(predicate, LogTime.Now(table.Handle.Time), cancellationToken);
        if (files.Removes.Count == 0) return null;

        var result = await table.CommitAsync(Transaction(snapshot, files), cancellationToken);
        if (result is not CommitResult.Committed)
            foreach (var file in files.Adds) await table.Store.DeleteAsync(TableFilePath.In(table.Store, table.Path, file.Path), cancellationToken);
        return result;
    }

    /// <remarks>The condition is not among the parameters: who asks for rows to be forgotten names them in it.</remarks>
    public static Transaction Transaction(Snapshot snapshot, MergeFiles files) => new("DELETE", Isolation.ReadTable)
    {
        ReadVersion = snapshot.Version,
        Adds = [.. files.Adds],
        Removes = [.. files.Removes],
        Counts = [new TxnCount(RowCounts.Removed, -files.RowsAdded)],
        Metrics = ActionReader.NoStrings.Add("numDeletedRows", $"{-files.RowsAdded}").Add("numRemovedFiles", $"{files.Removes.Count}").Add("numAddedFiles", $"{files.Adds.Count}"),
    };

    /// <summary>Writes what stays of the files that hold matching rows.</summary>
    public async ValueTask<MergeFiles> WriteAsync(string predicate, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ProtocolSupport.CheckRowsMayGo(table.Path, snapshot);
        var candidates = Candidates(predicate);
        List<AddFile> adds = [];
        List<RemoveFile> removes = [];
        var rowsDeleted = 0L;
        foreach (var partition in candidates.GroupBy(CompactionBins.PartitionKey, StringComparer.Ordinal))
        {
            var byPath = partition.ToDictionary(file => file.Path, StringComparer.Ordinal);
            var counted = session.Rows($"""
                SELECT {TableFiles.File}, count(*) AS rows, count(*) FILTER (({predicate}
                ) IS TRUE) AS gone FROM ({await RelationAsync(partition.First(), byPath.Keys, withOrigin: true, cancellationToken)}) AS t
                GROUP BY {TableFiles.File} HAVING gone > 0
                """).Select(row => (Path: (string)row[0]!, Rows: Convert.ToInt64(row[1]), Gone: Convert.ToInt64(row[2]))).ToList();
            removes.AddRange(counted.Select(file => byPath[file.Path])
                .Select(file => new RemoveFile(file.Path, now, DataChange: true, file.PartitionValues, file.Size)));
            rowsDeleted += counted.Sum(file => file.Gone);

            var partly = counted.Where(file => file.Gone < file.Rows).ToList();
            if (partly.Count > 0) adds.AddRange(await RewriteAsync(partition.First(), predicate, [.. partly.Select(file => file.Path)], partly.Sum(file => file.Rows - file.Gone), now, cancellationToken));
        }

        return new MergeFiles(adds, removes, -rowsDeleted);
    }

    private async ValueTask<IEnumerable<AddFile>> RewriteAsync(AddFile like, string predicate, IReadOnlyCollection<string> files, long rowsKept, DateTimeOffset now,
        CancellationToken cancellationToken)
    {
        var written = await ParquetCopy.WriteAsync(session, table, _dataColumns, $"""
            SELECT * FROM ({await RelationAsync(like, files, withOrigin: false, cancellationToken)}) AS t WHERE ({predicate}
            ) IS NOT TRUE
            """, now, cancellationToken);
        if (written.Sum(file => file.RowCount) != rowsKept) throw PredicateBounds.Refused(predicate, "it gives another answer each time it is asked");
        return written.Select(file => file with { PartitionValues = like.PartitionValues });
    }

    /// <summary>The rows of files of one partition, with its values as columns.</summary>
    private async ValueTask<string> RelationAsync(AddFile like, IReadOnlyCollection<string> files, bool withOrigin, CancellationToken cancellationToken)
    {
        var rows = await TableFiles.RelationAsync(session, table.Store, table.Path, _dataColumns, files, withOrigin, cancellationToken);
        var values = string.Concat(_partitionColumns.Select(column =>
            $", CAST({(like.PartitionValues.GetValueOrDefault(column.Name) is { Length: > 0 } value ? Sql.Text(value) : "NULL")} AS {Sql.Type(column.DataType)}) AS {Sql.Name(column.Name)}"));
        return $"SELECT *{values} FROM ({rows})";
    }

    private List<AddFile> Candidates(string predicate)
    {
        var condition = PredicateBounds.Of(session, predicate, _dataColumns);
        try
        {
            session.Rows($"SELECT 1 FROM ({Sql.Empty(snapshot.Schema.FieldsList)}) AS t WHERE ({predicate}\n)");
        }
        catch (DuckDBException e)
        {
            throw PredicateBounds.Refused(predicate, e.Message, e);
        }

        if (condition is null) return [.. snapshot.Files];
        FileBounds.Load(session, snapshot.Files);
        return [.. FileBounds.NotRuledOut(session, condition).Select(path => snapshot.FilesByPath[path])];
    }
}
