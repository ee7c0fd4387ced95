using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Sources.Kafka.Catalog;

namespace Pipeline.Sources.Kafka;

/// <summary>A Kafka source as configured.</summary>
public sealed class KafkaSourceDefinition(KafkaSourceOptions options) : ISourceDefinition
{
    public KafkaSourceOptions Options { get; } = options;

    public string Name => Options.Name;

    public string Kind => "kafka";

    public IReadOnlyList<SourceTable> Tables { get; } = [.. options.Tables.Select(table => new SourceTable(table.Name, table.Workers)
    {
        TechnicalColumns = KafkaSchemas.Ordering,
        PositionsNameRecords = true,
        DeletesCarry = KafkaSchemas.OfDeletes(table),
        Tags = table.Tags,
    })];

    public ISource Open(SourceServices services) => new KafkaSource(this, services);

    /// <summary>Offsets of the group are all that reading leaves.</summary>
    public ISource OpenToLook(SourceServices services, int rowsMax) => new KafkaSourceDefinition(Options with { Group = null }).Open(services);
}
