using Pipeline.Delta;

namespace Pipeline.Faults.Tests.Night;

/// <summary>The newest checkpoints of tables whose commits are all there, cut in half for a while.</summary>
internal sealed class CutCheckpoints(Lake lake)
{
    private const string Ending = ".checkpoint.parquet";

    private readonly Dictionary<string, byte[]> _whole = new(StringComparer.Ordinal);

    /// <summary>Waits until a table below a prefix has a checkpoint.</summary>
    public async Task UntilAnyAsync(string prefix, CancellationToken cancellationToken)
    {
        while ((await NewestAsync(prefix, cancellationToken)).Count == 0) await Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken);
    }

    public async Task CutAsync(string prefix, CancellationToken cancellationToken)
    {
        foreach (var path in await NewestAsync(prefix, cancellationToken))
        {
            var content = (await lake.Store.TryGetAsync(path, cancellationToken))!;
            _whole[path] = content;
            await lake.Store.PutAsync(path, content.AsMemory(0, content.Length / 2), cancellationToken);
        }
    }

    /// <summary>As from a copy.</summary>
    public async Task RestoreAsync(CancellationToken cancellationToken)
    {
        foreach (var (path, content) in _whole) await lake.Store.PutAsync(path, content, cancellationToken);
        _whole.Clear();
    }

    /// <summary>One of each table that has any.</summary>
    private async Task<IReadOnlyList<string>> NewestAsync(string prefix, CancellationToken cancellationToken)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        // In the order of their names, which is that of the versions.
        await foreach (var known in lake.Store.ListAsync(prefix, startAt: null, cancellationToken))
            if (known.Path.EndsWith(Ending, StringComparison.Ordinal)) found[known.Path[..known.Path.LastIndexOf('/')]] = known.Path;
        return [.. found.Values];
    }
}
