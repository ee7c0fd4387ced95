using Apache.Arrow;
using Pipeline.Delta;
using Pipeline.Delta.Log;

namespace Pipeline.DuckDb;

/// <summary>What a merge wrote; not part of the table until committed.</summary>
/// <param name="RowsAdded">Change of the table's number of rows.</param>
public sealed record MergeFiles(IReadOnlyList<AddFile> Adds, IReadOnlyList<RemoveFile> Removes, long RowsAdded);

/// <summary>
/// Upserts and deletes rows of a table by key, by rewriting only the files that hold such keys (copy on write). Files are
/// found by their statistics and a scan of their key columns; rows stream through DuckDB, so that memory follows the
/// number of changed keys and not the size of the table.
/// </summary>
/// <remarks>Key columns hold no nulls, and a key occurs at most once in the table.</remarks>
public sealed class KeyMerge(DuckDbSession session, DeltaTable table, Snapshot snapshot, IReadOnlyList<Field> columns, IReadOnlyList<string> key)
{
    /// <summary>Files below this size are rewritten along when there are too many of them, so that their number stays small.</summary>
    private const long SmallFileBytes = 4 << 20;

    private const int SmallFilesMax = 16;

    /// <summary>
    /// The table's rows whose key occurs in <paramref name="changes"/>, as temporary table <paramref name="into"/> with
    /// the column <see cref="TableFiles.File"/>.
    /// </summary>
    /// <param name="changes">A DuckDB relation with the key columns.</param>
    public async ValueTask MatchAsync(string changes, string into, CancellationToken cancellationToken)
    {
        var candidates = Candidates(changes);
        var rows = await TableFiles.RelationAsync(session, table.Store, table.Path, columns, candidates, withOrigin: true, cancellationToken);
        session.Execute($"""
            CREATE OR REPLACE TEMP TABLE {into} AS
            SELECT * EXCLUDE ({TableFiles.FileRow}) FROM ({rows}) AS t SEMI JOIN (SELECT {Sql.Names(key)} FROM {changes}) AS c USING ({Sql.Names(key)})
            """);
    }

    /// <summary>Writes the new files.</summary>
    /// <param name="matched">What <see cref="MatchAsync"/> made for a superset of the keys below.</param>
    /// <param name="upserts">A relation with the table's columns, one row a key.</param>
    /// <param name="deletes">A relation with the key columns; none of its keys is in <paramref name="upserts"/>.</param>
    public async ValueTask<MergeFiles> WriteAsync(string matched, string upserts, string? deletes, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var keys = $"(SELECT {Sql.Names(key)} FROM {upserts}{(deletes is null ? "" : $" UNION ALL SELECT {Sql.Names(key)} FROM {deletes}")})";
        var touched = session.Rows($"SELECT DISTINCT m.{TableFiles.File} FROM {matched} AS m SEMI JOIN {keys} AS k USING ({Sql.Names(key)})")
            .Select(row => (string)row[0]!).ToHashSet(StringComparer.Ordinal);
        var upserted = session.Count($"SELECT count(*) FROM {upserts}");
        if (touched.Count == 0 && upserted == 0) return new MergeFiles([], [], 0);

        var small = snapshot.Files.Where(file => file.Size < SmallFileBytes).Select(file => file.Path).ToList();
        if (small.Count >= SmallFilesMax) touched.UnionWith(small);

        var kept = await TableFiles.RelationAsync(session, table.Store, table.Path, columns, touched, withOrigin: false, cancellationToken);
        var adds = await ParquetCopy.WriteAsync(session, table, columns, $"""
            SELECT {string.Join(", ", columns.Select(c => "t." + Sql.Name(c.Name)))} FROM ({kept}) AS t ANTI JOIN {keys} AS k USING ({Sql.Names(key)})
            UNION ALL SELECT {Sql.Names(columns.Select(c => c.Name))} FROM {upserts}
            """, now, cancellationToken);
        var removes = touched.Select(path => snapshot.FilesByPath[path])
            .Select(file => new RemoveFile(file.Path, now, DataChange: true, file.PartitionValues, file.Size)).ToList();
        var replaced = session.Count($"SELECT count(*) FROM {matched} AS m SEMI JOIN {keys} AS k USING ({Sql.Names(key)})");
        return new MergeFiles(adds, removes, upserted - replaced);
    }

    /// <summary>Files whose key statistics do not rule out a key of the changes.</summary>
    private List<string> Candidates(string changes)
    {
        if (snapshot.FilesByPath.Count == 0) return [];
        var first = columns.Single(column => column.Name == key[0]);
        FileBounds.Load(session, snapshot.Files);
        return FileBounds.NotRuledOut(session, $"w.low IS NOT NULL AND {FileBounds.High(first)} >= w.low AND {FileBounds.Low(first)} <= w.high",
            $"(SELECT min({Sql.Name(first.Name)}) AS low, max({Sql.Name(first.Name)}) AS high FROM {changes}) AS w");
    }
}
