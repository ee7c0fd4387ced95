using System.Text;
using Confluent.Kafka;

namespace Pipeline.Sources.Kafka.Reading;

/// <summary>One record at a time through Confluent.Kafka's public calls: several times slower, for where <see cref="NativeFeed"/> cannot be had.</summary>
internal sealed class ConsumeFeed(IConsumer<byte[]?, byte[]?> consumer, IReadOnlyList<PartitionReading> partitions) : RecordFeed(partitions)
{
    private readonly HeadersJson _headers = new();

    public override int Take(int waitMs, int countMax)
    {
        for (var count = 0; count < countMax; count++)
            if (!TakeOne(count == 0 ? waitMs : 0)) return count;
        return countMax;
    }

    /// <summary>A wait is at most a few hundred milliseconds long; it ends by itself.</summary>
    public override void Wake()
    {
    }

    public override void Dispose() => _headers.Dispose();

    private bool TakeOne(int waitMs)
    {
        ConsumeResult<byte[]?, byte[]?>? result;
        try
        {
            result = consumer.Consume(waitMs);
        }
        catch (ConsumeException e)
        {
            var place = e.ConsumerRecord;
            OnError(place?.Topic is { } topic ? Find(topic, place.Partition) : null, e.Error.Code, e.Error.Reason);
            return true;
        }

        if (result is null) return false;
        var partition = Find(result.Topic, result.Partition);
        if (result.IsPartitionEOF) partition?.ReachEnd(result.Offset);
        else partition?.Take(new KafkaRecord
        {
            Offset = result.Offset,
            TimestampMs = result.Message.Timestamp.Type == TimestampType.NotAvailable ? -1 : result.Message.Timestamp.UnixTimestampMs,
            HasKey = result.Message.Key is not null,
            Key = result.Message.Key,
            HasValue = result.Message.Value is not null,
            Value = result.Message.Value,
            HeadersJson = Headers(result.Message.Headers),
        });
        return true;
    }

    private ReadOnlySpan<byte> Headers(Headers? headers)
    {
        if (headers is null || headers.Count == 0) return default;
        foreach (var header in headers)
        {
            var value = header.GetValueBytes();
            _headers.Add(Encoding.UTF8.GetBytes(header.Key), value, value is null);
        }

        return _headers.Write();
    }
}
