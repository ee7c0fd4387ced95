using System.Buffers.Binary;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>Takes the changes of a replication stream apart (manual 55.9) and puts rows into the tables that are captured.</summary>
internal sealed class ChangeDecoder : IDisposable
{
    private static readonly DateTimeOffset Epoch = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private const int BeginBytes = 20;
    private const int CommitBytes = 25;

    private readonly Dictionary<uint, CapturedTable?> _tables = [];
    private long _commitPosition;
    private long _sequence;

    /// <summary>The number of the transaction that is being sent, or was sent last.</summary>
    public uint Transaction { get; private set; }

    /// <summary>When the transaction was committed that is being sent, or was sent last.</summary>
    public DateTimeOffset CommittedAt { get; private set; }

    /// <summary>The same in microseconds since the epoch.</summary>
    public long CommitTime => (CommittedAt - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    public bool IsInTransaction { get; private set; }

    /// <summary>Whether nothing of the transaction that is being sent becomes a row.</summary>
    public bool IsPassedOver { get; set; }

    /// <summary>The position of the rows of the transaction that is being sent, or was sent last.</summary>
    public long CommitPosition => _commitPosition;

    /// <summary>The end of the last whole transaction.</summary>
    public long Reached { get; private set; }

    /// <summary>Tables of which rows wait to go out.</summary>
    public IEnumerable<CapturedTable> Full => _tables.Values.OfType<CapturedTable>().Where(table => table.Rows.RowCount > 0);

    public long WaitingBytes
    {
        get
        {
            var bytes = 0L;
            foreach (var table in _tables.Values) bytes += table?.Rows.RowBytes ?? 0;
            return bytes;
        }
    }

    /// <summary>Rows that wait for values that the stream does not have.</summary>
    public int MovedRows
    {
        get
        {
            var rows = 0;
            foreach (var table in _tables.Values) rows += table?.Moved.Count ?? 0;
            return rows;
        }
    }

    /// <summary>Tables with such rows.</summary>
    public IEnumerable<CapturedTable> Moved => _tables.Values.OfType<CapturedTable>().Where(table => table.Moved.Count > 0);

    /// <inheritdoc cref="CapturedTable.Fill"/>
    public void Fill(CapturedTable table, int rows, IReadOnlyList<IReadOnlyList<string?>?>? values) => table.Fill(rows, values, _commitPosition, ref _sequence);

    public CapturedTable? Find(uint relation) => _tables.GetValueOrDefault(relation);

    /// <param name="table">Null for a table that is not captured.</param>
    public void Use(uint relation, CapturedTable? table)
    {
        Find(relation)?.Dispose();
        _tables[relation] = table;
    }

    /// <summary>Takes a change in; whether rows of ours came of it.</summary>
    /// <exception cref="PipelineException">It is none.</exception>
    public bool Take(byte type, ReadOnlySpan<byte> content)
    {
        try
        {
            return Change(type, content);
        }
        catch (Exception e) when (DataFaults.Are(e))
        {
            throw WireFault.Of($"a change of type '{(char)type}'", e);
        }
    }

    public void Dispose()
    {
        foreach (var table in _tables.Values) table?.Dispose();
    }

    /// <summary>What a server cannot have meant is not passed over: a change would be missing.</summary>
    private static void Require(bool isSo)
    {
        if (!isSo) throw new FormatException("it does not belong here");
    }

    private CapturedTable? Known(uint relation) => _tables.TryGetValue(relation, out var table) ? table : throw new FormatException($"table {relation} was not described");

    private bool Change(byte type, ReadOnlySpan<byte> content)
    {
        switch (type)
        {
            case (byte)'B':
                Require(!IsInTransaction && content.Length == BeginBytes);
                _commitPosition = BinaryPrimitives.ReadInt64BigEndian(content);
                CommittedAt = Moments.OfMicroseconds(Epoch, BinaryPrimitives.ReadInt64BigEndian(content[8..]));
                Transaction = BinaryPrimitives.ReadUInt32BigEndian(content[16..]);
                _sequence = 0;
                IsInTransaction = true;
                IsPassedOver = false;
                return false;
            case (byte)'C':
                Require(IsInTransaction && content.Length == CommitBytes && BinaryPrimitives.ReadInt64BigEndian(content[1..]) == _commitPosition);
                Reached = BinaryPrimitives.ReadInt64BigEndian(content[9..]);
                IsInTransaction = false;
                return false;
            case (byte)'I' or (byte)'U' or (byte)'D':
                Require(IsInTransaction);
                if (Known(BinaryPrimitives.ReadUInt32BigEndian(content)) is not { } table || IsPassedOver) return false;
                content = content[sizeof(uint)..];
                if (type == (byte)'I') table.Insert(content, _commitPosition, ref _sequence);
                else if (type == (byte)'U') table.Update(content, _commitPosition, ref _sequence);
                else table.Delete(content, _commitPosition, ref _sequence);
                return true;
            case (byte)'T':
                var truncated = BinaryPrimitives.ReadInt32BigEndian(content);
                Require(IsInTransaction && truncated > 0 && content.Length == 1 + ((1L + truncated) * sizeof(uint)));
                if (IsPassedOver) return false;
                for (var i = truncated; i > 0; i--) Known(BinaryPrimitives.ReadUInt32BigEndian(content[(1 + i * sizeof(uint))..]))?.Truncate(_commitPosition, ref _sequence);
                return true;
            // Of another server, a type of its own, a message of an application.
            case (byte)'O' or (byte)'Y' or (byte)'M':
                return false;
            default:
                throw new FormatException("there is none");
        }
    }
}
