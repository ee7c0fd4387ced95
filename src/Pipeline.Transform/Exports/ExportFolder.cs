using System.Collections.Immutable;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using DuckDB.NET.Data;
using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.DuckDb;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Exports;

/// <summary>The folder that exported runs are written to. Nothing in it says when, where or by whom it was written.</summary>
internal sealed class ExportFolder : IDisposable
{
    /// <summary>Where the locations of documents begin, seen from where documents lie.</summary>
    public const string Root = "../lake";

    private const int CopyBytes = 8 << 20;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NewLine = "\n",
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly IObjectStore _store;
    private readonly string _directory;
    private readonly CancellationToken _cancellationToken;
    private readonly DuckDbSession _session;
    private readonly HashSet<string> _copied = new(StringComparer.Ordinal);
    private readonly List<IndexedRun> _runs = [];

    public ExportFolder(IObjectStore store, string directory, CancellationToken cancellationToken)
    {
        _store = store;
        _directory = directory;
        _cancellationToken = cancellationToken;
        // What several threads write comes in another order each time.
        _session = DuckDbSession.Open(new DuckDbSettings(MemoryBytesMax: 256L << 20, Threads: 1, Path.GetTempPath()), cancellationToken);
    }

    /// <summary>Adds runs of one table, all or none.</summary>
    public async Task AddAsync(IReadOnlyList<PastRun> runs)
    {
        var added = new List<IndexedRun>();
        foreach (var run in runs) added.Add(await WriteAsync(run));
        _runs.AddRange(added);
    }

    public async Task CompleteAsync()
    {
        await WriteAsync("README.md", ExportReadme.Text);
        await WriteAsync("jobs.json", JsonSerializer.Serialize(new Index(1, [.. _runs]), Json) + "\n");
    }

    public void Dispose() => _session.Dispose();

    private async Task<IndexedRun> WriteAsync(PastRun run)
    {
        var name = $"{FileName(run.Pins.Table)}-{run.Pins.Run}";
        var outputs = ImmutableArray.CreateBuilder<IndexedOutput>();
        foreach (var output in run.Outputs)
        {
            var expected = $"expected/{name}/{FileName(TableId.Parse(output.Output.Name))}.parquet";
            var rows = await WriteExpectedAsync(expected, output);
            outputs.Add(new IndexedOutput(output.Output.Name, output.Output.Location, [.. output.Before.Select(file => file.Path)], expected, rows));
        }

        var documents = ImmutableArray.CreateBuilder<IndexedDocument>();
        foreach (var document in run.Documents)
        {
            foreach (var relation in document.Relations)
                foreach (var file in relation.Files)
                    await CopyAsync($"{relation.Location}/{file.Path}", file.Size);
            var (path, utf8) = ($"documents/{name}.{document.Dialect}.json", document.ToUtf8());
            await File.WriteAllBytesAsync(PathOf(path), utf8, _cancellationToken);
            documents.Add(new IndexedDocument(document.Dialect, path, JobDocument.Sha256Of(utf8)));
        }

        return new IndexedRun(run.Pins.Table, run.Pins.Run, documents.ToImmutable(), outputs.ToImmutable());
    }

    /// <summary>The rows of a table, in order, as one file that has its columns also when there are none.</summary>
    private async Task<long> WriteExpectedAsync(string path, PastOutput output)
    {
        var columns = output.Output.Columns.Select(column => column.ToField()).ToList();
        var rows = await TableFiles.RelationAsync(_session, _store, output.Output.Location, columns, [.. JobFiles.Of(output.After).Select(file => file.Path)], withOrigin: false, _cancellationToken);
        var cast = columns.Select(column => $"CAST({Sql.Name(column.Name)} AS {Sql.Type(column.DataType)}) AS {Sql.Name(column.Name)}");
        try
        {
            _session.Execute($"COPY (SELECT {string.Join(", ", cast)} FROM ({rows}) ORDER BY ALL) TO {Sql.Text(PathOf(path))} (FORMAT parquet, COMPRESSION snappy, {ParquetCopy.Footer}{ParquetCopy.Exactly(columns)})");
            return _session.Count($"SELECT count(*) FROM read_parquet({Sql.Text(TableFiles.Literal(PathOf(path)))})");
        }
        catch (DuckDBException e)
        {
            throw new PipelineException(FaultKind.Damaged, $"Table {output.Output.Location}", $"its rows cannot be read: {DataFaults.Cause(e)}",
                "Restore the file that it names from a backup, or the table to an older version.", e);
        }
    }

    private async Task CopyAsync(string path, long size)
    {
        if (!_copied.Add(path)) return;
        await using var copy = new FileStream(PathOf($"lake/{path}"), FileMode.CreateNew, FileAccess.Write);
        for (long at = 0; at < size; at += CopyBytes)
            await copy.WriteAsync(await _store.GetRangeAsync(path, at, (int)Math.Min(CopyBytes, size - at), _cancellationToken), _cancellationToken);
    }

    private Task WriteAsync(string path, string text) => File.WriteAllTextAsync(PathOf(path), text, _cancellationToken);

    /// <summary>In the folder; its directory is made.</summary>
    private string PathOf(string path)
    {
        var full = Path.Combine(_directory, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        return full;
    }

    private static string FileName(TableId table) => table.ToString().Replace("/", "__", StringComparison.Ordinal);

    private sealed record Index(int Format, ImmutableArray<IndexedRun> Jobs);

    private sealed record IndexedRun(TableId Table, long Run, ImmutableArray<IndexedDocument> Documents, ImmutableArray<IndexedOutput> Outputs);

    private sealed record IndexedDocument(string Dialect, string Path, string Sha256);

    private sealed record IndexedOutput(string Name, string Location, ImmutableArray<string> Before, string Expected, long Rows);
}
