using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Sources.Kafka;

/// <summary><c>type = kafka</c>: topics of a Kafka cluster, read by partition and offset, without a consumer group.</summary>
public sealed class KafkaSourceKind : ISourceOfUrl
{
    public string Kind => "kafka";

    public IReadOnlyList<string> Schemes { get; } = ["kafka"];

    public ISourceDefinition Bind(string name, SettingsReader settings) => new KafkaSourceDefinition(KafkaSourceOptions.Bind(name, settings));

    public bool NeedsPassword(SourceUrl url) => url?.Username is not null;

    public ValueTask<IReadOnlyList<DiscoveredTable>> DiscoverAsync(SourceUrl url, SourceServices services, CancellationToken cancellationToken) =>
        KafkaDraft.DiscoverAsync(url, services, cancellationToken);

    public ValueTask<TableDraft> DraftAsync(SourceUrl url, string table, string password, SourceServices services, CancellationToken cancellationToken) =>
        KafkaDraft.OfAsync(url, table, password, services, cancellationToken);
}
