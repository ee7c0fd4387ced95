using Pipeline.Configuration;
using Pipeline.Core;

namespace Pipeline.Sources.Snowflake;

/// <summary><c>type = snowflake</c>: tables of a Snowflake account, read by watermark over the public SQL API.</summary>
public sealed class SnowflakeSourceKind : ISourceOfUrl
{
    public string Kind => "snowflake";

    public IReadOnlyList<string> Schemes { get; } = ["snowflake"];

    public ISourceDefinition Bind(string name, SettingsReader settings) => new SnowflakeSourceDefinition(SnowflakeSourceOptions.Bind(name, settings));

    public bool NeedsPassword(SourceUrl url) => url?.Option("key-file") is null;

    public ValueTask<IReadOnlyList<DiscoveredTable>> DiscoverAsync(SourceUrl url, SourceServices services, CancellationToken cancellationToken) =>
        SnowflakeDraft.DiscoverAsync(url, services, cancellationToken);

    public ValueTask<TableDraft> DraftAsync(SourceUrl url, string table, string password, SourceServices services, CancellationToken cancellationToken) =>
        SnowflakeDraft.OfAsync(url, table, password, services, cancellationToken);
}
