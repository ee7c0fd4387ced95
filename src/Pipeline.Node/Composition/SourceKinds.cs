using Pipeline.Configuration;
using Pipeline.Sources.Kafka;
using Pipeline.Sources.Postgres;
using Pipeline.Sources.Snowflake;

namespace Pipeline.Node.Composition;

/// <summary>The kinds of source that this node knows: one project each.</summary>
public static class SourceKinds
{
    public static IReadOnlyList<ISourceKind> All { get; } = [new KafkaSourceKind(), new PostgresSourceKind(), new SnowflakeSourceKind()];
}
