using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>A lake in a directory of its own, read back by DuckDB over the files of the tables' snapshots.</summary>
internal sealed class LakeOracle : IDisposable
{
    private readonly ScratchDirectory _root = new("pipeline-ingest-");

    public LakeOracle() => Lake = new Lake(new LocalObjectStore(_root), TimeProvider.System);

    public Lake Lake { get; }

    public string Root => _root;

    /// <summary>The ids of all rows, repeated ones repeated.</summary>
    public Task<IReadOnlyList<string>> IdsAsync(TableId table, string column = "id") => ColumnAsync(table, column);

    public async Task<IReadOnlyList<string>> ColumnAsync(TableId table, string expression)
    {
        var files = await FilesAsync(table);
        if (files.Count == 0) return [];
        await using var duck = new DuckDBConnection("DataSource=:memory:");
        await duck.OpenAsync();
        await using var query = duck.CreateCommand();
        query.CommandText = $"SELECT CAST({expression} AS VARCHAR) FROM read_parquet([{string.Join(", ", files.Select(file => $"'{file}'"))}], union_by_name = true)";
        await using var rows = await query.ExecuteReaderAsync();
        var values = new List<string>();
        while (await rows.ReadAsync()) values.Add(await rows.IsDBNullAsync(0) ? "NULL" : rows.GetString(0));
        return values;
    }

    /// <summary>Paths of the data files of the newest version.</summary>
    public async Task<IReadOnlyList<string>> FilesAsync(TableId table) =>
        await Lake.TryOpenAsync(table, CancellationToken.None) is { } delta
            ? [.. delta.Current.Files.Select(file => Path.Combine(_root, table.ToString(), file.Path))]
            : [];

    public async Task<long?> PositionAsync(TableId table, SplitId split) =>
        (await Lake.TryOpenAsync(table, CancellationToken.None))?.Current.Position(split.ToString());

    /// <summary>Data files on disk, referenced or not.</summary>
    public int FilesOnDisk(TableId table) =>
        Directory.Exists(Path.Combine(_root, table.ToString())) ? Directory.GetFiles(Path.Combine(_root, table.ToString()), "*.parquet", SearchOption.AllDirectories).Count(file => !file.Contains("_delta_log", StringComparison.Ordinal)) : 0;

    public void Dispose() => _root.Dispose();
}
