using System.Buffers.Binary;

namespace Pipeline.Testing.Kafka;

/// <summary>A request on its way through a <see cref="KafkaProxy"/>, and what its answer depends on.</summary>
internal sealed class KafkaRequestFrame
{
    private KafkaRequestFrame(byte[] bytes)
    {
        Bytes = bytes;
        Api = (KafkaApi)BinaryPrimitives.ReadInt16BigEndian(bytes);
        Version = BinaryPrimitives.ReadInt16BigEndian(bytes.AsSpan(2));
        Correlation = BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(4));
        Body = 10 + Math.Max(0, (int)BinaryPrimitives.ReadInt16BigEndian(bytes.AsSpan(8)));
    }

    public KafkaApi Api { get; }

    public short Version { get; }

    public int Correlation { get; }

    public byte[] Bytes { get; private set; }

    /// <summary>Where it goes on behind the client's id.</summary>
    public int Body { get; }

    /// <summary>What was asked for: an offset of Fetch, an epoch of OffsetForLeaderEpoch.</summary>
    public Dictionary<(string Topic, int Partition), long> Asked { get; } = [];

    public static KafkaRequestFrame Of(byte[] bytes, KafkaProxyRules rules)
    {
        var request = new KafkaRequestFrame(bytes);
        request.Rewrite(rules);
        return request;
    }

    /// <summary>The broker knows nothing of epochs that are made up: it is not asked about them.</summary>
    private void Rewrite(KafkaProxyRules rules)
    {
        if (Api is not (KafkaApi.Fetch or KafkaApi.ListOffsets or KafkaApi.OffsetForLeaderEpoch)) return;
        var editor = new FrameEditor(Bytes, isFlexible: false);
        editor.Copy(Body);
        switch (Api)
        {
            case KafkaApi.Fetch:
                // Replica, wait, two limits of bytes, isolation; then the session.
                editor.Copy(4 + 4 + 4 + 4 + 1);
                if (Version >= 7) editor.Copy(4 + 4);
                EachPartition(editor, rules, hasEpoch: Version >= 9, _ => editor.ReadInt64(), (asked, edit) => edit.WriteInt64(asked), (Version >= 5 ? 8 : 0) + 4);
                break;
            case KafkaApi.ListOffsets:
                editor.Copy(4);
                if (Version >= 2) editor.Copy(1);
                EachPartition(editor, rules, hasEpoch: Version >= 4, _ => editor.ReadInt64(), (asked, edit) => edit.WriteInt64(asked), restBytes: 0);
                break;
            default:
                EachPartition(editor, rules, hasEpoch: true, _ => editor.ReadInt32(), (asked, edit) => edit.WriteInt32((int)asked), restBytes: 0);
                break;
        }

        Bytes = editor.Finish();
    }

    private void EachPartition(FrameEditor editor, KafkaProxyRules rules, bool hasEpoch, Func<FrameEditor, long> read, Action<long, FrameEditor> write, int restBytes)
    {
        for (var topics = editor.CopyCount(); topics > 0; topics--)
        {
            var topic = editor.CopyText();
            for (var partitions = editor.CopyCount(); partitions > 0; partitions--)
            {
                var partition = editor.CopyInt32();
                if (hasEpoch)
                {
                    var current = editor.ReadInt32();
                    editor.WriteInt32(rules.Of(topic, partition).Epoch is null ? current : -1);
                }

                var asked = read(editor);
                Asked[(topic, partition)] = asked;
                write(asked, editor);
                editor.Copy(restBytes);
            }
        }
    }
}
