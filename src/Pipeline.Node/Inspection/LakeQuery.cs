using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Merge;

namespace Pipeline.Node.Inspection;

/// <summary>Asks questions of tables in SQL: one table a question, with memory that does not grow with the table.</summary>
internal sealed class LakeQuery : IDisposable
{
    private readonly DuckDbSession _session;
    private readonly CancellationToken _cancellationToken;

    public LakeQuery(CancellationToken cancellationToken)
    {
        _session = DuckDbSession.Open(new DuckDbSettings(MemoryBytesMax: 256L << 20, Threads: 2, Path.GetTempPath()), cancellationToken);
        _cancellationToken = cancellationToken;
    }

    public async Task<long> CountAsync(DeltaTable table, Snapshot snapshot) => Convert.ToInt64((await RowsAsync(table, snapshot, "count(*)"))[0][0]);

    /// <summary>Runs <c>SELECT <paramref name="select"/> FROM table <paramref name="rest"/></c>. Partition columns are not available.</summary>
    public Task<IReadOnlyList<object?[]>> RowsAsync(DeltaTable table, Snapshot snapshot, string select, string rest = "") =>
        RowsAsync(table, snapshot, [.. snapshot.FilesByPath.Keys], select, rest);

    public async Task<IReadOnlyList<object?[]>> RowsAsync(DeltaTable table, Snapshot snapshot, IReadOnlyCollection<string> files, string select, string rest)
    {
        var partitions = snapshot.Metadata.PartitionColumns;
        var columns = snapshot.Schema.FieldsList.Where(field => !partitions.Contains(field.Name)).ToList();
        var relation = await TableFiles.RelationAsync(_session, table.Store, table.Path, columns, files, withOrigin: false, _cancellationToken);
        return _session.Rows($"SELECT {select} FROM ({relation}) AS t {rest}");
    }

    public void Dispose() => _session.Dispose();
}
