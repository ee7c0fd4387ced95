using System.Buffers;
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

    /// <summary>Of the files whose tags say nothing else; null: of none.</summary>
    private readonly uint?[]? _checksums;

    /// <param name="partitions">Makes equal partition values one object.</param>
    public FileGroup(IReadOnlyList<AddFile> files, Func<ImmutableDictionary<string, string?>, ImmutableDictionary<string, string?>> partitions)
    {
        Count = files.Count;
        _pathEnds = new int[Count];
        _sizes = new long[Count];
        _modifiedMs = new long[Count];
        _rows = new long[Count];
        _partitionValues = new ImmutableDictionary<string, string?>[Count];
        _paths = new byte[files.Sum(file => Encoding.UTF8.GetByteCount(file.Path))];
        var pathEnd = 0;
        Dictionary<int, ImmutableDictionary<string, string>>? tags = null;
        for (var i = 0; i < Count; i++)
        {
            var file = files[i];
            pathEnd += Encoding.UTF8.GetBytes(file.Path, _paths.AsSpan(pathEnd));
            _pathEnds[i] = pathEnd;
            _sizes[i] = file.Size;
            _modifiedMs[i] = file.ModifiedAt.ToUnixTimeMilliseconds();
            _rows[i] = file.RowCount ?? UnknownRows;
            _partitionValues[i] = partitions(file.PartitionValues);
            if (file.Tags is { Count: 1 } && file.Checksum is { } checksum) (_checksums ??= new uint?[Count])[i] = checksum;
            else if (file.Tags is not null) (tags ??= [])[i] = file.Tags;
        }

        _tags = tags;
        // JSON holds no raw line feed, so one separates the files' statistics.
        _statsLength = files.Sum(file => file.Stats is null ? 1 : Encoding.UTF8.GetByteCount(file.Stats) + 1);
        if (_statsLength > Count) _stats = Compress(files, _statsLength);
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
        var plain = ArrayPool<byte>.Shared.Rent(_statsLength);
        using (var brotli = new BrotliStream(new MemoryStream(_stats), CompressionMode.Decompress)) brotli.ReadExactly(plain, 0, _statsLength);
        var start = 0;
        for (var i = 0; i < Count; i++)
        {
            var length = plain.AsSpan(start).IndexOf((byte)'\n');
            if (length > 0) texts[i] = Encoding.UTF8.GetString(plain, start, length);
            start += length + 1;
        }

        ArrayPool<byte>.Shared.Return(plain);
        return texts;
    }

    public AddFile File(int index, string?[] stats) =>
        new(Encoding.UTF8.GetString(Path(index)), _partitionValues[index], _sizes[index],
            DateTimeOffset.FromUnixTimeMilliseconds(_modifiedMs[index]), DataChange: true, stats[index],
            _tags is not null && _tags.TryGetValue(index, out var tags) ? tags : FileChecksum.TagsOf(_checksums?[index]));

    /// <summary>Null when the file has no statistics.</summary>
    public long? Rows(int index) => _rows[index] == UnknownRows ? null : _rows[index];

    public long Size(int index) => _sizes[index];

    private static byte[] Compress(IReadOnlyList<AddFile> files, int length)
    {
        var plain = ArrayPool<byte>.Shared.Rent(length);
        var end = 0;
        foreach (var file in files)
        {
            if (file.Stats is not null) end += Encoding.UTF8.GetBytes(file.Stats, plain.AsSpan(end));
            plain[end++] = (byte)'\n';
        }

        var compressed = new MemoryStream();
        // The fastest level: a tenth of the size at the speed of reading the log.
        using (var brotli = new BrotliStream(compressed, CompressionLevel.Fastest, leaveOpen: true)) brotli.Write(plain, 0, length);
        ArrayPool<byte>.Shared.Return(plain);
        return compressed.ToArray();
    }
}
