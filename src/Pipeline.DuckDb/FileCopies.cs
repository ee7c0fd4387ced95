using Pipeline.Core;
using Pipeline.Delta.Parquet;
using Pipeline.Delta.Storage;

namespace Pipeline.DuckDb;

/// <summary>
/// Files of a store elsewhere, in a session's own directory. Of a file whose columns are not all wanted the others are holes, so that
/// nobody waits or pays for them; whoever wants them later has them fetched then.
/// </summary>
/// <remarks>Only the chunks of columns are left out: indexes, filters and the footer are all there.</remarks>
internal sealed class FileCopies(string directory)
{
    private const int DownloadBytes = 8 << 20;

    /// <summary>A smaller hole is not worth a request of its own.</summary>
    private const long HoleBytesMin = 256 << 10;

    private readonly Dictionary<string, List<ColumnChunk>> _holes = new(StringComparer.Ordinal);

    public string PathOf(string path) => Path.Combine(directory, path);

    /// <summary>The path of a copy with the columns.</summary>
    /// <exception cref="PipelineException">There is no such object, or the store fails.</exception>
    public async ValueTask<string> GetAsync(IObjectStore store, string path, IReadOnlySet<string> columns, CancellationToken cancellationToken)
    {
        var copy = PathOf(path);
        if (_holes.TryGetValue(copy, out var holes))
        {
            var wanted = holes.Where(hole => columns.Contains(hole.Column)).ToList();
            if (wanted.Count == 0) return copy;
            await using (var known = new FileStream(copy, FileMode.Open, FileAccess.Write))
                foreach (var hole in wanted) await FillAsync(store, path, known, hole.From, hole.To, cancellationToken);
            holes.RemoveAll(wanted.Contains);
            return copy;
        }

        var size = (await store.TryStatAsync(path, cancellationToken))?.Size ?? throw new PipelineException(FaultKind.Damaged,
            $"Data file {store.LocationOf(path)}/{path}", "the table lists it but it does not exist", "Restore it from a backup or remove it from the table.");
        Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
        var left = size < HoleBytesMin ? [] : await UnwantedAsync(store, path, size, columns, cancellationToken);
        await using (var target = new FileStream(copy, FileMode.Create, FileAccess.Write))
        {
            target.SetLength(size);
            var at = 0L;
            foreach (var hole in left)
            {
                await FillAsync(store, path, target, at, hole.From, cancellationToken);
                at = hole.To;
            }

            await FillAsync(store, path, target, at, size, cancellationToken);
        }

        _holes[copy] = left;
        return copy;
    }

    /// <summary>Chunks of other columns that lie together and are long enough, in their order.</summary>
    private static async ValueTask<List<ColumnChunk>> UnwantedAsync(IObjectStore store, string path, long size, IReadOnlySet<string> columns, CancellationToken cancellationToken)
    {
        if (await ColumnChunks.OfAsync(store, path, size, cancellationToken) is not { } chunks) return [];
        var (unwanted, together) = (new List<ColumnChunk>(), new List<ColumnChunk>());
        var end = 0L;
        foreach (var chunk in chunks.OrderBy(chunk => chunk.From))
        {
            // Two that share bytes are none of a file that we understand.
            if (chunk.From < end) return [];
            end = chunk.To;
            if (together.Count > 0 && (chunk.From > together[^1].To || columns.Contains(chunk.Column))) Take();
            if (!columns.Contains(chunk.Column)) together.Add(chunk);
        }

        Take();
        return unwanted;

        void Take()
        {
            if (together.Count > 0 && together[^1].To - together[0].From >= HoleBytesMin) unwanted.AddRange(together);
            together.Clear();
        }
    }

    private static async ValueTask FillAsync(IObjectStore store, string path, FileStream target, long from, long to, CancellationToken cancellationToken)
    {
        target.Seek(from, SeekOrigin.Begin);
        for (var at = from; at < to; at += DownloadBytes)
            await target.WriteAsync(await store.GetRangeAsync(path, at, (int)Math.Min(DownloadBytes, to - at), cancellationToken), cancellationToken);
    }
}
