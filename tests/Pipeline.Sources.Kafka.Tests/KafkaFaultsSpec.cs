using Confluent.Kafka;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka.Tests;

public sealed class KafkaFaultsSpec
{
    /// <summary>What stays as it is until somebody acts.</summary>
    private static readonly Dictionary<ErrorCode, FaultKind> Final = new()
    {
        [ErrorCode.UnknownTopicOrPart] = FaultKind.Missing,
        [ErrorCode.Local_UnknownTopic] = FaultKind.Missing,
        [ErrorCode.Local_UnknownPartition] = FaultKind.Missing,
        [ErrorCode.TopicAuthorizationFailed] = FaultKind.NotAuthorised,
        [ErrorCode.GroupAuthorizationFailed] = FaultKind.NotAuthorised,
        [ErrorCode.ClusterAuthorizationFailed] = FaultKind.NotAuthorised,
        [ErrorCode.SaslAuthenticationFailed] = FaultKind.NotAuthorised,
        [ErrorCode.UnsupportedSaslMechanism] = FaultKind.NotAuthorised,
        [ErrorCode.IllegalSaslState] = FaultKind.NotAuthorised,
        [ErrorCode.Local_Authentication] = FaultKind.NotAuthorised,
        [ErrorCode.Local_Ssl] = FaultKind.NotAuthorised,
        [ErrorCode.Local_BadMsg] = FaultKind.Damaged,
        [ErrorCode.Local_BadCompression] = FaultKind.Damaged,
        [ErrorCode.TopicException] = FaultKind.Invalid,
        [ErrorCode.UnsupportedForMessageFormat] = FaultKind.Invalid,
        [ErrorCode.Local_InvalidArg] = FaultKind.Invalid,
        [ErrorCode.Local_NotImplemented] = FaultKind.Invalid,
    };

    [Fact]
    public void Every_code_but_those_that_are_listed_may_pass()
    {
        // One of a broker or a client that is newer than this too.
        foreach (var code in Enum.GetValues<ErrorCode>().Append((ErrorCode)9_999).Append((ErrorCode)(-9_999)))
        {
            var fault = KafkaFaults.Describe("Source events", new Error(code, "something happened."));

            Assert.True(fault.Kind == Final.GetValueOrDefault(code, FaultKind.Unreachable), $"{code}: {fault.Kind}");
        }
    }

    [Fact]
    public void A_code_that_nobody_knows_is_named()
    {
        var fault = KafkaFaults.Describe("Source events", new Error((ErrorCode)9_999, "something new"));

        Assert.Equal("Source events: something new (9999). See the brokers' logs.", fault.Message);
    }

    [Fact]
    public void What_librdkafka_gets_over_by_itself_is_no_refusal()
    {
        Assert.DoesNotContain(Enum.GetValues<ErrorCode>(), code => KafkaFaults.IsPassing(code) && (KafkaFaults.IsRefusal(code) || Final.ContainsKey(code)));
    }
}
