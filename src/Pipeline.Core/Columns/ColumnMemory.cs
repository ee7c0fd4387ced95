namespace Pipeline.Core.Columns;

/// <summary>
/// The pooled memory behind the columns of one chunk: returned all at once when the chunk is disposed.
/// Not thread-safe; one thread fills a chunk.
/// </summary>
public sealed class ColumnMemory : IDisposable
{
    // By identity: as many as there are columns, and each may grow.
    private readonly HashSet<byte[]> _rented = [];

    /// <summary>Bytes rented and not yet returned.</summary>
    public long Bytes { get; private set; }

    internal byte[] Rent(int bytesMin)
    {
        var buffer = ColumnPool.Shared.Rent(bytesMin);
        _rented.Add(buffer);
        Bytes += buffer.Length;
        return buffer;
    }

    /// <summary>Moves a column's content to a larger buffer and gives the smaller one back.</summary>
    internal byte[] Grow(byte[] buffer, int used, int bytesMin)
    {
        var larger = Rent(Math.Max(bytesMin, checked(buffer.Length * 2)));
        buffer.AsSpan(0, used).CopyTo(larger);
        _rented.Remove(buffer);
        Bytes -= buffer.Length;
        ColumnPool.Shared.Return(buffer);
        return larger;
    }

    public void Dispose()
    {
        foreach (var buffer in _rented) ColumnPool.Shared.Return(buffer);
        _rented.Clear();
        Bytes = 0;
    }
}
