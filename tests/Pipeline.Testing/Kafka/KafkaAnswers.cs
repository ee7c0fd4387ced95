namespace Pipeline.Testing.Kafka;

/// <summary>Answers of brokers, rewritten.</summary>
internal static class KafkaAnswers
{
    private const short NoVersion = -1;

    /// <summary>The versions that are read here, and no others are offered.</summary>
    private static readonly Dictionary<KafkaApi, (short Min, short Max)> Versions = new()
    {
        [KafkaApi.Fetch] = (4, 11),
        [KafkaApi.ListOffsets] = (1, 5),
        [KafkaApi.Metadata] = (9, 12),
        [KafkaApi.FindCoordinator] = (0, 2),
        [KafkaApi.OffsetForLeaderEpoch] = (2, 2),
    };

    /// <param name="addresses">The proxy's own for a broker's.</param>
    public static byte[] Rewrite(byte[] answer, KafkaRequestFrame request, KafkaProxyRules rules, Func<(string Host, int Port), (string Host, int Port)> addresses, bool hasSasl)
    {
        var editor = new FrameEditor(answer, isFlexible: request is { Api: KafkaApi.Metadata, Version: >= 9 });
        // Correlation id.
        editor.Copy(4);
        switch (request.Api)
        {
            case KafkaApi.ApiVersions:
                RewriteVersions(editor, hasSasl);
                break;
            case KafkaApi.Metadata:
                RewriteMetadata(editor, request.Version, rules, addresses);
                break;
            case KafkaApi.FindCoordinator:
                RewriteCoordinator(editor, request.Version, rules, addresses);
                break;
            case KafkaApi.ListOffsets:
                RewriteOffsets(editor, request.Version, rules);
                break;
            case KafkaApi.OffsetForLeaderEpoch:
                RewriteEpochEnds(editor, request, rules);
                break;
            case KafkaApi.Fetch:
                RewriteFetched(editor, request, rules);
                break;
        }

        return editor.Finish();
    }

    private static void RewriteVersions(FrameEditor editor, bool hasSasl)
    {
        var error = editor.ReadInt16();
        editor.WriteInt16(error);
        // To a version that the broker does not know it answers in the oldest form: the client asks again.
        if (error != 0) return;
        var offered = new List<(short Api, short Min, short Max)>();
        for (var count = editor.ReadCount(); count > 0; count--)
        {
            var (api, min, max) = (editor.ReadInt16(), editor.ReadInt16(), editor.ReadInt16());
            if (Versions.TryGetValue((KafkaApi)api, out var known)) (min, max) = (Math.Max(min, known.Min), Math.Min(max, known.Max));
            offered.Add(max < min ? (api, NoVersion, NoVersion) : (api, min, max));
        }

        if (hasSasl) offered.AddRange([((short)KafkaApi.SaslHandshake, 0, 1), ((short)KafkaApi.SaslAuthenticate, 0, 0)]);
        offered.RemoveAll(api => api.Max == NoVersion);
        editor.WriteCount(offered.Count);
        foreach (var (api, min, max) in offered)
        {
            editor.WriteInt16(api);
            editor.WriteInt16(min);
            editor.WriteInt16(max);
        }
    }

    private static void RewriteMetadata(FrameEditor editor, short version, KafkaProxyRules rules, Func<(string, int), (string Host, int Port)> addresses)
    {
        editor.CopyTags();
        // Throttling.
        editor.Copy(4);
        for (var brokers = editor.CopyCount(); brokers > 0; brokers--)
        {
            editor.Copy(4);
            var (host, port) = addresses((editor.ReadText(), editor.ReadInt32()));
            editor.WriteText(host);
            editor.WriteInt32(port);
            // The rack.
            editor.CopyText();
            editor.CopyTags();
        }

        // The cluster's id, the controller.
        editor.CopyText();
        editor.Copy(4);
        for (var topics = editor.CopyCount(); topics > 0; topics--) RewriteTopic(editor, version, rules);
    }

    private static void RewriteTopic(FrameEditor editor, short version, KafkaProxyRules rules)
    {
        var told = (KafkaError)editor.ReadInt16();
        var name = editor.ReadText();
        var id = version >= 10 ? editor.Read(16).ToArray() : [];
        var ours = rules.ErrorOf(KafkaApi.Metadata, name);
        editor.WriteInt16((short)(ours == KafkaError.None ? told : ours));
        editor.WriteText(name);
        editor.Write(id.Length > 0 && rules.TopicIds.TryGetValue(name, out var other) ? other.ToByteArray(bigEndian: true) : id);
        // Whether it is internal.
        editor.Copy(1);
        var partitions = editor.ReadCount();
        editor.WriteCount(ours == KafkaError.None ? partitions : 0);
        editor.IsLeavingOut = ours != KafkaError.None;
        for (; partitions > 0; partitions--)
        {
            var (partitionError, partition, leader, epoch) = (editor.ReadInt16(), editor.ReadInt32(), editor.ReadInt32(), editor.ReadInt32());
            var rule = rules.Of(name, partition);
            editor.WriteInt16(rule.IsLeaderless ? (short)KafkaError.LeaderNotAvailable : partitionError);
            editor.WriteInt32(partition);
            editor.WriteInt32(rule.IsLeaderless ? -1 : leader);
            editor.WriteInt32(rule.Epoch ?? epoch);
            // Replicas, those in sync, those that are away.
            for (var list = 0; list < 3; list++) editor.CopyArray(4);
            editor.CopyTags();
        }

        editor.IsLeavingOut = false;
        // What is allowed.
        editor.Copy(4);
        editor.CopyTags();
    }

    private static void RewriteCoordinator(FrameEditor editor, short version, KafkaProxyRules rules, Func<(string, int), (string Host, int Port)> addresses)
    {
        if (version >= 1) editor.Copy(4);
        var told = (KafkaError)editor.ReadInt16();
        var error = rules.ErrorOf(KafkaApi.FindCoordinator) is var ours and not KafkaError.None ? ours : told;
        editor.WriteInt16((short)error);
        if (version >= 1) editor.CopyText();
        var (node, host, port) = (editor.ReadInt32(), editor.ReadText(), editor.ReadInt32());
        if (error == KafkaError.None) (host, port) = addresses((host, port));
        else (node, host, port) = (-1, "", -1);
        editor.WriteInt32(node);
        editor.WriteText(host);
        editor.WriteInt32(port);
    }

    private static void RewriteOffsets(FrameEditor editor, short version, KafkaProxyRules rules)
    {
        if (version >= 2) editor.Copy(4);
        for (var topics = editor.CopyCount(); topics > 0; topics--)
        {
            var topic = editor.CopyText();
            for (var partitions = editor.CopyCount(); partitions > 0; partitions--)
            {
                var rule = rules.Of(topic, editor.CopyInt32());
                var (told, timestamp, offset) = ((KafkaError)editor.ReadInt16(), editor.ReadInt64(), editor.ReadInt64());
                var error = ErrorOf(KafkaApi.ListOffsets, topic, rule, rules, told);
                editor.WriteInt16((short)error);
                editor.WriteInt64(timestamp);
                editor.WriteInt64(error != KafkaError.None ? -1 : Math.Min(offset, rule.End ?? offset));
                if (version < 4) continue;
                var epoch = editor.ReadInt32();
                editor.WriteInt32(rule.Epoch ?? epoch);
            }
        }
    }

    private static void RewriteEpochEnds(FrameEditor editor, KafkaRequestFrame request, KafkaProxyRules rules)
    {
        editor.Copy(4);
        for (var topics = editor.CopyCount(); topics > 0; topics--)
        {
            var topic = editor.CopyText();
            for (var partitions = editor.CopyCount(); partitions > 0; partitions--)
            {
                var (told, partition, epoch, end) = ((KafkaError)editor.ReadInt16(), editor.ReadInt32(), editor.ReadInt32(), editor.ReadInt64());
                var rule = rules.Of(topic, partition);
                if (rule.Epoch is { } current)
                {
                    var asked = (int)request.Asked[(topic, partition)];
                    // Of an epoch that is later than the leader's own it knows nothing.
                    (told, epoch, end) = asked < current ? (KafkaError.None, asked, rule.EpochFrom) : asked == current ? (KafkaError.None, current, rule.End ?? long.MaxValue) : (KafkaError.None, -1, -1);
                }

                var error = ErrorOf(KafkaApi.OffsetForLeaderEpoch, topic, rule, rules, told);
                editor.WriteInt16((short)error);
                editor.WriteInt32(partition);
                editor.WriteInt32(error == KafkaError.None ? epoch : -1);
                editor.WriteInt64(error == KafkaError.None ? end : -1);
            }
        }
    }

    private static void RewriteFetched(FrameEditor editor, KafkaRequestFrame request, KafkaProxyRules rules)
    {
        editor.Copy(4);
        // Error and session.
        if (request.Version >= 7) editor.Copy(2 + 4);
        for (var topics = editor.CopyCount(); topics > 0; topics--)
        {
            var topic = editor.CopyText();
            for (var partitions = editor.CopyCount(); partitions > 0; partitions--) RewriteFetched(editor, request, topic, rules);
        }
    }

    private static void RewriteFetched(FrameEditor editor, KafkaRequestFrame request, string topic, KafkaProxyRules rules)
    {
        var partition = editor.CopyInt32();
        var rule = rules.Of(topic, partition);
        var (told, high, stable) = ((KafkaError)editor.ReadInt16(), editor.ReadInt64(), editor.ReadInt64());
        if (request.Asked[(topic, partition)] > rule.End) told = KafkaError.OffsetOutOfRange;
        var error = ErrorOf(KafkaApi.Fetch, topic, rule, rules, told);
        editor.WriteInt16((short)error);
        editor.WriteInt64(error != KafkaError.None ? -1 : Math.Min(high, rule.End ?? high));
        editor.WriteInt64(error != KafkaError.None ? -1 : Math.Min(Math.Min(stable, rule.OpenFrom ?? stable), rule.End ?? stable));
        // The log's start.
        if (request.Version >= 5) editor.Copy(8);
        // Aborted transactions; the replica to prefer.
        editor.CopyArray(8 + 8);
        if (request.Version >= 11) editor.Copy(4);
        var records = editor.Read(Math.Max(0, editor.ReadInt32()));
        var rewritten = error != KafkaError.None ? [] : RecordBatches.Rewrite(records, rule);
        editor.WriteInt32(rewritten.Length);
        editor.Write(rewritten);
    }

    private static KafkaError ErrorOf(KafkaApi api, string topic, PartitionRules rule, KafkaProxyRules rules, KafkaError told) =>
        rules.ErrorOf(api, topic) is var ours and not KafkaError.None ? ours : rule.IsLeaderless ? KafkaError.NotLeaderOrFollower : told;
}
