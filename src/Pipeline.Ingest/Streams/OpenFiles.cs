using System.Collections.Immutable;
using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta.Parquet;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Streams;

/// <summary>A data file being written.</summary>
internal sealed record OpenFile(BronzeTable Table, DataFileWriter Writer);

/// <summary>
/// Every data file of one graph that is not yet the worker's: when the graph ends, open ones are dropped and complete ones
/// deleted, for nobody can commit them any more.
/// </summary>
internal sealed class OpenFiles(IngestOptions options, TimeProvider time) : IAsyncDisposable
{
    /// <summary>Columns whose values rarely repeat: a dictionary costs time and saves nothing.</summary>
    private static readonly string[] NoDictionary = [BronzeColumns.Position, "_offset", "value"];

    private readonly Lock _lock = new();
    private readonly HashSet<DataFileWriter> _writers = [];
    private readonly Dictionary<string, BronzeTable> _complete = new(StringComparer.Ordinal);
    private readonly DataFileOptions _fileOptions =
        new(options.RowGroupBytesMax, options.Compression == Compression.Zstd ? "zstd" : "snappy", NoDictionary: NoDictionary);

    public async ValueTask<OpenFile> OpenAsync(BronzeTable table, CancellationToken cancellationToken)
    {
        var today = time.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        var partition = ImmutableDictionary<string, string?>.Empty.Add(BronzeColumns.IngestDate, today);
        var writer = await table.Delta.OpenDataFileAsync(table.FileSchema, partition, _fileOptions, cancellationToken);
        lock (_lock) _writers.Add(writer);
        return new OpenFile(table, writer);
    }

    public async ValueTask<StagedFile> CompleteAsync(OpenFile file, CancellationToken cancellationToken)
    {
        KillPoint.Reach(KillPoint.AfterWrite);
        var staged = StagedFile.From(await file.Writer.CompleteAsync(cancellationToken));
        lock (_lock)
        {
            _writers.Remove(file.Writer);
            _complete.Add(staged.Path, file.Table);
        }

        await file.Writer.DisposeAsync();
        KillPoint.Reach(KillPoint.AfterUpload);
        return staged;
    }

    /// <summary>From here on the worker answers for these files.</summary>
    public void HandOver(Worker.Roll roll)
    {
        lock (_lock)
            foreach (var stage in roll.Stages)
                foreach (var file in stage.Files)
                    _complete.Remove(file.Path);
    }

    public async ValueTask DisposeAsync()
    {
        DataFileWriter[] writers;
        KeyValuePair<string, BronzeTable>[] complete;
        lock (_lock)
        {
            writers = [.. _writers];
            complete = [.. _complete];
            _writers.Clear();
            _complete.Clear();
        }

        foreach (var writer in writers) await writer.DisposeAsync();
        foreach (var (path, table) in complete)
            await table.Delta.Store.DeleteAsync($"{table.Delta.Path}/{path}", CancellationToken.None);
    }
}
