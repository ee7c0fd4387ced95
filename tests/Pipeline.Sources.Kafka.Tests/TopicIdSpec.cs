using Confluent.Kafka;
using Pipeline.Sources.Kafka.Catalog;

namespace Pipeline.Sources.Kafka.Tests;

/// <summary>Kafka's own tools print an id in the alphabet of URLs, the client in another.</summary>
public sealed class TopicIdSpec
{
    [Theory]
    [InlineData(-4, -2, "__________z__________g")]
    [InlineData(0, 0, "AAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData(-289_360_691_352_306_693, -289_360_691_352_306_693, "-_v7-_v7-_v7-_v7-_v7-w")]
    public void An_id_is_told_as_Kafkas_tools_print_it(long most, long least, string printed) => Assert.Equal(printed, KafkaTopic.Printed(new Uuid(most, least).ToString()));
}
