using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace Pipeline.Sources.Kafka;

internal static partial class KafkaSourceLog
{
    [LoggerMessage(Level = LogLevel.Debug, Message = "librdkafka {Facility}: {Text}")]
    public static partial void Librdkafka(this ILogger log, string facility, string text);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Thing}: {Code}: {Reason}. The client retries")]
    public static partial void PassingError(this ILogger log, string thing, ErrorCode code, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Thing}: all brokers are down ({Reason}). The client reconnects")]
    public static partial void AllBrokersDown(this ILogger log, string thing, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing}: committing group offsets is not allowed; lag tools will not see this source. Grant READ on the group or set commit-group-offsets = false")]
    public static partial void GroupRefused(this ILogger log, string thing);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing}: {Cause}; lag tools will not see this source, whose records are read all the same. {NextStep}")]
    public static partial void GroupIsAnothers(this ILogger log, string thing, string cause, string nextStep);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Thing}: nobody else commits as group {Group} any more; offsets are committed")]
    public static partial void GroupIsFree(this ILogger log, string thing, string group);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing}: no offsets are committed any more until the source is read anew; its records are read all the same")]
    public static partial void GroupLeft(this ILogger log, Exception failure, string thing);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Thing}: the offsets of group {Group} cannot be looked at, none is committed until they can: {Cause}")]
    public static partial void GroupUnseen(this ILogger log, string thing, string group, string cause);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Thing}: the password was refused and has changed meanwhile; connecting with the new one")]
    public static partial void CredentialsRotated(this ILogger log, string thing);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Thing}: the password has been replaced; new connections bring the new one")]
    public static partial void PasswordReplaced(this ILogger log, string thing);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Thing}: the topic was deleted and created again, it is {Id} now and was {Before}: its partitions are read from their beginning")]
    public static partial void MadeAnew(this ILogger log, string thing, string id, string before);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Split} is halted: {Cause}")]
    public static partial void Gap(this ILogger log, string split, string cause);
}
