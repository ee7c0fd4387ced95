using Confluent.Kafka;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka;

/// <summary>
/// librdkafka's errors in our words. What nobody can mend but by acting is listed here; every other code, one of a later
/// broker or client too, may pass.
/// </summary>
internal static class KafkaFaults
{
    private static readonly (string Theirs, string Ours)[] Settings =
    [
        ("ssl.ca.location", "security.ca-file"), ("ssl.ca.pem", "security.ca-pem"), ("ssl.certificate.location", "security.certificate-file"), ("ssl.certificate.pem", "security.certificate-pem"),
        ("ssl.key.location", "security.key-file"), ("ssl.key.pem", "security.key-pem"), ("ssl.key.password", "security.key-password"), ("ssl.endpoint.identification.algorithm", "security.verify-hostname"),
        ("sasl.username", "security.username"), ("sasl.password", "security.password"), ("sasl.mechanisms", "security.mechanism"), ("sasl.mechanism", "security.mechanism"), ("bootstrap.servers", "bootstrap"),
    ];

    /// <summary>Errors that librdkafka retries by itself, without losing its place.</summary>
    public static bool IsPassing(ErrorCode code) => code is
        ErrorCode.Local_Transport or ErrorCode.Local_AllBrokersDown or ErrorCode.Local_Resolve or ErrorCode.Local_TimedOut
        or ErrorCode.Local_TimedOutQueue or ErrorCode.Local_WaitCoord or ErrorCode.Local_Retry or ErrorCode.Local_Fail
        or ErrorCode.LeaderNotAvailable or ErrorCode.NotLeaderForPartition or ErrorCode.RequestTimedOut
        or ErrorCode.BrokerNotAvailable or ErrorCode.ReplicaNotAvailable or ErrorCode.NetworkException
        or ErrorCode.KafkaStorageError or ErrorCode.FencedLeaderEpoch or ErrorCode.UnknownLeaderEpoch
        or ErrorCode.OffsetNotAvailable or ErrorCode.GroupCoordinatorNotAvailable or ErrorCode.NotCoordinatorForGroup
        or ErrorCode.GroupLoadInProgress or ErrorCode.Local_MaxPollExceeded;

    public static bool IsRefusal(ErrorCode code) => code is
        ErrorCode.Local_Authentication or ErrorCode.SaslAuthenticationFailed or ErrorCode.UnsupportedSaslMechanism
        or ErrorCode.IllegalSaslState or ErrorCode.Local_Ssl or ErrorCode.TopicAuthorizationFailed
        or ErrorCode.ClusterAuthorizationFailed or ErrorCode.GroupAuthorizationFailed;

    /// <summary>The client library's text with our settings in place of its own, which nobody can write here.</summary>
    public static string InOurWords(string text)
    {
        foreach (var (theirs, ours) in Settings) text = text.Replace(theirs, ours, StringComparison.Ordinal);
        return text;
    }

    /// <summary>By the alerts that end a handshake (RFC 8446, 6.2).</summary>
    private static bool WantsOurs(string cause) => cause.Contains("certificate required", StringComparison.Ordinal) || cause.Contains("bad certificate", StringComparison.Ordinal) || cause.Contains("alert unknown ca", StringComparison.Ordinal);

    /// <param name="thing">What the error is about.</param>
    /// <param name="detail">The best text there is; librdkafka's own text of the code when null.</param>
    public static PipelineException Describe(string thing, Error error, string? detail = null, Exception? inner = null)
    {
        var cause = InOurWords(detail ?? error.Reason).TrimEnd('.');
        return error.Code switch
        {
            ErrorCode.UnknownTopicOrPart or ErrorCode.Local_UnknownTopic or ErrorCode.Local_UnknownPartition => new(FaultKind.Missing,
                thing, "the cluster has no such topic or partition", "Create the topic, or correct the table's setting topic.", inner),
            ErrorCode.TopicException => new(FaultKind.Invalid, thing, "the cluster does not take this for the name of a topic", "Correct the table's setting topic.", inner),
            ErrorCode.UnsupportedForMessageFormat => new(FaultKind.Invalid, thing, $"the topic's records are of a format without what is asked for: {cause}",
                "Raise the topic's message format.", inner),
            ErrorCode.Local_BadMsg or ErrorCode.Local_BadCompression => new(FaultKind.Damaged, thing, $"records are not as they were written: {cause}",
                "Check the disk of the broker that leads the partition; let another replica lead it.", inner),
            ErrorCode.Local_InvalidArg or ErrorCode.Local_NotImplemented => new(FaultKind.Invalid, thing, $"the client refuses a setting: {cause}", "Correct the source's settings.", inner),
            ErrorCode.TopicAuthorizationFailed => new(FaultKind.NotAuthorised, thing, "reading the topic is not allowed",
                "Grant the user READ and DESCRIBE on the topic (kafka-acls --add --operation Read --topic ...).", inner),
            ErrorCode.ClusterAuthorizationFailed => new(FaultKind.NotAuthorised, thing, "the cluster does not allow this user",
                "Grant the user DESCRIBE on the cluster.", inner),
            ErrorCode.GroupAuthorizationFailed => new(FaultKind.NotAuthorised, thing, "using the consumer group is not allowed",
                "Grant the user READ on the group, or set commit-group-offsets = false.", inner),
            ErrorCode.Local_Ssl when cause.Contains("PLAINTEXT broker", StringComparison.Ordinal) || cause.Contains("wrong version number", StringComparison.Ordinal) => new(FaultKind.NotAuthorised, thing,
                "the broker answers in plain text: this port speaks no TLS", "Name the port that does in bootstrap, or write security.protocol = plaintext (with a user: sasl-plaintext).", inner),
            ErrorCode.Local_Ssl when WantsOurs(cause) => new(FaultKind.NotAuthorised, thing, "the broker wants a certificate of ours that it believes", "Show one: security.certificate-file and security.key-file.", inner),
            ErrorCode.Local_Ssl when cause.Contains("certificate verify failed", StringComparison.Ordinal) => new(FaultKind.NotAuthorised, thing, "the broker's certificate is not believed",
                "Name a PEM file with the authority that signed it: security.ca-file.", inner),
            ErrorCode.Local_Ssl => new(FaultKind.NotAuthorised, thing, $"the TLS handshake failed: {cause}",
                "Check security.ca-file, that bootstrap names the host in the broker's certificate, and that the port speaks TLS.", inner),
            ErrorCode.Local_Transport when WantsOurs(cause) => new(FaultKind.NotAuthorised, thing, "the broker wants a certificate of ours that it believes", "Show one: security.certificate-file and security.key-file.", inner),
            ErrorCode.Local_Transport when cause.Contains("SSL listener", StringComparison.Ordinal) => new(FaultKind.Unreachable, thing, "the broker closes the connection at the first word, as a port does that speaks TLS",
                "If it does, write security.protocol = ssl (with a user: sasl-ssl). Else see the brokers' logs.", inner),
            var code when IsRefusal(code) => new(FaultKind.NotAuthorised, thing, $"the broker refused the credentials: {cause}",
                "Check security.username, security.password and security.mechanism.", inner),
            var code when IsPassing(code) => new(FaultKind.Unreachable, thing, $"no broker answers: {cause}",
                "Check bootstrap, the network and security.protocol.", inner),
            _ => new(FaultKind.Unreachable, thing, $"{cause} ({error.Code})", "See the brokers' logs.", inner),
        };
    }
}
