using System.Collections.Immutable;
using System.IO.Compression;
using System.Text;

namespace Pipeline.Delta.Log;

/// <summary>
/// Up to <see cref="Capacity"/> files in little memory: paths as UTF-8, statistics compressed together (they repeat
/// themselves), partition values shared. Immutable.
/// </summary>
internal sealed class FileGroup
{
    public const int Capacity = 256;

    private const long UnknownRows = -1;

    private readonly byte[] _paths;
    private readonly int[] _pathEnds;
    private readonly long[] _sizes;
    private readonly long[] _modifiedMs;
    private readonly long[] _rows;
    private readonly ImmutableDictionary<string, string?>[] _partitionValues;
    private readonly byte[]? _stats;
    private readonly int _statsLength;
    private readonly IReadOnlyDictionary<int, ImmutableDictionary<string, string>>? _tags;

    /// <param name="partitions">Makes equal partition values one object.</param>
    public FileGroup(IReadOnlyList<AddFile> files, Func<ImmutableDictionary<string, string?>, ImmutableDictionary<string, string?>> partitions)
    {
        Count = files.Count;
        _pathEnds = new int[Count];
        _sizes = new long[Count];
        _modifiedMs = new long[Count];
        _rows = new long[Count];
        _partitionValues = new ImmutableDictionary<string, string?>[Count];
        var paths = new MemoryStream();
        var stats = new MemoryStream();
        Dictionary<int, ImmutableDictionary<string, string>>? tags = null;
        for (var i = 0; i < Count; i++)
        {
            var file = files[i];
            paths.Write(Encoding.UTF8.GetBytes(file.Path));
            _pathEnds[i] = (int)paths.Length;
            _sizes[i] = file.Size;
            _modifiedMs[i] = file.ModifiedAt.ToUnixTimeMilliseconds();
            _rows[i] = file.RowCount ?? UnknownRows;
            _partitionValues[i] = partitions(file.PartitionValues);
            if (file.Stats is not null) stats.Write(Encoding.UTF8.GetBytes(file.Stats));
            // JSON holds no raw line feed, so one separates the files' statistics.
            stats.WriteByte((byte)'\n');
            if (file.Tags is not null) (tags ??= [])[i] = file.Tags;
        }

        _paths = paths.ToArray();
        _tags = tags;
        if (stats.Length == Count) return;
        _statsLength = (int)stats.Length;
        _stats = Compress(stats.GetBuffer().AsSpan(0, _statsLength));
    }

    public int Count { get; }

    public ReadOnlySpan<byte> Path(int index)
    {
        var start = index == 0 ? 0 : _pathEnds[index - 1];
        return _paths.AsSpan(start, _pathEnds[index] - start);
    }

    /// <summary>The group's statistics in one piece, for <see cref="File"/>.</summary>
    public string?[] ReadStats()
    {
        var texts = new string?[Count];
        if (_stats is null) return texts;
        var plain = new byte[_statsLength];
        using (var brotli = new BrotliStream(new MemoryStream(_stats), CompressionMode.Decompress)) brotli.ReadExactly(plain);
        var start = 0;
        for (var i = 0; i < Count; i++)
        {
            var length = plain.AsSpan(start).IndexOf((byte)'\n');
            if (length > 0) texts[i] = Encoding.UTF8.GetString(plain, start, length);
            start += length + 1;
        }

        return texts;
    }

    public AddFile File(int index, string?[] stats) =>
        new(Encoding.UTF8.GetString(Path(index)), _partitionValues[index], _sizes[index],
            DateTimeOffset.FromUnixTimeMilliseconds(_modifiedMs[index]), DataChange: true, stats[index],
            _tags is not null && _tags.TryGetValue(index, out var tags) ? tags : null);

    /// <summary>Null when the file has no statistics.</summary>
    public long? Rows(int index) => _rows[index] == UnknownRows ? null : _rows[index];

    public long Size(int index) => _sizes[index];

    private static byte[] Compress(ReadOnlySpan<byte> plain)
    {
        var compressed = new MemoryStream();
        // Level 1: a tenth of the size at the speed of reading the log.
        using (var brotli = new BrotliStream(compressed, CompressionLevel.Fastest, leaveOpen: true)) brotli.Write(plain);
        return compressed.ToArray();
    }
}
