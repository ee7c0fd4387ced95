using Apache.Arrow;
using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;

namespace Pipeline.Operations.Inspection;

/// <summary>Asks questions of tables in SQL, with memory that does not grow with the table.</summary>
public sealed class LakeQuery : IDisposable
{
    private readonly DuckDbSession _session;
    private readonly CancellationToken _cancellationToken;

    public LakeQuery(CancellationToken cancellationToken)
    {
        _session = DuckDbSession.Open(new DuckDbSettings(MemoryBytesMax: 256L << 20, Threads: 2, Path.GetTempPath()), cancellationToken);
        _cancellationToken = cancellationToken;
    }

    public async Task<long> CountAsync(DeltaTable table, Snapshot snapshot) => Convert.ToInt64((await RowsAsync(table, snapshot, "count(*)"))[0][0]);

    /// <summary>
    /// Runs <c>SELECT <paramref name="select"/> FROM table <paramref name="rest"/></c>. Partition columns are not available. Columns that the
    /// question does not name are not read.
    /// </summary>
    public Task<IReadOnlyList<object?[]>> RowsAsync(DeltaTable table, Snapshot snapshot, string select, string rest = "") =>
        RowsAsync(table, snapshot, [.. snapshot.FilesByPath.Keys], select, rest);

    public async Task<IReadOnlyList<object?[]>> RowsAsync(DeltaTable table, Snapshot snapshot, IReadOnlyCollection<string> files, string select, string rest) =>
        Rows($"SELECT {select} FROM ({await RelationAsync(table, snapshot, files, $"{select} {rest}")}) AS t {rest}", table);

    /// <summary>A SELECT over some files of a table, to be part of a question about several tables. Without partition columns.</summary>
    /// <param name="question">What is asked of it: columns that this does not name are not there, and of a store elsewhere not fetched.</param>
    public Task<string> RelationAsync(DeltaTable table, Snapshot snapshot, IReadOnlyCollection<string> files, string question) =>
        RelationAsync(table, snapshot, files, NamedIn(question, DataColumns(snapshot)), withOrigin: false);

    /// <summary>As the other, with these columns alone.</summary>
    /// <param name="columns">Names; those that the table does not have are left out.</param>
    /// <param name="withOrigin">Adds where each row stands: <see cref="TableFiles.File"/> and <see cref="TableFiles.FileRow"/>.</param>
    public Task<string> RelationAsync(DeltaTable table, Snapshot snapshot, IReadOnlyCollection<string> files, IReadOnlyCollection<string> columns, bool withOrigin) =>
        RelationAsync(table, snapshot, files, DataColumns(snapshot).FindAll(column => columns.Contains(column.Name, StringComparer.Ordinal)), withOrigin);

    /// <param name="of">The table that the question is about, when it is about one.</param>
    /// <exception cref="PipelineException">A file of the tables that it names cannot be read.</exception>
    public IReadOnlyList<object?[]> Rows(string sql, DeltaTable? of = null)
    {
        try
        {
            return _session.Rows(sql);
        }
        catch (DuckDBException e)
        {
            throw new PipelineException(FaultKind.Damaged, of is null ? "Lake" : $"Table {of.Path}", $"a question to its files failed: {DataFaults.Cause(e)}",
                "Restore the file that it names from a backup, or the table to an older version.", e);
        }
    }

    public void Dispose() => _session.Dispose();

    private async Task<string> RelationAsync(DeltaTable table, Snapshot snapshot, IReadOnlyCollection<string> files, IReadOnlyList<Field> columns, bool withOrigin) =>
        await TableFiles.RelationAsync(_session, table.Store, table.Path, columns, files, withOrigin, _cancellationToken);

    private static List<Field> DataColumns(Snapshot snapshot) =>
        [.. snapshot.Schema.FieldsList.Where(field => !snapshot.Metadata.PartitionColumns.Contains(field.Name))];

    /// <summary>At least those that a text names; one, where it names none and only counts.</summary>
    private static IReadOnlyList<Field> NamedIn(string sql, List<Field> columns)
    {
        if (sql.Replace("count(*)", "", StringComparison.OrdinalIgnoreCase).Contains('*')) return columns;
        List<Field> named = [.. columns.Where(column => sql.Contains(column.Name.Replace("\"", "\"\"", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase))];
        return named.Count > 0 ? named : [.. columns.Take(1)];
    }
}
