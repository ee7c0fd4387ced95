using System.Buffers;
using System.IO.Compression;
using System.Text.Json;

namespace Pipeline.Emulation.Snowflake;

/// <summary>One column of a result as its metadata describes it.</summary>
internal sealed record ResultColumn(string Name, SnowflakeType Type, bool IsNullable, SnowflakeTable? Table);

/// <summary>One partition: its rows as a JSON array, compressed, at its place in the result's file.</summary>
internal readonly record struct ResultPartition(long Rows, long UncompressedSize, long At, int CompressedSize);

/// <summary>
/// A finished statement's rows in partitions. The first is in memory, the others in a file that has no name any more, so
/// that nothing is left behind, whatever happens to the process.
/// </summary>
internal sealed class SnowflakeResult : IDisposable
{
    private static ReadOnlySpan<byte> Prefix => "{\"data\":"u8;

    private readonly int _partitionBytes;
    private readonly List<ResultPartition> _partitions = [];
    private readonly MemoryStream _first = new();
    private FileStream? _others;
    private ArrayBufferWriter<byte> _rows = new(1024);
    private readonly Utf8JsonWriter _json;
    private long _rowsInPartition;

    public SnowflakeResult(IReadOnlyList<ResultColumn> columns, int partitionBytes)
    {
        Columns = columns;
        _partitionBytes = partitionBytes;
        _json = new Utf8JsonWriter(_rows, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        _json.WriteStartArray();
    }

    public IReadOnlyList<ResultColumn> Columns { get; }

    public IReadOnlyList<ResultPartition> Partitions => _partitions;

    public long RowCount { get; private set; }

    /// <summary>Rows that a DML statement inserted, updated or deleted.</summary>
    public (string Statistic, long Rows)? Changed { get; init; }

    public void AddRow(ReadOnlySpan<string?> cells)
    {
        if (_json.BytesCommitted + _json.BytesPending >= _partitionBytes) EndPartition();
        _json.WriteStartArray();
        foreach (var cell in cells)
        {
            if (cell is null) _json.WriteNullValue();
            else _json.WriteStringValue(cell);
        }

        _json.WriteEndArray();
        _rowsInPartition++;
        RowCount++;
    }

    /// <summary>Ends the last partition; no rows can be added.</summary>
    public void Complete()
    {
        EndPartition();
        // Results are kept for a while: not with the memory in which they were made.
        _json.Dispose();
        _rows = new ArrayBufferWriter<byte>();
        _first.Capacity = (int)_first.Length;
    }

    /// <summary>The rows of a partition as JSON.</summary>
    public byte[] Rows(int partition)
    {
        using var source = new GZipStream(new MemoryStream(Compressed(partition)), CompressionMode.Decompress);
        using var rows = new MemoryStream();
        source.CopyTo(rows);
        return rows.ToArray()[Prefix.Length..^1];
    }

    /// <summary>A partition as it is sent: <c>{"data":[...]}</c>, compressed.</summary>
    public byte[] Compressed(int partition)
    {
        if (partition == 0) return _first.ToArray();
        var content = new byte[_partitions[partition].CompressedSize];
        for (var read = 0; read < content.Length;)
            read += RandomAccess.Read(_others!.SafeFileHandle, content.AsSpan(read), _partitions[partition].At + read);
        return content;
    }

    public void Dispose()
    {
        _json.Dispose();
        _others?.Dispose();
    }

    private static FileStream CreateNameless()
    {
        var path = Path.Combine(Path.GetTempPath(), $"snowflake-result-{Guid.NewGuid():N}");
        var file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Delete, bufferSize: 0);
        File.Delete(path);
        return file;
    }

    private void EndPartition()
    {
        _json.WriteEndArray();
        _json.Flush();
        Stream target = _partitions.Count == 0 ? _first : _others ??= CreateNameless();
        var at = target.Position;
        using (var gzip = new GZipStream(target, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(Prefix);
            gzip.Write(_rows.WrittenSpan);
            gzip.Write("}"u8);
        }

        target.Flush();
        _partitions.Add(new ResultPartition(_rowsInPartition, _rows.WrittenCount, at, (int)(target.Position - at)));
        _rowsInPartition = 0;
        _rows.ResetWrittenCount();
        _json.Reset();
        _json.WriteStartArray();
    }
}
