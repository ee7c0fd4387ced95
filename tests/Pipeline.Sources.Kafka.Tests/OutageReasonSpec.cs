using Microsoft.Extensions.Time.Testing;
using Pipeline.Sources.Kafka.Reading;

namespace Pipeline.Sources.Kafka.Tests;

public sealed class OutageReasonSpec
{
    private readonly FakeTimeProvider _time = new();
    private readonly OutageReason _reason;

    public OutageReasonSpec() => _reason = new OutageReason(_time);

    [Fact]
    public void Without_a_word_of_a_broker_all_are_down() => Assert.Equal("all brokers are down", _reason.Now);

    [Fact]
    public void What_a_broker_said_last_is_the_reason()
    {
        _reason.Note("Disconnected.");
        _reason.Note("Connection refused.");

        Assert.Equal("Connection refused", _reason.Now);
    }

    [Fact]
    public void What_was_said_long_ago_is_not_the_reason_of_now()
    {
        _reason.Note("SSL handshake failed");
        _time.Advance(TimeSpan.FromSeconds(31));

        Assert.Equal("all brokers are down", _reason.Now);
    }

    [Fact]
    public void What_was_said_in_an_outage_that_is_over_is_not_the_reason_of_the_next()
    {
        _reason.Note("SSL handshake failed");
        _reason.Clear();

        Assert.Equal("all brokers are down", _reason.Now);
    }
}
