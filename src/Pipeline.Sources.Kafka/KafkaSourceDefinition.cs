using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka;

public sealed class KafkaSourceDefinition(string name, KafkaSourceOptions options) : ISourceDefinition
{
    public string Name { get; } = name;

    public string Kind => "kafka";

    public KafkaSourceOptions Options { get; } = options;

    public IReadOnlyList<SourceTable> Tables { get; } = [.. options.Tables.Select(table => new SourceTable(table.Name, table.Workers))];

    public ISource Open(SourceServices services) => new KafkaSource(Name, Options, services);
}
