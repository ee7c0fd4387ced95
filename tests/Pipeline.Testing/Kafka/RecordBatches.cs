using System.Buffers.Binary;
using System.Numerics;

namespace Pipeline.Testing.Kafka;

/// <summary>Record batches (message format 2) of a partition, as they stand in an answer to Fetch.</summary>
internal static class RecordBatches
{
    private const int LengthAt = 8, EpochAt = 12, CrcAt = 17, AttributesAt = 21, LastDeltaAt = 23, FirstTimestampAt = 27, MaxTimestampAt = 35, HeadBytes = 12;

    public static byte[] Rewrite(ReadOnlySpan<byte> records, PartitionRules rules)
    {
        var result = records.ToArray();
        var at = 0;
        while (at + HeadBytes <= result.Length)
        {
            var offset = BinaryPrimitives.ReadInt64BigEndian(result.AsSpan(at));
            var end = at + HeadBytes + BinaryPrimitives.ReadInt32BigEndian(result.AsSpan(at + LengthAt));
            // A broker cuts the last batch where the client has no room for more.
            if (end > result.Length || offset >= rules.End || offset >= rules.OpenFrom) return result[..at];
            Rewrite(result.AsSpan(at..end), offset, rules);
            at = end;
        }

        return result[..at];
    }

    private static void Rewrite(Span<byte> batch, long offset, PartitionRules rules)
    {
        var lastOffset = offset + BinaryPrimitives.ReadInt32BigEndian(batch[LastDeltaAt..]);
        BinaryPrimitives.WriteInt32BigEndian(batch[EpochAt..], rules.EpochOf(offset, BinaryPrimitives.ReadInt32BigEndian(batch[EpochAt..])));
        if (rules.Timestamps.TryGetValue(offset, out var timestamp))
        {
            BinaryPrimitives.WriteInt64BigEndian(batch[FirstTimestampAt..], timestamp);
            BinaryPrimitives.WriteInt64BigEndian(batch[MaxTimestampAt..], timestamp);
            BinaryPrimitives.WriteUInt32BigEndian(batch[CrcAt..], Crc(batch[AttributesAt..]));
        }

        if (rules.Damaged.Any(damaged => damaged >= offset && damaged <= lastOffset)) batch[^2] ^= 0x01;
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var next in bytes) crc = BitOperations.Crc32C(crc, next);
        return ~crc;
    }
}
