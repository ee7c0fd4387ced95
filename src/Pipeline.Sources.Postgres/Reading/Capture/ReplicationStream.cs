using System.Buffers.Binary;
using Pipeline.Core;
using Pipeline.Sources.Postgres.Catalog;
using Pipeline.Sources.Postgres.Client;

namespace Pipeline.Sources.Postgres.Reading.Capture;

/// <summary>What a slot sends, as its reader takes it.</summary>
internal interface ISlotMessages
{
    /// <summary>Whether <see cref="Read"/> would return without waiting.</summary>
    bool HasMessage { get; }

    /// <summary>Whether something comes within this time.</summary>
    bool Poll(TimeSpan wait);

    /// <summary>The next change; false for a keepalive, which tells how far the server has come.</summary>
    /// <param name="change">What pgoutput wrote: a type byte and its content.</param>
    /// <param name="serverPosition">Everything committed before it has been sent.</param>
    /// <param name="isWaiting">The server waits for our confirmation, perhaps to shut down.</param>
    bool Read(out ReadOnlySpan<byte> change, out long serverPosition, out bool isWaiting);
}

/// <summary>
/// The messages of a slot (manual 55.4): <c>START_REPLICATION</c>, then changes and keepalives in, our status out. One
/// thread reads; any may report.
/// </summary>
internal sealed class ReplicationStream(WireConnection connection, TimeProvider time) : ISlotMessages
{
    private const int ChangeHeaderBytes = 25;
    private const int KeepaliveBytes = 18;
    private static readonly DateTimeOffset Epoch = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly Lock _sending = new();
    private long _received;
    private long _confirmed;

    public bool HasMessage => connection.HasMessage;

    public bool Poll(TimeSpan wait) => connection.Poll(wait);

    /// <param name="from">The first transaction that is sent is committed there or behind.</param>
    /// <param name="confirmed">What the server is told of until <see cref="Confirm"/>; null: all before <paramref name="from"/>.</param>
    public void Start(string slot, string publication, long from, bool isBinary, long? confirmed = null)
    {
        _received = _confirmed = confirmed ?? from;
        connection.SendQuery($"START_REPLICATION SLOT {Sql.Identifier(slot)} LOGICAL {Lsn.Format(from)} "
            + $"(proto_version '1', publication_names {Sql.Text(Sql.Identifier(publication))}{(isBinary ? ", binary 'true'" : "")})");
        while (connection.Read(out _) != (byte)'W')
        {
            // Nothing else comes before the stream.
        }

        connection.GatherMessages();
    }

    public bool Read(out ReadOnlySpan<byte> change, out long serverPosition, out bool isWaiting)
    {
        while (true)
        {
            var type = connection.Read(out var content);
            if (type != (byte)'d') throw new EndOfStreamException($"the server ended the replication stream with '{(char)type}'");
            if (content.IsEmpty || content.Length < (content[0] == (byte)'w' ? ChangeHeaderBytes + 1 : content[0] == (byte)'k' ? KeepaliveBytes : 1))
                throw WireFault.Of($"a message of the replication stream has {Plural.Of(content.Length, "byte")}");
            switch (content[0])
            {
                case (byte)'w':
                    serverPosition = BinaryPrimitives.ReadInt64BigEndian(content[9..]);
                    change = content[ChangeHeaderBytes..];
                    isWaiting = false;
                    Received(serverPosition);
                    return true;
                case (byte)'k':
                    serverPosition = BinaryPrimitives.ReadInt64BigEndian(content[1..]);
                    change = default;
                    Received(serverPosition);
                    isWaiting = content[17] != 0;
                    if (isWaiting) Report();
                    return false;
            }
        }
    }

    /// <summary>Everything committed before <paramref name="position"/> is durable: the server may forget it.</summary>
    /// <returns>Whether that is news.</returns>
    public bool Confirm(long position)
    {
        lock (_sending)
        {
            if (position <= _confirmed) return false;
            _confirmed = position;
            return true;
        }
    }

    /// <summary>Tells the server where we are; without it for long, it takes us for dead.</summary>
    /// <param name="asksForReply">Whether the server answers with a keepalive at once, and so shows that it lives.</param>
    public void Report(bool asksForReply = false)
    {
        Span<byte> status = stackalloc byte[34];
        lock (_sending)
        {
            status[0] = (byte)'r';
            BinaryPrimitives.WriteInt64BigEndian(status[1..], Math.Max(_received, _confirmed));
            BinaryPrimitives.WriteInt64BigEndian(status[9..], _confirmed);
            BinaryPrimitives.WriteInt64BigEndian(status[17..], _confirmed);
            BinaryPrimitives.WriteInt64BigEndian(status[25..], (time.GetUtcNow() - Epoch).Ticks / TimeSpan.TicksPerMicrosecond);
            status[33] = asksForReply ? (byte)1 : (byte)0;
            connection.Send((byte)'d', status);
        }
    }

    private void Received(long position)
    {
        lock (_sending) _received = Math.Max(_received, position);
    }
}
