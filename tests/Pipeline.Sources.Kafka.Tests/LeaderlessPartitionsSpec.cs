using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Sources.Kafka.Catalog;
using Pipeline.Testing;

namespace Pipeline.Sources.Kafka.Tests;

public sealed class LeaderlessPartitionsSpec
{
    private readonly FakeTimeProvider _time = new();
    private readonly LogLines _log = new();
    private readonly LeaderlessPartitions _partitions;

    public LeaderlessPartitionsSpec() => _partitions = new LeaderlessPartitions(_time, _log);

    [Fact]
    public void A_partition_that_nobody_leads_is_told_once_with_its_end_however_often_it_is_seen()
    {
        for (var second = 0; second < 60; second += 2)
        {
            See("clicks", 1);
            See("views");
            _time.Advance(TimeSpan.FromSeconds(2));
        }

        See("clicks");
        See("clicks");

        Assert.Equal(2, Lines().Count);
        Assert.Contains("1", Lines()[0], StringComparison.Ordinal);
        Assert.All(Lines(), line => Assert.Contains("topic clicks", line, StringComparison.Ordinal));
    }

    [Fact]
    public void An_election_is_not_told_and_every_outage_is()
    {
        See("clicks", 0);
        _time.Advance(TimeSpan.FromSeconds(4));
        See("clicks", 0);
        See("clicks");
        Assert.Empty(Lines());

        for (var outage = 0; outage < 2; outage++)
        {
            See("clicks", 0);
            _time.Advance(TimeSpan.FromSeconds(5));
            See("clicks", 0);
            See("clicks");
        }

        Assert.Equal(4, Lines().Count);
    }

    [Fact]
    public void Each_partition_is_told_for_itself()
    {
        See("clicks", 0, 1);
        _time.Advance(TimeSpan.FromSeconds(5));
        See("clicks", 0, 1);
        See("clicks", 1);

        Assert.Equal(3, Lines().Count);
    }

    private void See(string topic, params int[] leaderless) => _partitions.See(new KafkaTopic(topic, null, 3, null) { Leaderless = leaderless }, $"topic {topic}");

    private IReadOnlyList<string> Lines() => [.. Enum.GetValues<LogLevel>().SelectMany(level => _log.At(level))];
}
