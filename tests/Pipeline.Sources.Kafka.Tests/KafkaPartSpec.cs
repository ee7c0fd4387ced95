using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>A part of a topic that is read again, of a broker that has more behind it.</summary>
public sealed class KafkaPartSpec : KafkaSpec
{
    [Fact]
    public async Task A_partition_is_read_to_the_end_of_its_part_and_no_further_beside_one_that_goes_on()
    {
        await using var kafka = new KafkaFixture(partitions: 2);
        await kafka.AppendAsync(40, Deadline);
        await using var source = kafka.Open();
        var splits = await source.ListSplitsAsync(kafka.Table, Deadline);

        var read = await ReadRecords.ReadAsync(source, 7 + 20, Deadline, [new SplitPosition(splits[0].Id, 3) { End = 10 }, new SplitPosition(splits[1].Id, 0)]);

        Assert.Equal((new PositionRange(3, 10), new PositionRange(0, 20)), (read.Ranges[splits[0].Id], read.Ranges[splits[1].Id]));
        Assert.Equal(Enumerable.Range(3, 7).Select(offset => (long)offset), read.Records.Where(record => record.Partition == 0).Select(record => record.Offset));
    }
}
