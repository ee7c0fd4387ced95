using System.Buffers.Binary;

namespace Pipeline.Emulation.Kafka;

/// <summary>Fetch requests and their answers, of the version that <see cref="EmbeddedKafka"/> speaks when topics have no identity.</summary>
internal static class FetchFrames
{
    private const short Version = 12;

    public static bool IsFetch(byte[] request) =>
        BinaryPrimitives.ReadInt16BigEndian(request) == (short)KafkaRequest.Fetch && BinaryPrimitives.ReadInt16BigEndian(request.AsSpan(2)) == Version;

    /// <summary>How long the client lets the broker wait for records, in milliseconds.</summary>
    /// <param name="body">Where the request goes on behind the client's id.</param>
    public static int ReadWait(byte[] request, int body) => BinaryPrimitives.ReadInt32BigEndian(request.AsSpan(WaitAt(body)));

    public static void WriteWait(byte[] request, int body, int milliseconds) => BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(WaitAt(body)), milliseconds);

    /// <summary>Whether an answer carries records or an error.</summary>
    public static bool BringsSomething(byte[] answer)
    {
        var reader = new Reader(answer);
        // Correlation id, tags, throttle time.
        reader.Skip(4);
        reader.SkipTags();
        reader.Skip(4);
        if (reader.Int16() != 0) return true;
        // Session.
        reader.Skip(4);
        for (var topics = reader.Varint() - 1; topics > 0; topics--)
        {
            reader.Skip(reader.Varint() - 1);
            for (var partitions = reader.Varint() - 1; partitions > 0; partitions--)
            {
                reader.Skip(4);
                if (reader.Int16() != 0) return true;
                // High watermark, last stable offset, start of the log; aborted transactions of two numbers each; preferred replica.
                reader.Skip(3 * 8);
                for (var aborted = reader.Varint() - 1; aborted > 0; aborted--)
                {
                    reader.Skip(2 * 8);
                    reader.SkipTags();
                }

                reader.Skip(4);
                if (reader.Varint() > 1) return true;
                reader.SkipTags();
            }

            reader.SkipTags();
        }

        return false;
    }

    /// <summary>Behind no tags of the header and the replica's id.</summary>
    private static int WaitAt(int body) => body + 1 + 4;

    private ref struct Reader(byte[] frame)
    {
        private int _at;

        public void Skip(int bytes) => _at += bytes;

        public short Int16()
        {
            _at += 2;
            return BinaryPrimitives.ReadInt16BigEndian(frame.AsSpan(_at - 2));
        }

        public int Varint()
        {
            var value = 0;
            for (var shift = 0; ; shift += 7)
            {
                var next = frame[_at++];
                value |= (next & 0x7F) << shift;
                if ((next & 0x80) == 0) return value;
            }
        }

        public void SkipTags()
        {
            for (var tags = Varint(); tags > 0; tags--)
            {
                Varint();
                Skip(Varint());
            }
        }
    }
}
