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
    private readonly Lock _lock = new();
    private readonly HashSet<DataFileWriter> _writers = [];
    private readonly Dictionary<string, BronzeTable> _complete = new(StringComparer.Ordinal);
    private bool _hasEnded;

    public async ValueTask<OpenFile> OpenAsync(BronzeTable table, CancellationToken cancellationToken)
    {
        var today = time.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        var partition = ImmutableDictionary<string, string?>.Empty.Add(BronzeColumns.IngestDate, today);
        var writer = await table.Delta.OpenDataFileAsync(table.FileSchema, partition, options.DataFilesOf(table.Id).For(table.FileSchema), cancellationToken);
        lock (_lock) _writers.Add(writer);
        return new OpenFile(table, writer);
    }

    /// <exception cref="OperationCanceledException">The graph has ended and taken its files with it.</exception>
    public async ValueTask<StagedFile> CompleteAsync(OpenFile file, CancellationToken cancellationToken)
    {
        // From here on the file is this call's alone: a graph that ends meanwhile must not pull it away under the native writer.
        lock (_lock)
            if (!_writers.Remove(file.Writer)) throw new OperationCanceledException("The graph has ended.");

        await using (file.Writer)
        {
            KillPoint.Reach(KillPoint.AfterWrite);
            var staged = StagedFile.From(await file.Writer.CompleteAsync(cancellationToken));
            KillPoint.Reach(KillPoint.AfterUpload);
            lock (_lock)
                if (!_hasEnded)
                {
                    _complete.Add(staged.Path, file.Table);
                    return staged;
                }

            await DeleteAsync(staged.Path, file.Table);
            throw new OperationCanceledException("The graph has ended.");
        }
    }

    /// <summary>From here on the caller answers for these files.</summary>
    public void HandOver(IEnumerable<StagedFile> complete)
    {
        lock (_lock)
            foreach (var file in complete) _complete.Remove(file.Path);
    }

    /// <summary>Lets go of every file; then throws the first failure.</summary>
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
            _hasEnded = true;
        }

        var failures = new List<Exception?>();
        foreach (var writer in writers) failures.Add(await Background.FailureAsync(_ => writer.DisposeAsync(), CancellationToken.None));
        foreach (var (path, table) in complete) failures.Add(await Background.FailureAsync(_ => DeleteAsync(path, table), CancellationToken.None));
        Background.ThrowIfAny([.. failures]);
    }

    public static ValueTask DeleteAsync(string path, BronzeTable table) =>
        table.Delta.Store.DeleteAsync($"{table.Delta.Path}/{path}", CancellationToken.None);
}
